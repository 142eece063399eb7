# The exports bridge: Cegid's exports in the bucket that Odoo imports, once for each in var.exports.

locals {
  companies = { for name, company in var.exports : name => company if company.running }

  exports_secrets = merge([
    for name, company in var.exports : { for secret in concat(company.secrets, company.transfer_secrets) : "${name}-exports-${secret}" => name }
  ]...)

  # By company, the volumes of what exports.json names, and of those that the transfer alone needs.
  exports_volumes = {
    for name, company in var.exports : name => {
      for secret in company.secrets : secret => google_secret_manager_secret.exports["${name}-exports-${secret}"].secret_id
    }
  }
  transfer_volumes = {
    for name, company in var.exports : name => {
      for secret in company.transfer_secrets : secret => google_secret_manager_secret.exports["${name}-exports-${secret}"].secret_id
    }
  }

  # What exports-queries keeps: whose queries an account of Cegid sees.
  exports_providers = "exports/providers.json"
}

# What people fill: exports.json, and the secrets that it names.

resource "google_storage_bucket" "exports_config" {
  for_each = var.exports

  project                     = var.project
  name                        = "${var.project}-${each.key}-exports-config"
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

resource "google_secret_manager_secret" "exports" {
  for_each = local.exports_secrets

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

# What the functions keep, and the files themselves. The importer's own rights on them are its operator's to give.

resource "google_storage_bucket" "exports_state" {
  for_each = var.exports

  project                     = var.project
  name                        = "${var.project}-${each.key}-exports-state"
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
      days_since_noncurrent_time = 30
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

resource "google_storage_bucket" "exports_files" {
  for_each = var.exports

  project                     = var.project
  name                        = "${var.project}-${each.key}-exports-files"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # What somebody deleted or overwrote can be had back for a month.
  versioning {
    enabled = true
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 30
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

resource "google_pubsub_topic" "exports" {
  for_each = local.companies

  project      = var.project
  name         = "${each.key}-exports_transfer"
  kms_key_name = var.kms_key

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.this]
}

module "exports_dead_letters" {
  source   = "./modules/dead_letters"
  for_each = local.companies

  platform     = local.platform
  installation = each.key
  bridge       = "exports"
  bucket       = google_storage_bucket.exports_state[each.key].name
}

# Moves the files.
module "exports_transfer" {
  source   = "./modules/function"
  for_each = local.companies

  platform     = local.platform
  installation = each.key
  function     = "exports-transfer"
  instances    = 3
  concurrency  = 8
  timeout      = 590
  memory       = "1Gi"

  environment = {
    CONFIG_BUCKET  = google_storage_bucket.exports_config[each.key].name
    STATE_BUCKET   = google_storage_bucket.exports_state[each.key].name
    EXPORTS_BUCKET = google_storage_bucket.exports_files[each.key].name
    TOPIC_PREFIX   = "${each.key}-"
  }
  secrets = merge(local.exports_volumes[each.key], local.transfer_volumes[each.key])
  buckets = {
    config = { bucket = google_storage_bucket.exports_config[each.key].name, role = "roles/storage.objectViewer" }
    state  = { bucket = google_storage_bucket.exports_state[each.key].name, role = "roles/storage.objectUser" }
    files  = { bucket = google_storage_bucket.exports_files[each.key].name, role = "roles/storage.objectUser" }
  }
  publishes = {
    transfer = google_pubsub_topic.exports[each.key].name
  }
  subscriptions = {
    transfer = { topic = google_pubsub_topic.exports[each.key].id, attempts = 20 }
  }
  dead_letters = module.exports_dead_letters[each.key].topic
}

# Shows and controls Cegid's scheduled queries, for who has queries_key. It writes one document of its own, and reads the names of the others,
# without which Cloud Storage refuses to say that a document is not there yet.
module "exports_queries" {
  source   = "./modules/function"
  for_each = local.companies

  platform     = local.platform
  installation = each.key
  function     = "exports-queries"
  public       = true
  instances    = 2
  concurrency  = 20
  timeout      = 60

  environment = {
    CONFIG_BUCKET = google_storage_bucket.exports_config[each.key].name
    STATE_BUCKET  = google_storage_bucket.exports_state[each.key].name
  }
  secrets = local.exports_volumes[each.key]
  buckets = {
    config    = { bucket = google_storage_bucket.exports_config[each.key].name, role = "roles/storage.objectViewer" }
    providers = { bucket = google_storage_bucket.exports_state[each.key].name, role = "roles/storage.objectUser", prefix = local.exports_providers }
    names     = { bucket = google_storage_bucket.exports_state[each.key].name, role = "roles/storage.legacyBucketReader" }
  }
}

resource "google_cloud_scheduler_job" "exports" {
  for_each = local.companies

  project   = var.project
  region    = var.scheduler_region
  name      = "${each.key}-exports-transfer"
  schedule  = "50 * * * *"
  time_zone = each.value.time_zone

  pubsub_target {
    topic_name = google_pubsub_topic.exports[each.key].id
    attributes = { kind = "all" }
  }
}
