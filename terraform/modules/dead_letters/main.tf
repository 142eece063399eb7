# Where a message goes that a function could not take after all attempts: a topic whose subscription writes it into a bucket, with its attributes.

terraform {
  required_providers {
    google = {
      source = "hashicorp/google"
    }
  }
}

resource "google_pubsub_topic" "dead" {
  project = var.place.project
  name    = "${var.installation}-${var.bridge}-dead"

  kms_key_name = var.place.kms_key

  message_storage_policy {
    allowed_persistence_regions = [var.place.region]
  }
}

resource "google_pubsub_topic_iam_member" "dead" {
  project = var.place.project
  topic   = google_pubsub_topic.dead.name
  role    = "roles/pubsub.publisher"
  member  = var.place.pubsub_agent

  lifecycle {
    replace_triggered_by = [google_pubsub_topic.dead.id]
  }
}

# Pub/Sub asks for both before it writes into a bucket.
resource "google_storage_bucket_iam_member" "dead" {
  for_each = toset(["roles/storage.objectCreator", "roles/storage.legacyBucketReader"])

  bucket = var.bucket
  role   = each.key
  member = var.place.pubsub_agent
}

resource "google_pubsub_subscription" "dead" {
  project                    = var.place.project
  name                       = "${var.installation}-${var.bridge}-dead"
  topic                      = google_pubsub_topic.dead.id
  message_retention_duration = "2678400s"
  ack_deadline_seconds       = 300 # no file may stay open for longer

  cloud_storage_config {
    bucket          = var.bucket
    filename_prefix = "dead/"
    filename_suffix = ".avro"
    max_duration    = "60s"
    avro_config {
      write_metadata = true
    }
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_storage_bucket_iam_member.dead]
}
