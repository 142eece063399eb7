# What every bridge has: buckets, secrets, topics, dead letters and scheduler jobs, for all its installations.
#
# The bridge is called once, not once for each installation: a moved block cannot move what has a for_each into
# the instances of a module, so installations of earlier releases could not keep their buckets.

terraform {
  required_providers {
    google = {
      source = "hashicorp/google"
    }
  }
}

locals {
  running = { for name, installation in var.installations : name => installation if installation.running }

  secrets = merge([
    for name, installation in var.installations : {
      for secret in installation.secrets : "${name}-${var.name}-${secret}" => secret
    }
  ]...)

  # Topics and jobs by the keys of their resources.
  topic_keys = {
    for name in keys(local.running) : name => {
      for short, topic in var.topics : short => contains(var.short_keys, short) ? name : "${name}-${topic}"
    }
  }
  topics = merge([
    for name, topics in local.topic_keys : { for short, key in topics : key => "${name}-${var.topics[short]}" }
  ]...)
  jobs = merge([
    for name, installation in local.running : {
      for short, job in var.jobs : contains(var.short_keys, short) ? name : "${name}-${var.name}-${short}" => {
        name      = "${name}-${var.name}-${short}"
        topic     = local.topic_keys[name][short]
        time_zone = installation.time_zone
        schedule  = job.schedule
        kind      = job.kind
      }
    }
  ]...)
}

# What people fill and what functions keep.

module "bucket" {
  source   = "../bucket"
  for_each = var.buckets

  place         = var.place
  bridge        = var.name
  kind          = each.key
  installations = toset(keys(var.installations))
  old_days      = each.value
  dead_letters  = each.key == "state"
}

resource "google_secret_manager_secret" "this" {
  for_each = local.secrets

  project   = var.place.project
  secret_id = each.key

  replication {
    user_managed {
      replicas {
        location = var.place.region
        dynamic "customer_managed_encryption" {
          for_each = var.place.kms_key[*]
          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }

  # A secret that is taken out is destroyed when no function shows it any more.
  lifecycle {
    create_before_destroy = true
  }
}

# What functions send each other.

resource "google_pubsub_topic" "this" {
  for_each = local.topics

  project      = var.place.project
  name         = each.value
  kms_key_name = var.place.kms_key

  message_storage_policy {
    allowed_persistence_regions = [var.place.region]
  }
}

module "dead_letters" {
  source   = "../dead_letters"
  for_each = local.running

  place        = var.place
  installation = each.key
  bridge       = var.name
  bucket       = module.bucket["state"].names[each.key]
}

# When functions run.

resource "google_cloud_scheduler_job" "this" {
  for_each = local.jobs

  project   = var.place.project
  region    = var.place.scheduler_region
  name      = each.value.name
  schedule  = each.value.schedule
  time_zone = each.value.time_zone

  pubsub_target {
    topic_name = google_pubsub_topic.this[each.value.topic].id
    attributes = { kind = each.value.kind }
  }
}
