output "config_buckets" {
  description = "Where config.json, campus.json and exports.json go."
  value       = module.carillon.config_buckets
}

output "secrets" {
  description = "The secrets to fill, and how a settings file names each."
  value       = module.carillon.secrets
}

output "calendar_accounts" {
  description = "By office, the account to share every room's calendar with, with the right to make changes to events."
  value       = module.carillon.calendar_accounts
}

output "webhook_urls" {
  description = "By office, gcal_watch_function_url of config.json."
  value       = module.carillon.webhook_urls
}

output "meetings_urls" {
  description = "By office, the address that displays ask and book at: GET and POST /meetings."
  value       = module.carillon.meetings_urls
}

output "feed_urls" {
  description = "By campus bridge, the address before the path of a feed."
  value       = module.carillon.feed_urls
}

output "queries_urls" {
  description = "By exports bridge, the function that shows and controls the scheduled queries, for who has queries_key."
  value       = module.carillon.queries_urls
}

output "exports_buckets" {
  description = "By exports bridge, the bucket that the importer reads."
  value       = module.carillon.exports_buckets
}

output "operators_urls" {
  description = "Functions that operators call, with an identity token."
  value       = module.carillon.operators_urls
}
