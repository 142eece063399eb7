output "topic" {
  description = "ID of the topic."
  value       = google_pubsub_topic.dead.id
}
