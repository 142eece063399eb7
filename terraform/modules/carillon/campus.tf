# The campus bridge: students' timetables in their ECAL calendars and feeds, once for each in var.campus.

locals {
  schools = { for name, school in var.campus : name => school if school.running }
}

module "campus" {
  source = "../bridge"

  place         = local.place
  name          = "campus"
  installations = var.campus
  buckets       = { config = 90, state = 7 }
  topics        = { sync = "campus_sync" }
  # Runs are hourly, but not at night: the silence is two periods of a morning.
  jobs = {
    sync = {
      schedule = "46 6-18 * * *"
      kind     = "all"
      function = "sync"
      message  = "campus run done"
      silence  = "50400s"
    }
  }
  short_keys       = ["sync"]
  public_functions = ["feed"]

  depends_on = [google_project_service.this]
}

# Brings each calendar to the state of its timetable. One instance: a password that was refused is then tried once.
module "campus_sync" {
  source   = "../function"
  for_each = local.schools

  platform    = local.platform
  bridge      = module.campus.running[each.key]
  function    = "sync"
  instances   = 1
  concurrency = 20
  timeout     = 590
  memory      = "512Mi"

  secrets       = each.value.secrets
  reads         = ["config"]
  writes        = ["state"]
  publishes     = ["sync"]
  subscriptions = { sync = { attempts = 20 } }
}

# Phones subscribe to it.
module "campus_feed" {
  source   = "../function"
  for_each = local.schools

  platform    = local.platform
  bridge      = module.campus.running[each.key]
  function    = "feed"
  public      = true
  instances   = 5
  concurrency = 80
  timeout     = 30

  reads = ["state"]
}

# A feed's key is in its address, and Cloud Run logs addresses.
resource "google_logging_project_exclusion" "feeds" {
  for_each = local.schools

  project     = var.project
  name        = "${each.key}-campus-feeds"
  description = "Addresses of feeds hold their keys."
  filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${each.key}-campus-feed\" AND httpRequest.requestUrl:\"key=\""

  depends_on = [google_project_service.this]
}
