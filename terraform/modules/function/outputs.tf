output "url" {
  description = "Address of the function."
  value       = google_cloudfunctions2_function.this.service_config[0].uri
}

output "account" {
  description = "E-mail of the account that it runs as."
  value       = google_service_account.run.email
}
