# The rooms bridge: Google Calendar's rooms on the displays of their doors, once for each office in var.rooms.

locals {
  offices = { for name, office in var.rooms : name => office if office.running }
}

module "rooms" {
  source = "../bridge"

  place = local.place
  name  = "rooms"
  # What config.json names, the key that signs the channels' tokens, and the previous key while it is changed.
  installations = {
    for name, office in var.rooms :
    name => merge(office, { secrets = concat(["webhook-key", "webhook-key-previous"], office.secrets) })
  }
  buckets = { config = 90, state = 7, watch = 7 }
  topics = {
    events  = "roomcalendar_events"
    tick    = "roomcalendar_tick"
    due     = "roomcalendar_due"
    refresh = "roomcalendar_refresh"
    watch   = "roomcalendar_watch"
  }
  # A silence is two periods and a quarter of an hour, because Google may count lines ten minutes late.
  jobs = {
    tick = {
      schedule = "* * * * *"
      kind     = "tick"
      function = "status"
      message  = "tick"
      silence  = "900s"
    }
    refresh = {
      schedule = "7 * * * *"
      kind     = "all"
      function = "refresh"
      message  = "room listed"
      silence  = "8100s"
    }
    watch = {
      schedule = "23 */6 * * *"
      kind     = "all"
      function = "watch"
      message  = "watches looked at"
      silence  = "44100s"
    }
  }
  public_functions = ["webhook", "meetings"]
  public_window    = "3600s"

  depends_on = [google_project_service.this]
}

# The account that the rooms' calendars are shared with. It has no key: the functions act in its name.
resource "google_service_account" "rooms_calendar" {
  for_each = var.rooms

  project      = var.project
  account_id   = "${each.key}-rooms-calendar"
  display_name = "Reads and books the rooms of ${each.key}"

  depends_on = [google_project_service.this]
}

resource "google_service_account_iam_member" "rooms_calendar" {
  for_each = merge([
    for name, office in local.offices : {
      "${name}-webhook"  = { office = name, account = module.rooms_webhook[name].account }
      "${name}-watch"    = { office = name, account = module.rooms_watch[name].account }
      "${name}-refresh"  = { office = name, account = module.rooms_refresh[name].account }
      "${name}-meetings" = { office = name, account = module.rooms_meetings[name].account }
    }
  ]...)

  service_account_id = google_service_account.rooms_calendar[each.value.office].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = "serviceAccount:${each.value.account}"
}

# Google Calendar calls it when events change.
module "rooms_webhook" {
  source   = "../function"
  for_each = local.offices

  platform    = local.platform
  bridge      = module.rooms.running[each.key]
  function    = "webhook"
  public      = true
  instances   = 10
  concurrency = 80
  timeout     = 60

  environment = merge(
    {
      CALENDAR_ACCOUNT = google_service_account.rooms_calendar[each.key].email
      WEBHOOK_KEY      = module.rooms.secret_paths["${each.key}-rooms-webhook-key"]
    },
    each.value.previous_webhook_key ? {
      WEBHOOK_KEY_PREVIOUS = module.rooms.secret_paths["${each.key}-rooms-webhook-key-previous"]
    } : {},
  )
  secrets   = concat(["webhook-key"], each.value.previous_webhook_key ? ["webhook-key-previous"] : [])
  reads     = ["config", "watch"]
  publishes = ["events"]
}

# Keeps a push channel open on every room's calendar.
module "rooms_watch" {
  source   = "../function"
  for_each = local.offices

  platform    = local.platform
  bridge      = module.rooms.running[each.key]
  function    = "watch"
  instances   = 5
  concurrency = 20
  timeout     = 60

  environment = {
    CALENDAR_ACCOUNT = google_service_account.rooms_calendar[each.key].email
    WEBHOOK_KEY      = module.rooms.secret_paths["${each.key}-rooms-webhook-key"]
  }
  secrets       = ["webhook-key"]
  reads         = ["config"]
  writes        = ["watch"]
  publishes     = ["watch"]
  subscriptions = { watch = { attempts = 20 } }
}

# Publishes to the Things. One instance: it holds the Arduino account's limit, its token and a lock per room; hundreds
# of rooms wait in it at once.
module "rooms_status" {
  source   = "../function"
  for_each = local.offices

  platform    = local.platform
  bridge      = module.rooms.running[each.key]
  function    = "status"
  instances   = 1
  concurrency = 500
  timeout     = 60
  memory      = "512Mi"

  secrets       = each.value.secrets
  reads         = ["config"]
  writes        = ["state"]
  publishes     = ["due", "refresh", "watch"]
  subscriptions = { events = { attempts = 20 }, due = { attempts = 20 }, tick = { retention = "600s" } }
}

# Lists the rooms on schedule, because a few messages never arrive.
module "rooms_refresh" {
  source   = "../function"
  for_each = local.offices

  platform    = local.platform
  bridge      = module.rooms.running[each.key]
  function    = "refresh"
  instances   = 5
  concurrency = 20
  timeout     = 60

  environment   = { CALENDAR_ACCOUNT = google_service_account.rooms_calendar[each.key].email }
  reads         = ["config", "watch"]
  writes        = ["state"]
  publishes     = ["events", "due", "refresh"]
  subscriptions = { refresh = { attempts = 20 } }
}

# Displays ask it, and book.
module "rooms_meetings" {
  source   = "../function"
  for_each = local.offices

  platform    = local.platform
  bridge      = module.rooms.running[each.key]
  function    = "meetings"
  public      = true
  instances   = 10
  concurrency = 80
  timeout     = 60

  environment = { CALENDAR_ACCOUNT = google_service_account.rooms_calendar[each.key].email }
  secrets     = each.value.secrets
  reads       = ["config"]
  writes      = ["state"]
  publishes   = ["events", "watch"]
}

# A calendar's push channel is about to end and could not be renewed: from then on changes come with the hourly refresh only.
resource "google_logging_metric" "watch_expiry" {
  for_each = var.rooms

  project     = var.project
  name        = "${each.key}-rooms-watch-expiry"
  description = "Push channels that are near their end and could not be renewed."
  filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${each.key}-rooms-watch\" AND jsonPayload.message=\"watch near expiry\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "watch_expiry" {
  for_each = local.offices

  project               = var.project
  display_name          = "${each.key}-rooms: a watch is near its end"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "a push channel could not be renewed"
    condition_threshold {
      filter          = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.watch_expiry[each.key].name}\" AND resource.type=\"cloud_run_revision\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_DELTA"
      }
    }
  }

  alert_strategy {
    auto_close = "1800s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = "The log of ${each.key}-rooms-watch names the room and the reason. Most often its calendar is no longer shared with the account of the output calendar_accounts."
  }
}
