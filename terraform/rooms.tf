# The rooms bridge: Google Calendar's rooms on the displays of their doors, once for each office in var.rooms.

locals {
  offices = { for name, office in var.rooms : name => office if office.running }

  # Every secret of every office: what signs the channels' tokens, the one before while it is changed, and what config.json names.
  rooms_secrets = merge([
    for name, office in var.rooms : {
      for secret in concat(["webhook-key", "webhook-key-previous"], office.secrets) :
      "${name}-rooms-${secret}" => { office = name, secret = secret }
    }
  ]...)

  # By office, the volumes of what config.json names: the Arduino account, for those who speak to Arduino or know callers by its secret.
  rooms_volumes = {
    for name, office in var.rooms : name => {
      for secret in office.secrets : secret => google_secret_manager_secret.rooms["${name}-rooms-${secret}"].secret_id
    }
  }

  # By office, the volumes of the keys of channels' tokens, and the variables that point there.
  rooms_keys = {
    for name, office in var.rooms : name => {
      for secret in concat(["webhook-key"], office.previous_webhook_key ? ["webhook-key-previous"] : []) :
      secret => google_secret_manager_secret.rooms["${name}-rooms-${secret}"].secret_id
    }
  }
}

# How they meet.

resource "google_pubsub_topic" "rooms" {
  for_each = merge([
    for name, office in local.offices : {
      for topic in ["roomcalendar_events", "roomcalendar_tick", "roomcalendar_due", "roomcalendar_refresh", "roomcalendar_watch"] :
      "${name}-${topic}" => topic
    }
  ]...)

  project      = var.project
  name         = each.key
  kms_key_name = var.kms_key

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.this]
}

module "rooms_dead_letters" {
  source   = "./modules/dead_letters"
  for_each = local.offices

  platform     = local.platform
  installation = each.key
  bridge       = "rooms"
  bucket       = google_storage_bucket.rooms_state[each.key].name
}

# Google Calendar tells it of changes.
module "rooms_webhook" {
  source   = "./modules/function"
  for_each = local.offices

  platform     = local.platform
  installation = each.key
  function     = "rooms-webhook"
  public       = true
  instances    = 10
  concurrency  = 80
  timeout      = 60

  environment = merge(
    {
      CONFIG_BUCKET    = google_storage_bucket.rooms_config[each.key].name
      WATCH_BUCKET     = google_storage_bucket.rooms_watch[each.key].name
      TOPIC_PREFIX     = "${each.key}-"
      CALENDAR_ACCOUNT = google_service_account.rooms_calendar[each.key].email
      WEBHOOK_KEY      = "file:/secrets/webhook-key/${local.rooms_keys[each.key]["webhook-key"]}"
    },
    each.value.previous_webhook_key ? { WEBHOOK_KEY_PREVIOUS = "file:/secrets/webhook-key-previous/${local.rooms_keys[each.key]["webhook-key-previous"]}" } : {},
  )
  secrets = local.rooms_keys[each.key]
  buckets = {
    config = { bucket = google_storage_bucket.rooms_config[each.key].name, role = "roles/storage.objectViewer" }
    watch  = { bucket = google_storage_bucket.rooms_watch[each.key].name, role = "roles/storage.objectViewer" }
  }
  publishes = {
    events = google_pubsub_topic.rooms["${each.key}-roomcalendar_events"].name
  }
}

# Keeps a push channel open on every room's calendar.
module "rooms_watch" {
  source   = "./modules/function"
  for_each = local.offices

  platform     = local.platform
  installation = each.key
  function     = "rooms-watch"
  instances    = 5
  concurrency  = 20
  timeout      = 60

  environment = {
    CONFIG_BUCKET    = google_storage_bucket.rooms_config[each.key].name
    WATCH_BUCKET     = google_storage_bucket.rooms_watch[each.key].name
    TOPIC_PREFIX     = "${each.key}-"
    CALENDAR_ACCOUNT = google_service_account.rooms_calendar[each.key].email
    WEBHOOK_KEY      = "file:/secrets/webhook-key/${local.rooms_keys[each.key]["webhook-key"]}"
  }
  secrets = { "webhook-key" = local.rooms_keys[each.key]["webhook-key"] }
  buckets = {
    config = { bucket = google_storage_bucket.rooms_config[each.key].name, role = "roles/storage.objectViewer" }
    watch  = { bucket = google_storage_bucket.rooms_watch[each.key].name, role = "roles/storage.objectUser" }
  }
  publishes = {
    watch = google_pubsub_topic.rooms["${each.key}-roomcalendar_watch"].name
  }
  subscriptions = {
    watch = { topic = google_pubsub_topic.rooms["${each.key}-roomcalendar_watch"].id, attempts = 20 }
  }
  dead_letters = module.rooms_dead_letters[each.key].topic
}

# Tells the Things. One instance: it holds the Arduino account's limit, its token and a lock per room; hundreds of rooms wait in it at once.
module "rooms_status" {
  source   = "./modules/function"
  for_each = local.offices

  platform     = local.platform
  installation = each.key
  function     = "rooms-status"
  instances    = 1
  concurrency  = 500
  timeout      = 60
  memory       = "512Mi"

