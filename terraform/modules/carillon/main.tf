# What all bridges stand on: the services of Google Cloud, who builds, and where sources and images are.

data "google_project" "this" {
  project_id = var.project
}

locals {
  # What `make stage` wrote: file and entry point, by function. It is not needed to validate and to destroy.
  manifest = "${var.staged}/functions.json"
  staged   = fileexists(local.manifest) ? jsondecode(file(local.manifest)) : {}

  # What is asked for, by bridge.
  wanted = { rooms = var.rooms, campus = var.campus, exports = var.exports, stays = var.stays, school = var.school }

  # The names that functions and Cloud Scheduler know.
  time_zones = split("\n", trimspace(file("${path.module}/time_zones.txt")))

  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"

  # Where everything is: what the modules of bridges need.
  place = {
    project          = var.project
    region           = var.region
    scheduler_region = var.scheduler_region
    kms_key          = var.kms_key
    pubsub_agent     = local.pubsub_agent
  }

  # What all functions share.
  platform = {
    project = var.project
    region  = var.region
    source  = google_storage_bucket.source.name
    functions = {
      for name, staged in local.staged :
      name => { object = google_storage_bucket_object.source[name].name, entry_point = staged.entry_point }
    }
    build        = terraform_data.builder.output
    repository   = google_artifact_registry_repository.functions.id
    pubsub_agent = local.pubsub_agent
    operators    = var.operators
    all_users    = var.all_users
    kms_key      = var.kms_key
  }
}

resource "google_project_service" "this" {
  for_each = toset(concat(var.budget == null ? [] : ["billingbudgets.googleapis.com"], [
    "artifactregistry.googleapis.com",
    "calendar-json.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudscheduler.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ], length(local.databases) > 0 ? ["sqladmin.googleapis.com"] : []))

  project            = var.project
  service            = each.key
  disable_on_destroy = false
}

# The account that builds. Writing build logs is a right on the project: there is no smaller one.
resource "google_service_account" "build" {
  project      = var.project
  account_id   = "carillon-build"
  display_name = "Builds functions"

  depends_on = [google_project_service.this]
}

# The builder as functions know it: with its rights.
resource "terraform_data" "builder" {
  input = google_service_account.build.id

  depends_on = [
    google_project_iam_member.build_logs,
    google_project_iam_member.build_reads_copies,
    google_storage_bucket_iam_member.build_reads_source,
    google_artifact_registry_repository_iam_member.build_writes_images,
  ]
}

resource "google_project_iam_member" "build_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

# Cloud Functions copies a zip into a bucket of its own, which it makes with the first function, and builds from there.
# A right on that bucket cannot be given before: it is one on the project that holds for this bucket alone.
resource "google_project_iam_member" "build_reads_copies" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title      = "sources of functions"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${data.google_project.this.number}-${var.region}\")"
  }
}

resource "google_storage_bucket" "source" {
  project                     = var.project
  name                        = "${var.project}-carillon-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  # Enough to go back to an earlier release.
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

  lifecycle {
    precondition {
      condition     = fileexists(local.manifest) || alltrue(flatten([for bridge in local.wanted : [for part in values(bridge) : !part.running]]))
      error_message = "The functions are not staged: run `make stage` in the repository's root, then try again."
    }
  }
}

# A zip's name holds its contents' hash: another source is another object, and so another deployment.
resource "google_storage_bucket_object" "source" {
  for_each = local.staged

  bucket = google_storage_bucket.source.name
  name   = each.value.file
  source = "${var.staged}/${each.value.file}"

  # The one before goes when the function no longer names it.
  lifecycle {
    create_before_destroy = true
  }
}

resource "google_storage_bucket_iam_member" "build_reads_source" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

resource "google_artifact_registry_repository" "functions" {
  project       = var.project
  location      = var.region
  repository_id = "carillon"
  format        = "DOCKER"
  kms_key_name  = var.kms_key

  cleanup_policies {
    id     = "newest"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }
  cleanup_policies {
    id     = "old"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_artifact_registry_repository_iam_member" "build_writes_images" {
  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.functions.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}
