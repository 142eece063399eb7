# The exports bridge: Cegid's exports in the bucket that Odoo imports, once for each in var.exports.

locals {
  companies = { for name, company in var.exports : name => company if company.running }

  exports_secrets = merge([
    for name, company in var.exports : { for secret in company.secrets : "${name}-exports-${secret}" => name }
  ]...)

  # By company, the volumes of what exports.json names.
  exports_volumes = {
    for name, company in var.exports : name => {
      for secret in company.secrets : secret => google_secret_manager_secret.exports["${name}-exports-${secret}"].secret_id
    }
  }
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

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret" "exports" {
  for_each = local.exports_secrets

  project   = var.project
  secret_id = each.key

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.this]
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

  depends_on = [google_project_service.this]
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

  depends_on = [google_project_service.this]
}

resource "google_pubsub_topic" "exports" {
  for_each = local.companies

  project = var.project
  name    = "${each.key}-exports_transfer"

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
  secrets = local.exports_volumes[each.key]
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

# Shows and controls Cegid's scheduled queries, for who has queries_key. It writes cegid_provider_id into exports.json.
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
  }
  secrets = local.exports_volumes[each.key]
  buckets = {
    config = { bucket = google_storage_bucket.exports_config[each.key].name, role = "roles/storage.objectUser" }
  }
}

resource "google_cloud_scheduler_job" "exports" {
  for_each = local.companies

  project   = var.project
  region    = var.region
  name      = "${each.key}-exports-transfer"
  schedule  = "50 * * * *"
  time_zone = each.value.time_zone

  pubsub_target {
    topic_name = google_pubsub_topic.exports[each.key].id
    attributes = { kind = "all" }
  }
}