  environment = {
    CONFIG_BUCKET = google_storage_bucket.rooms_config[each.key].name
    STATE_BUCKET  = google_storage_bucket.rooms_state[each.key].name
    TOPIC_PREFIX  = "${each.key}-"
  }
  secrets = local.rooms_volumes[each.key]
  buckets = {
    config = { bucket = google_storage_bucket.rooms_config[each.key].name, role = "roles/storage.objectViewer" }
    state  = { bucket = google_storage_bucket.rooms_state[each.key].name, role = "roles/storage.objectUser" }
  }
  publishes = {
    due     = google_pubsub_topic.rooms["${each.key}-roomcalendar_due"].name
    refresh = google_pubsub_topic.rooms["${each.key}-roomcalendar_refresh"].name
    watch   = google_pubsub_topic.rooms["${each.key}-roomcalendar_watch"].name
  }
  subscriptions = {
    events = { topic = google_pubsub_topic.rooms["${each.key}-roomcalendar_events"].id, attempts = 20 }
    due    = { topic = google_pubsub_topic.rooms["${each.key}-roomcalendar_due"].id, attempts = 20 }
    tick   = { topic = google_pubsub_topic.rooms["${each.key}-roomcalendar_tick"].id, retention = "600s" }
  }
  dead_letters = module.rooms_dead_letters[each.key].topic
}

# Lists the rooms on schedule, because a few messages never arrive.
module "rooms_refresh" {
  source   = "./modules/function"
  for_each = local.offices

  platform     = local.platform
  installation = each.key
  function     = "rooms-refresh"
  instances    = 5
  concurrency  = 20
  timeout      = 60

  environment = {
    CONFIG_BUCKET    = google_storage_bucket.rooms_config[each.key].name
    STATE_BUCKET     = google_storage_bucket.rooms_state[each.key].name
    WATCH_BUCKET     = google_storage_bucket.rooms_watch[each.key].name
    TOPIC_PREFIX     = "${each.key}-"
    CALENDAR_ACCOUNT = google_service_account.rooms_calendar[each.key].email
  }
  buckets = {
    config = { bucket = google_storage_bucket.rooms_config[each.key].name, role = "roles/storage.objectViewer" }
    watch  = { bucket = google_storage_bucket.rooms_watch[each.key].name, role = "roles/storage.objectViewer" }
    state  = { bucket = google_storage_bucket.rooms_state[each.key].name, role = "roles/storage.objectUser" }
  }
  publishes = {
    events  = google_pubsub_topic.rooms["${each.key}-roomcalendar_events"].name
    due     = google_pubsub_topic.rooms["${each.key}-roomcalendar_due"].name
    refresh = google_pubsub_topic.rooms["${each.key}-roomcalendar_refresh"].name
  }
  subscriptions = {
    refresh = { topic = google_pubsub_topic.rooms["${each.key}-roomcalendar_refresh"].id, attempts = 20 }
  }
  dead_letters = module.rooms_dead_letters[each.key].topic
}

# Displays ask it, and book.
module "rooms_meetings" {
  source   = "./modules/function"
  for_each = local.offices

  platform     = local.platform
  installation = each.key
  function     = "rooms-meetings"
  public       = true
  instances    = 10
  concurrency  = 80
  timeout      = 60

  environment = {
    CONFIG_BUCKET    = google_storage_bucket.rooms_config[each.key].name
    STATE_BUCKET     = google_storage_bucket.rooms_state[each.key].name
    TOPIC_PREFIX     = "${each.key}-"
    CALENDAR_ACCOUNT = google_service_account.rooms_calendar[each.key].email
  }
  secrets = local.rooms_volumes[each.key]
  buckets = {
    config = { bucket = google_storage_bucket.rooms_config[each.key].name, role = "roles/storage.objectViewer" }
    state  = { bucket = google_storage_bucket.rooms_state[each.key].name, role = "roles/storage.objectUser" }
  }
  publishes = {
    events = google_pubsub_topic.rooms["${each.key}-roomcalendar_events"].name
    watch  = google_pubsub_topic.rooms["${each.key}-roomcalendar_watch"].name
  }
}

# Who acts in the name of the calendars' account.
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

# When.

resource "google_cloud_scheduler_job" "rooms" {
  for_each = merge([
    for name, office in local.offices : {
      "${name}-rooms-tick"    = { topic = "${name}-roomcalendar_tick", schedule = "* * * * *", kind = "tick", zone = office.time_zone }
      "${name}-rooms-refresh" = { topic = "${name}-roomcalendar_refresh", schedule = "7 * * * *", kind = "all", zone = office.time_zone }
      "${name}-rooms-watch"   = { topic = "${name}-roomcalendar_watch", schedule = "23 */6 * * *", kind = "all", zone = office.time_zone }
    }
  ]...)

  project   = var.project
  region    = var.scheduler_region
  name      = each.key
  schedule  = each.value.schedule
  time_zone = each.value.zone

  pubsub_target {
    topic_name = google_pubsub_topic.rooms[each.value.topic].id
    attributes = { kind = each.value.kind }
  }
}
