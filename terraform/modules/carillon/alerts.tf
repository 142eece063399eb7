# What tells somebody that something no longer works.

resource "google_monitoring_notification_channel" "email" {
  count = var.alert_email == "" ? 0 : 1

  project      = var.project
  display_name = "Carillon"
  type         = "email"
  labels       = { email_address = var.alert_email }

  depends_on = [google_project_service.this]
}

locals {
  channels = concat([for channel in google_monitoring_notification_channel.email : channel.id], var.alert_channels)

  # Every bridge. Their modules say what is to be reported.
  bridges = [module.rooms.alerts, module.campus.alerts, module.exports.alerts, module.stays.alerts, module.school.alerts]

  # Callers of public functions do not go through a queue, so no dead letter reports their failures.
  public_functions = merge([for bridge in local.bridges : bridge.public_functions]...)
}

module "progress" {
  source   = "../progress"
  for_each = merge([for bridge in local.bridges : bridge.progress]...)

  project  = var.project
  name     = each.key
  running  = each.value.running
  function = each.value.function
  message  = each.value.message
  silence  = each.value.silence
  channels = local.channels

  depends_on = [google_project_service.this]
}

# A message that no attempt could bring: it waits in dead/ of the bridge's state bucket.
resource "google_monitoring_alert_policy" "dead_letters" {
  for_each = toset(flatten([for bridge in local.bridges : bridge.dead_letters]))

  project               = var.project
  display_name          = "${each.key}: dead letters"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "a dead letter has come"
    condition_threshold {
      filter          = "metric.type=\"pubsub.googleapis.com/subscription/dead_letter_message_count\" AND resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=starts_with(\"${each.key}-\")"
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_DELTA"
      }
    }
  }

  # These lines are rare, and an incident that stays open tells of no other.
  alert_strategy {
    auto_close = "1800s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = "A function could not take a message after all attempts. It is in dead/ of the bridge's state bucket. See docs/deploy-operate.md, \"When something is wrong\"."
  }
}

# What people, displays and Google call answers 5xx. One may be a pause of an outside system; four in an hour, or in a day where calls are few, are not.
resource "google_monitoring_alert_policy" "public_functions" {
  for_each = local.public_functions

  project               = var.project
  display_name          = "${each.key}: a public function fails"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "more than three requests in ${each.value.window == "3600s" ? "an hour" : "a day"} were answered with 5xx"
    condition_threshold {
      filter          = "metric.type=\"run.googleapis.com/request_count\" AND metric.labels.response_code_class=\"5xx\" AND resource.type=\"cloud_run_revision\" AND resource.labels.service_name=one_of(${join(", ", [for function in each.value.functions : jsonencode("${each.key}-${function}")])})"
      comparison      = "COMPARISON_GT"
      threshold_value = 3
      duration        = "0s"
      aggregations {
        alignment_period     = each.value.window
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.service_name"]
      }
    }
  }

  alert_strategy {
    auto_close = "7200s"
    dynamic "notification_channel_strategy" {
      for_each = length(local.channels) == 0 ? [] : [local.channels]
      content {
        notification_channel_names = notification_channel_strategy.value
        renotify_interval          = "86400s"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "See the function's log in Cloud Run, and docs/deploy-operate.md, \"When something is wrong\"."
  }

  depends_on = [google_project_service.this]
}
