output "config_buckets" {
  description = "Where config.json, campus.json, exports.json, stays.json and school.json go."
  value = merge(
    { for name, bucket in module.rooms.buckets.config : "${name}-rooms" => "gs://${bucket}/config.json" },
    { for name, bucket in module.campus.buckets.config : "${name}-campus" => "gs://${bucket}/campus.json" },
    { for name, bucket in module.exports.buckets.config : "${name}-exports" => "gs://${bucket}/exports.json" },
    { for name, bucket in module.stays.buckets.config : "${name}-stays" => "gs://${bucket}/stays.json" },
    { for name, bucket in module.school.buckets.config : "${name}-school" => "gs://${bucket}/school.json" },
  )
}

output "secrets" {
  description = "The secrets to fill, and how a settings file names each."
  value = merge(
    { for name, path in module.rooms.secret_paths : name => path if !endswith(name, "-rooms-webhook-key-previous") },
    module.campus.secret_paths,
    module.exports.secret_paths,
    module.stays.secret_paths,
    module.school.secret_paths,
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

output "stays_urls" {
  description = "By stays bridge, the address before the partners' paths: /calendar and /stays/v1."
  value       = { for name, function in module.stays_bookings : name => function.url }
}

output "owners_urls" {
  description = "By stays bridge, the address before the owners' pages, for owners_address in stays.json: they are at /owners/."
  value       = { for name, function in module.stays_owners : name => function.url }
}

output "calendars_urls" {
  description = "By stays bridge, the address before the public calendars: /calendars/UNIT and /calendars/v1."
  value       = { for name, function in module.stays_feeds : name => function.url }
}

output "stays_instances" {
  description = "By stays bridge, the connection name of the ledger's Cloud SQL instance, where one is made."
  value       = { for name, instance in google_sql_database_instance.stays : name => "${var.project}:${var.region}:${instance.name}" }
}

output "school_urls" {
  description = "By school bridge, the address of the API: what a client of Papillon is given."
  value       = { for name, function in module.school_api : name => function.url }
}

output "exports_buckets" {
  description = "By exports bridge, the bucket that the importer reads."
  value       = module.exports.buckets.files
}

output "operators_urls" {
  description = "Functions that operators call, with an identity token."
  value = merge(
    { for name, function in module.campus_sync : "${name}-campus-sync" => function.url },
    { for name, function in module.exports_transfer : "${name}-exports-transfer" => function.url },
    { for name, function in module.stays_relay : "${name}-stays-relay" => function.url },
    { for name, function in module.stays_reservations : "${name}-stays-reservations" => function.url },
  )
}
