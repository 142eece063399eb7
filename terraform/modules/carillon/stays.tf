# The stays bridge: the ledger of cottages' days, the partners' web service and the delivery of changes, once for each in
# var.stays. The ledger is in a PostgreSQL database, whose address is a secret; so is that of the website's, if it has one.

locals {
  associations = { for name, association in var.stays : name => association if association.running }
}

module "stays" {
  source = "../bridge"

  place = local.place
  name  = "stays"
  installations = {
    for name, association in var.stays :
    name => merge(association, {
      secrets = concat(association.secrets, association.relay_secrets, association.site_secrets)
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
  public_functions = ["bookings"]

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

  secrets       = concat(each.value.secrets, each.value.relay_secrets)
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
