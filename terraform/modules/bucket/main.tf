# The buckets of one kind, such as config or state: one for each installation of a bridge.

terraform {
  required_providers {
    google = {
      source = "hashicorp/google"
    }
  }
}

resource "google_storage_bucket" "this" {
  for_each = var.installations

  project                     = var.place.project
  name                        = "${var.place.project}-${each.key}-${var.bridge}-${var.kind}"
  location                    = var.place.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # What was deleted or overwritten can be restored for some days.
  versioning {
    enabled = true
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = var.old_days
    }
  }
  dynamic "lifecycle_rule" {
    for_each = var.dead_letters ? ["dead/"] : []
    content {
      action {
        type = "Delete"
      }
      condition {
        age            = 31
        matches_prefix = [lifecycle_rule.value]
      }
    }
  }
  soft_delete_policy {
    retention_duration_seconds = 0
  }
  dynamic "encryption" {
    for_each = var.place.kms_key[*]
    content {
      default_kms_key_name = encryption.value
    }
  }

  # Its contents are in no other place. Another region or another short name would make a new, empty bucket.
  lifecycle {
    prevent_destroy = true
  }
}
