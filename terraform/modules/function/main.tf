# A function with the account that it runs as, the account that calls it, its rights, its subscriptions.

terraform {
  required_providers {
    google = {
      source = "hashicorp/google"
    }
  }
}

locals {
  name   = "${var.bridge.installation}-${var.bridge.name}-${var.function}"
  source = "${var.bridge.name}-${var.function}"
  staged = lookup(var.platform.functions, local.source, { object = "", entry_point = "" })

  environment = merge(
    { for kind in concat(var.reads, var.writes) : "${upper(kind)}_BUCKET" => var.bridge.buckets[kind] },
    length(var.publishes) > 0 ? { TOPIC_PREFIX = "${var.bridge.installation}-" } : {},
    var.environment,
    { GOOGLE_CLOUD_PROJECT = var.platform.project },
  )
  secrets = { for secret in var.secrets : secret => var.bridge.secrets[secret] }
  buckets = merge(
    {
      for kind in var.reads :
      kind => { bucket = var.bridge.buckets[kind], role = "roles/storage.objectViewer", prefix = null }
    },
    {
      for kind in var.writes :
      kind => { bucket = var.bridge.buckets[kind], role = "roles/storage.objectUser", prefix = null }
    },
    var.buckets,
  )

  # A public one is everybody's to call, the others their own caller's and the operators'.
  callers = merge(
    { for everybody in ["allUsers"] : "public" => everybody if var.public && var.platform.all_users },
    { for i, account in google_service_account.call : "caller" => account.member if !var.public },
    { for operator in var.platform.operators : operator => operator if !var.public },
  )
}

resource "google_service_account" "run" {
  project      = var.platform.project
  account_id   = local.name
  display_name = "Runs ${local.name}"
}

resource "google_cloudfunctions2_function" "this" {
  project  = var.platform.project
  location = var.platform.region
  name     = local.name
  labels   = { installation = var.bridge.installation, bridge = var.bridge.name }

  kms_key_name = var.platform.kms_key

  build_config {
    runtime           = "go126"
    entry_point       = local.staged.entry_point
    docker_repository = var.platform.repository
    service_account   = var.platform.build

    # The flags of infra/stage/buildpack: without the tag Cloud Storage's client links gRPC.
    environment_variables = {
      GOFLAGS             = "-tags=disable_grpc_modules"
      GOOGLE_GOLDFLAGS    = "-s -w"
      GOOGLE_CLEAR_SOURCE = "1"
    }

    source {
      storage_source {
        bucket = var.platform.source
        object = local.staged.object
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.run.email
    available_memory                 = var.memory
    available_cpu                    = "1"
    max_instance_count               = var.instances
    max_instance_request_concurrency = var.concurrency
    timeout_seconds                  = var.timeout
    ingress_settings                 = var.public || length(var.platform.operators) > 0 ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"
    environment_variables            = local.environment

    dynamic "secret_volumes" {
      for_each = local.secrets
      content {
        mount_path = "/secrets/${secret_volumes.key}"
        project_id = var.platform.project
        secret     = secret_volumes.value # its latest version, in a file of its name
      }
    }
  }

  # A new right is there before the code that needs it, and one that is taken out goes after the code that needed it: see below.
  depends_on = [
    google_secret_manager_secret_iam_member.run,
    google_storage_bucket_iam_member.run,
    google_pubsub_topic_iam_member.publish,
  ]

  lifecycle {
    precondition {
      condition     = contains(keys(var.platform.functions), local.source)
      error_message = "${local.source} is not staged: run `make stage` in the repository's root, then try again."
    }
  }
}

# What it may do. Create before destroy makes what is taken out wait until the function has changed.

resource "google_storage_bucket_iam_member" "run" {
  for_each = local.buckets

  bucket = each.value.bucket
  role   = each.value.role
  member = google_service_account.run.member

  dynamic "condition" {
    for_each = each.value.prefix[*]
    content {
      title      = "only ${condition.value}"
      expression = "resource.name.startsWith(\"projects/_/buckets/${each.value.bucket}/objects/${condition.value}\")"
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_secret_manager_secret_iam_member" "run" {
  for_each = local.secrets

  project   = var.platform.project
  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.run.member

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_pubsub_topic_iam_member" "publish" {
  for_each = toset(var.publishes)

  project = var.platform.project
  topic   = var.bridge.topics[each.key].name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.run.member

  lifecycle {
    create_before_destroy = true
  }
}

# Who may call it.

resource "google_service_account" "call" {
  count = length(var.subscriptions) > 0 ? 1 : 0

  project      = var.platform.project
  account_id   = "call-${local.name}"
  display_name = "Calls ${local.name}"
}

resource "google_cloud_run_v2_service_iam_member" "call" {
  for_each = local.callers

  project  = var.platform.project
  location = var.platform.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = each.value

  # Rights go with the service that they are on. An update keeps the id, and so the right.
  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.this.id]
  }
}

# What is pushed to it. The acknowledgement deadline is the push's time-out too: longer than the function's.

resource "google_pubsub_subscription" "push" {
  for_each = var.subscriptions

  project                    = var.platform.project
  name                       = "${local.name}-${each.key}"
  topic                      = var.bridge.topics[each.key].id
  ack_deadline_seconds       = min(var.timeout + 10, 600)
  message_retention_duration = each.value.retention

  push_config {
    push_endpoint = google_cloudfunctions2_function.this.service_config[0].uri
    oidc_token {
      service_account_email = google_service_account.call[0].email
      audience              = google_cloudfunctions2_function.this.service_config[0].uri
    }
  }

  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = each.value.backoff
  }

  dynamic "dead_letter_policy" {
    for_each = each.value.attempts == null ? [] : [each.value.attempts]
    content {
      dead_letter_topic     = var.bridge.dead_letters
      max_delivery_attempts = dead_letter_policy.value
    }
  }

  # It must outlive the school holidays.
  expiration_policy {
    ttl = ""
  }
}

# Pub/Sub itself takes a dead letter off the subscription.
resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = { for name, subscription in var.subscriptions : name => subscription if subscription.attempts != null }

  project      = var.platform.project
  subscription = google_pubsub_subscription.push[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = var.platform.pubsub_agent

  lifecycle {
    replace_triggered_by = [google_pubsub_subscription.push[each.key].id]
  }
}
