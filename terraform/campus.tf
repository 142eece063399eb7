# The campus bridge: students' timetables in their ECAL calendars and feeds, once for each in var.campus.

locals {
  schools = { for name, school in var.campus : name => school if school.running }

  campus_secrets = merge([
    for name, school in var.campus : { for secret in school.secrets : "${name}-campus-${secret}" => name }
  ]...)
}

# What people fill: campus.json, and the secrets that it names.

resource "google_storage_bucket" "campus_config" {
  for_each = var.campus

  project                     = var.project
  name                        = "${var.project}-${each.key}-campus-config"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 90
    }
  }
  soft_delete_policy {
    retention_duration_seconds = 0
  }
  dynamic "encryption" {
    for_each = var.kms_key[*]
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.this]

  # What is in it is in no other place. Another region or another short name would make a new, empty one.
  lifecycle {
    prevent_destroy = true
  }
}

resource "google_secret_manager_secret" "campus" {
  for_each = local.campus_secrets

  project   = var.project
  secret_id = each.key

  replication {
    user_managed {
      replicas {
        location = var.region
        dynamic "customer_managed_encryption" {
          for_each = var.kms_key[*]
          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.this]

  # One that is taken out goes when no function shows it any more.
  lifecycle {
    create_before_destroy = true
  }
}

# What the functions keep.

resource "google_storage_bucket" "campus_state" {
  for_each = var.campus

  project                     = var.project
  name                        = "${var.project}-${each.key}-campus-state"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 7
    }
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 31
      matches_prefix = ["dead/"]
    }
  }
  soft_delete_policy {
    retention_duration_seconds = 0
  }
  dynamic "encryption" {
    for_each = var.kms_key[*]
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.this]

  # What is in it is in no other place. Another region or another short name would make a new, empty one.
  lifecycle {
    prevent_destroy = true
  }
}

resource "google_pubsub_topic" "campus" {
  for_each = local.schools

  project      = var.project
  name         = "${each.key}-campus_sync"
  kms_key_name = var.kms_key

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.this]
}

module "campus_dead_letters" {
  source   = "./modules/dead_letters"
  for_each = local.schools

  platform     = local.platform
  installation = each.key
  bridge       = "campus"
  bucket       = google_storage_bucket.campus_state[each.key].name
}

# Brings each calendar to the state of its timetable. One instance: a password that was refused is then tried once.
module "campus_sync" {
  source   = "./modules/function"
  for_each = local.schools

  platform     = local.platform
  installation = each.key
  function     = "campus-sync"
  instances    = 1
  concurrency  = 20
  timeout      = 590
  memory       = "512Mi"

  environment = {
    CONFIG_BUCKET = google_storage_bucket.campus_config[each.key].name
    STATE_BUCKET  = google_storage_bucket.campus_state[each.key].name
    TOPIC_PREFIX  = "${each.key}-"
  }
  secrets = { for secret in each.value.secrets : secret => google_secret_manager_secret.campus["${each.key}-campus-${secret}"].secret_id }
  buckets = {
    config = { bucket = google_storage_bucket.campus_config[each.key].name, role = "roles/storage.objectViewer" }
    state  = { bucket = google_storage_bucket.campus_state[each.key].name, role = "roles/storage.objectUser" }
  }
  publishes = {
    sync = google_pubsub_topic.campus[each.key].name
  }
  subscriptions = {
    sync = { topic = google_pubsub_topic.campus[each.key].id, attempts = 20 }
  }
  dead_letters = module.campus_dead_letters[each.key].topic
}

# Phones subscribe to it.
module "campus_feed" {
  source   = "./modules/function"
  for_each = local.schools

  platform     = local.platform
  installation = each.key
  function     = "campus-feed"
  public       = true
  instances    = 5
  concurrency  = 80
  timeout      = 30

  environment = {
    STATE_BUCKET = google_storage_bucket.campus_state[each.key].name
  }
  buckets = {
    state = { bucket = google_storage_bucket.campus_state[each.key].name, role = "roles/storage.objectViewer" }
  }
}

# A feed's key is in its address, and Cloud Run logs addresses.
resource "google_logging_project_exclusion" "feeds" {
  for_each = local.schools

  project     = var.project
  name        = "${each.key}-campus-feeds"
  description = "Addresses of feeds hold their keys."
  filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${each.key}-campus-feed\" AND httpRequest.requestUrl:\"key=\""

  depends_on = [google_project_service.this]
}

resource "google_cloud_scheduler_job" "campus" {
  for_each = local.schools

  project   = var.project
  region    = var.scheduler_region
  name      = "${each.key}-campus-sync"
  schedule  = "46 6-18 * * *"
  time_zone = each.value.time_zone

  pubsub_target {
    topic_name = google_pubsub_topic.campus[each.key].id
    attributes = { kind = "all" }
  }
}
