output "config_buckets" {
  description = "Where config.json, campus.json and exports.json go."
  value = merge(
    { for name, bucket in google_storage_bucket.rooms_config : "${name}-rooms" => "gs://${bucket.name}/config.json" },
    { for name, bucket in google_storage_bucket.campus_config : "${name}-campus" => "gs://${bucket.name}/campus.json" },
    { for name, bucket in google_storage_bucket.exports_config : "${name}-exports" => "gs://${bucket.name}/exports.json" },
  )
}

output "secrets" {
  description = "The secrets to fill, and how a settings file names each."
  value = merge(
    { for name, secret in local.rooms_secrets : name => "file:/secrets/${secret.secret}/${name}" if secret.secret != "webhook-key-previous" },
    merge([for name, school in var.campus : { for secret in school.secrets : "${name}-campus-${secret}" => "file:/secrets/${secret}/${name}-campus-${secret}" }]...),
    merge([for name, company in var.exports : { for secret in concat(company.secrets, company.transfer_secrets) : "${name}-exports-${secret}" => "file:/secrets/${secret}/${name}-exports-${secret}" }]...),
  )
}

output "calendar_accounts" {
  description = "By office, the account to share every room's calendar with, with the right to make changes to events."
  value       = { for name, account in google_service_account.rooms_calendar : name => account.email }
}

output "webhook_urls" {
  description = "By office, gcal_watch_function_url of config.json."
  value       = { for name, function in module.rooms_webhook : name => function.url }
}

output "meetings_urls" {
  description = "By office, the address that displays ask and book at: GET and POST /meetings."
  value       = { for name, function in module.rooms_meetings : name => "${function.url}/meetings" }
}

output "feed_urls" {
  description = "By campus bridge, the address before the path of a feed."
  value       = { for name, function in module.campus_feed : name => function.url }
}

output "queries_urls" {
  description = "By exports bridge, the function that shows and controls the scheduled queries, for who has queries_key."
  value       = { for name, function in module.exports_queries : name => function.url }
}

output "exports_buckets" {
  description = "By exports bridge, the bucket that the importer reads."
  value       = { for name, bucket in google_storage_bucket.exports_files : name => bucket.name }
}

output "operators_urls" {
  description = "Functions that operators call, with an identity token."
  value = merge(
    { for name, function in module.campus_sync : "${name}-campus-sync" => function.url },
    { for name, function in module.exports_transfer : "${name}-exports-transfer" => function.url },
  )
}
