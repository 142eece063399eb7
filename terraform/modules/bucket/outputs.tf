output "names" {
  description = "Names of the buckets, by installation."
  value       = { for name, bucket in google_storage_bucket.this : name => bucket.name }
}
