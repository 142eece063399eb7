output "topic" {
  description = "ID of the topic."
  value       = google_pubsub_topic.dead.id
}

output "subscription" {
  description = "Name of the subscription that writes them."
  value       = google_pubsub_subscription.dead.name
}
