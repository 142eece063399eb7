# Until Carillon became a module, what it is made of was in the root. Installations of that time keep everything: these
# blocks say where each address went. A test plans the installation of that time, testdata/before_module.txt.

# What all bridges stand on, and alerts.

moved {
  from = google_project_service.this
  to   = module.carillon.google_project_service.this
}

moved {
  from = google_service_account.build
  to   = module.carillon.google_service_account.build
}

moved {
  from = terraform_data.builder
  to   = module.carillon.terraform_data.builder
}

moved {
  from = google_project_iam_member.build_logs
  to   = module.carillon.google_project_iam_member.build_logs
}

moved {
  from = google_project_iam_member.build_reads_copies
  to   = module.carillon.google_project_iam_member.build_reads_copies
}

moved {
  from = google_storage_bucket.source
  to   = module.carillon.google_storage_bucket.source
}

moved {
  from = google_storage_bucket_object.source
  to   = module.carillon.google_storage_bucket_object.source
}

moved {
  from = google_storage_bucket_iam_member.build_reads_source
  to   = module.carillon.google_storage_bucket_iam_member.build_reads_source
}

moved {
  from = google_artifact_registry_repository.functions
  to   = module.carillon.google_artifact_registry_repository.functions
}

moved {
  from = google_artifact_registry_repository_iam_member.build_writes_images
  to   = module.carillon.google_artifact_registry_repository_iam_member.build_writes_images
}

moved {
  from = google_logging_project_bucket_config.default
  to   = module.carillon.google_logging_project_bucket_config.default
}

moved {
  from = google_billing_budget.this
  to   = module.carillon.google_billing_budget.this
}

moved {
  from = google_monitoring_notification_channel.email
  to   = module.carillon.google_monitoring_notification_channel.email
}

moved {
  from = module.progress
  to   = module.carillon.module.progress
}

moved {
  from = google_monitoring_alert_policy.dead_letters
  to   = module.carillon.google_monitoring_alert_policy.dead_letters
}

moved {
  from = google_monitoring_alert_policy.public_functions
  to   = module.carillon.google_monitoring_alert_policy.public_functions
}

moved {
  from = google_logging_metric.watch_expiry
  to   = module.carillon.google_logging_metric.watch_expiry
}

moved {
  from = google_monitoring_alert_policy.watch_expiry
  to   = module.carillon.google_monitoring_alert_policy.watch_expiry
}

# The rooms bridge.

moved {
  from = google_storage_bucket.rooms_config
  to   = module.carillon.module.rooms.module.bucket["config"].google_storage_bucket.this
}

moved {
  from = google_storage_bucket.rooms_state
  to   = module.carillon.module.rooms.module.bucket["state"].google_storage_bucket.this
}

moved {
  from = google_storage_bucket.rooms_watch
  to   = module.carillon.module.rooms.module.bucket["watch"].google_storage_bucket.this
}

moved {
  from = google_secret_manager_secret.rooms
  to   = module.carillon.module.rooms.google_secret_manager_secret.this
}

moved {
  from = google_pubsub_topic.rooms
  to   = module.carillon.module.rooms.google_pubsub_topic.this
}

moved {
  from = google_cloud_scheduler_job.rooms
  to   = module.carillon.module.rooms.google_cloud_scheduler_job.this
}

moved {
  from = module.rooms_dead_letters
  to   = module.carillon.module.rooms.module.dead_letters
}

moved {
  from = module.rooms_webhook
  to   = module.carillon.module.rooms_webhook
}

moved {
  from = module.rooms_watch
  to   = module.carillon.module.rooms_watch
}

moved {
  from = module.rooms_status
  to   = module.carillon.module.rooms_status
}

moved {
  from = module.rooms_refresh
  to   = module.carillon.module.rooms_refresh
}

moved {
  from = module.rooms_meetings
  to   = module.carillon.module.rooms_meetings
}

moved {
  from = google_service_account.rooms_calendar
  to   = module.carillon.google_service_account.rooms_calendar
}

moved {
  from = google_service_account_iam_member.rooms_calendar
  to   = module.carillon.google_service_account_iam_member.rooms_calendar
}

# The campus bridge.

moved {
  from = google_storage_bucket.campus_config
  to   = module.carillon.module.campus.module.bucket["config"].google_storage_bucket.this
}

moved {
  from = google_storage_bucket.campus_state
  to   = module.carillon.module.campus.module.bucket["state"].google_storage_bucket.this
}

moved {
  from = google_secret_manager_secret.campus
  to   = module.carillon.module.campus.google_secret_manager_secret.this
}

moved {
  from = google_pubsub_topic.campus
  to   = module.carillon.module.campus.google_pubsub_topic.this
}

moved {
  from = google_cloud_scheduler_job.campus
  to   = module.carillon.module.campus.google_cloud_scheduler_job.this
}

moved {
  from = module.campus_dead_letters
  to   = module.carillon.module.campus.module.dead_letters
}

moved {
  from = module.campus_sync
  to   = module.carillon.module.campus_sync
}

moved {
  from = module.campus_feed
  to   = module.carillon.module.campus_feed
}

moved {
  from = google_logging_project_exclusion.feeds
  to   = module.carillon.google_logging_project_exclusion.feeds
}

# The exports bridge.

moved {
  from = google_storage_bucket.exports_config
  to   = module.carillon.module.exports.module.bucket["config"].google_storage_bucket.this
}

moved {
  from = google_storage_bucket.exports_state
  to   = module.carillon.module.exports.module.bucket["state"].google_storage_bucket.this
}

moved {
  from = google_storage_bucket.exports_files
  to   = module.carillon.module.exports.module.bucket["files"].google_storage_bucket.this
}

moved {
  from = google_secret_manager_secret.exports
  to   = module.carillon.module.exports.google_secret_manager_secret.this
}

moved {
  from = google_pubsub_topic.exports
  to   = module.carillon.module.exports.google_pubsub_topic.this
}

moved {
  from = google_cloud_scheduler_job.exports
  to   = module.carillon.module.exports.google_cloud_scheduler_job.this
}

moved {
  from = module.exports_dead_letters
  to   = module.carillon.module.exports.module.dead_letters
}

moved {
  from = module.exports_transfer
  to   = module.carillon.module.exports_transfer
}

moved {
  from = module.exports_queries
  to   = module.carillon.module.exports_queries
}
