# The exports bridge: Cegid's exports in the bucket that Odoo imports, once for each in var.exports.

locals {
  companies = { for name, company in var.exports : name => company if company.running }
}

module "exports" {
  source = "../bridge"

  place = local.place
  name  = "exports"
  installations = {
    for name, company in var.exports :
    name => merge(company, { secrets = concat(company.secrets, company.transfer_secrets) })
  }
  # The importer's own rights on the files are its operator's to give.
  buckets = { config = 90, state = 30, files = 30 }
  topics  = { transfer = "exports_transfer" }
  jobs = {
    transfer = {
      schedule = "50 * * * *"
      kind     = "all"
      function = "transfer"
      message  = "exports run done"
      silence  = "8100s"
    }
  }
  short_keys       = ["transfer"]
  public_functions = ["queries"]

  depends_on = [google_project_service.this]
}

# Moves the files.
module "exports_transfer" {
  source   = "../function"
  for_each = local.companies

  platform    = local.platform
  bridge      = module.exports.running[each.key]
  function    = "transfer"
  instances   = 3
  concurrency = 8
  timeout     = 590
  memory      = "1Gi"

  environment = { EXPORTS_BUCKET = module.exports.buckets.files[each.key] }
  secrets     = concat(each.value.secrets, each.value.transfer_secrets)
  reads       = ["config"]
  writes      = ["state"]
  buckets = {
    files = { bucket = module.exports.buckets.files[each.key], role = "roles/storage.objectUser" }
  }
  publishes     = ["transfer"]
  subscriptions = { transfer = { attempts = 20 } }
}

# Shows and controls Cegid's scheduled queries, for callers that have queries_key. It writes one document of its own. It
# lists the others, because Cloud Storage otherwise answers "forbidden" for a document that does not exist yet.
module "exports_queries" {
  source   = "../function"
  for_each = local.companies

  platform    = local.platform
  bridge      = module.exports.running[each.key]
  function    = "queries"
  public      = true
  instances   = 2
  concurrency = 20
  timeout     = 60

  environment = { STATE_BUCKET = module.exports.buckets.state[each.key] }
  secrets     = each.value.secrets
  reads       = ["config"]
  buckets = {
    providers = {
      bucket = module.exports.buckets.state[each.key]
      role   = "roles/storage.objectUser"
      prefix = "exports/providers.json" # whose queries an account of Cegid sees
    }
    names = { bucket = module.exports.buckets.state[each.key], role = "roles/storage.legacyBucketReader" }
  }
}
