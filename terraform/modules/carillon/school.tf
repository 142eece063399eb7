# The school bridge: schools' PRONOTE as the Papillon REST API, once for each in var.school.

locals {
  apis = { for name, api in var.school : name => api if api.running }
}

module "school" {
  source = "../bridge"

  place            = local.place
  name             = "school"
  installations    = var.school
  buckets          = { config = 90, state = 1 } # ended sessions are of no use to anybody
  topics           = {}
  jobs             = {}
  public_functions = ["api"]

  depends_on = [google_project_service.this]
}

# What families' apps call. One instance: PRONOTE allows one call at a time in a session, and its work is waiting.
module "school_api" {
  source   = "../function"
  for_each = local.apis

  platform    = local.platform
  bridge      = module.school.running[each.key]
  function    = "api"
  public      = true
  instances   = 1
  concurrency = 200
  timeout     = 60
  memory      = "512Mi"

  secrets = each.value.secrets
  reads   = ["config"]
  writes  = ["state"]
}

# A session's token is in its address, and Cloud Run logs addresses.
resource "google_logging_project_exclusion" "school_tokens" {
  for_each = local.apis

  project     = var.project
  name        = "${each.key}-school-tokens"
  description = "Addresses of the API hold tokens."
  filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${each.key}-school-api\" AND httpRequest.requestUrl:\"token=\""

  depends_on = [google_project_service.this]
}
