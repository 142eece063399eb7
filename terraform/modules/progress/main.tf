# Tells somebody when a function that should get on does not: it may fail, or not be called at all.

terraform {
  required_providers {
    google = {
      source = "hashicorp/google"
    }
  }
}

resource "google_logging_metric" "this" {
  project     = var.project
  name        = var.name
  description = "How often ${var.function} got on."
  filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${var.function}\" AND jsonPayload.message=\"${var.message}\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }
}

resource "google_monitoring_alert_policy" "this" {
  count = var.running ? 1 : 0

  project               = var.project
  display_name          = "${var.name}: no progress"
  combiner              = "OR"
  notification_channels = var.channels

  conditions {
    display_name = "nothing done in ${var.silence}"
    condition_absent {
      filter   = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.this.name}\" AND resource.type=\"cloud_run_revision\""
      duration = var.silence
      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${var.function} has logged no \"${var.message}\" in ${var.silence}. See its logs in Cloud Run, the jobs in Cloud Scheduler, and docs/deploy.md, \"When something is wrong\"."
  }
}
