# What the module answers; modules/carillon/outputs.tf describes each.

output "config_buckets" {
  value = module.carillon.config_buckets
}

output "secrets" {
  value = module.carillon.secrets
}

output "calendar_accounts" {
  value = module.carillon.calendar_accounts
}

output "webhook_urls" {
  value = module.carillon.webhook_urls
}

output "meetings_urls" {
  value = module.carillon.meetings_urls
}

output "feed_urls" {
  value = module.carillon.feed_urls
}

output "queries_urls" {
  value = module.carillon.queries_urls
}

output "stays_urls" {
  value = module.carillon.stays_urls
}

output "owners_urls" {
  value = module.carillon.owners_urls
}

output "calendars_urls" {
  value = module.carillon.calendars_urls
}

output "stays_instances" {
  value = module.carillon.stays_instances
}

output "school_urls" {
  value = module.carillon.school_urls
}

output "exports_buckets" {
  value = module.carillon.exports_buckets
}

output "operators_urls" {
  value = module.carillon.operators_urls
}
