# The stays bridge: the ledger of cottages' days, the partners' web service and the delivery of changes, once for each in
# var.stays. The ledger is in a PostgreSQL database, whose address is a secret; so is that of the website's, if it has one.
# It can be an instance of Cloud SQL that is made here.

locals {
  associations = { for name, association in var.stays : name => association if association.running }
  databases    = { for name, association in var.stays : name => association.instance if association.instance != null }
}

module "stays" {
  source = "../bridge"

  place = local.place
  name  = "stays"
  installations = {
    for name, association in var.stays :
    name => merge(association, {
      secrets = concat(association.secrets, association.owners_secrets, association.relay_secrets, association.site_secrets)
    })
  }
  buckets = { config = 90, state = 7 } # state has dead letters alone
  topics = {
    relay         = "stays_relay"
    notifications = "stays_notifications"
    broker        = "stays_broker"
  }
  jobs = {
    relay = {
      schedule = "* * * * *"
      kind     = "all"
      function = "relay"
      message  = "stays relay done"
      silence  = "1800s"
    }
  }
  public_functions = ["bookings", "owners", "feeds"]

  depends_on = [google_project_service.this]
}

# What partners call. Its instances and their connections are bounded by what a small database bears.
module "stays_bookings" {
  source   = "../function"
  for_each = local.associations

  platform    = local.platform
  bridge      = module.stays.running[each.key]
  function    = "bookings"
  public      = true
  instances   = 4
  concurrency = 40
  timeout     = 60

  secrets   = each.value.secrets
  reads     = ["config"]
  publishes = ["relay"]
}

# The pages on which owners keep their calendars.
module "stays_owners" {
  source   = "../function"
  for_each = local.associations

  platform    = local.platform
  bridge      = module.stays.running[each.key]
  function    = "owners"
  public      = true
  instances   = 3
  concurrency = 40
  timeout     = 60

  secrets   = concat(each.value.secrets, each.value.owners_secrets)
  reads     = ["config"]
  publishes = ["relay"]
}

# What the public sees: calendars in frames, and searches by date.
module "stays_feeds" {
  source   = "../function"
  for_each = local.associations

  platform    = local.platform
  bridge      = module.stays.running[each.key]
  function    = "feeds"
  public      = true
  instances   = 3
  concurrency = 40
  timeout     = 60

  secrets = each.value.secrets
  reads   = ["config"]
}

# Keeps the ledger's tables, delivers its changes to the website's table, the broker and hooks, writes to people, and answers
# operators. One instance: it alone changes tables and moves the cursors.
module "stays_relay" {
  source   = "../function"
  for_each = local.associations

  platform    = local.platform
  bridge      = module.stays.running[each.key]
  function    = "relay"
  instances   = 1
  concurrency = 20
  timeout     = 300

  secrets       = concat(each.value.secrets, each.value.owners_secrets, each.value.relay_secrets)
  reads         = ["config"]
  publishes     = ["relay", "notifications", "broker"]
  subscriptions = { relay = { attempts = 20 }, broker = { attempts = 5 } }
}

# Writes the website's table. Its instances and their connections are bounded by what that database bears.
module "stays_reservations" {
  source   = "../function"
  for_each = local.associations

  platform    = local.platform
  bridge      = module.stays.running[each.key]
  function    = "reservations"
  instances   = 2
  concurrency = 8
  timeout     = 300

  secrets       = concat(each.value.secrets, each.value.site_secrets)
  reads         = ["config"]
  subscriptions = { notifications = { attempts = 100, backoff = "600s" } } # a database away for 16 hours
}

# A small PostgreSQL server. It is reached through Cloud SQL's connector alone, which asks for a right and brings TLS; who
# logs in with which password is made by hand (docs/stays.md), so that no password is in Terraform's state.
resource "google_sql_database_instance" "stays" {
  for_each = local.databases

  project             = var.project
  region              = var.region
  name                = "${each.key}-stays"
  database_version    = "POSTGRES_15"
  encryption_key_name = var.kms_key
  deletion_protection = true

  settings {
    edition                     = "ENTERPRISE"
    tier                        = each.value.tier
    availability_type           = each.value.standby ? "REGIONAL" : "ZONAL"
    disk_autoresize             = true # from Cloud SQL's smallest disk, 10 GB, on
    connector_enforcement       = "REQUIRED"
    deletion_protection_enabled = true

    ip_configuration {
      ipv4_enabled = true
      ssl_mode     = "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
    }
    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      start_time                     = "02:00"
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_sql_database" "stays" {
  for_each = local.databases

  project  = var.project
  instance = google_sql_database_instance.stays[each.key].name
  name     = "carillon"
}

# The connector's right. There is no smaller place to give it than the project; it holds for the instance alone.
resource "google_project_iam_member" "stays_connects" {
  for_each = merge([
    for name, accounts in {
      for name in keys(local.databases) : name => {
        bookings     = module.stays_bookings[name].account
        owners       = module.stays_owners[name].account
        feeds        = module.stays_feeds[name].account
        relay        = module.stays_relay[name].account
        reservations = module.stays_reservations[name].account
      } if contains(keys(local.associations), name)
    } :
    { for function, account in accounts : "${name}/${function}" => { name = name, account = account } }
  ]...)

  project = var.project
  role    = "roles/cloudsql.client"
  member  = "serviceAccount:${each.value.account}"

  condition {
    title      = "the instance ${each.value.name}-stays"
    expression = "resource.type == \"sqladmin.googleapis.com/Instance\" && resource.name == \"projects/${var.project}/instances/${each.value.name}-stays\""
  }

  depends_on = [google_sql_database_instance.stays]
}
