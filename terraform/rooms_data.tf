# What each office of the rooms bridge is filled with, and what its functions keep.

# What people fill: config.json, and the secrets.

resource "google_storage_bucket" "rooms_config" {
  for_each = var.rooms

  project                     = var.project
  name                        = "${var.project}-${each.key}-rooms-config"
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

resource "google_secret_manager_secret" "rooms" {
  for_each = local.rooms_secrets

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

# The account that the rooms' calendars are shared with. It has no key: the functions act in its name.
resource "google_service_account" "rooms_calendar" {
  for_each = var.rooms

  project      = var.project
  account_id   = "${each.key}-rooms-calendar"
  display_name = "Reads and books the rooms of ${each.key}"

  depends_on = [google_project_service.this]
}

# What the functions keep.

resource "google_storage_bucket" "rooms_watch" {
  for_each = var.rooms

  project                     = var.project
  name                        = "${var.project}-${each.key}-rooms-watch"
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

resource "google_storage_bucket" "rooms_state" {
  for_each = var.rooms

  project                     = var.project
  name                        = "${var.project}-${each.key}-rooms-state"
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
