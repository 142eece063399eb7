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

  # After the last line Google counts zeros for a while, which are not absent, and nothing later.
  conditions {
    display_name = "less than one in ${var.silence}"
    condition_threshold {
      filter                  = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.this.name}\" AND resource.type=\"cloud_run_revision\""
      comparison              = "COMPARISON_LT"
      threshold_value         = 1
      duration                = "60s"
      evaluation_missing_data = "EVALUATION_MISSING_DATA_ACTIVE"
      aggregations {
        alignment_period     = var.silence
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  # Google closes an incident after a week at the latest; until then it is repeated each day.
  alert_strategy {
    auto_close = "604800s"
    dynamic "notification_channel_strategy" {
      for_each = length(var.channels) == 0 ? [] : [var.channels]
      content {
        notification_channel_names = notification_channel_strategy.value
        renotify_interval          = "86400s"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${var.function} has logged no \"${var.message}\" in ${var.silence}. See its logs in Cloud Run, the jobs in Cloud Scheduler, and docs/deploy-operate.md, \"When something is wrong\"."
  }
}
