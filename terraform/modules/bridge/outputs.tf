output "running" {
  description = "What functions need of their bridge, by running installation."
  value = {
    for name, installation in local.running : name => {
      installation = name
      name         = var.name
      buckets      = { for kind, bucket in module.bucket : kind => bucket.names[name] }
      secrets = {
        for secret in installation.secrets :
        secret => google_secret_manager_secret.this["${name}-${var.name}-${secret}"].secret_id
      }
      topics = {
        for short, key in local.topic_keys[name] :
        short => { name = google_pubsub_topic.this[key].name, id = google_pubsub_topic.this[key].id }
      }
      dead_letters = module.dead_letters[name].topic
    }
  }
}

output "buckets" {
  description = "Names of the buckets, by kind and installation."
  value       = { for kind, bucket in module.bucket : kind => bucket.names }
}

output "secret_paths" {
  description = "How a settings file names each secret."
  value       = { for name, secret in local.secrets : name => "file:/secrets/${secret}/${name}" }
}

output "alerts" {
  description = "What alerts.tf of modules/carillon reports for the bridge."
  value = {
    # Metrics are made before anything runs: for ten minutes Google does not know a new one, and refuses its alert.
    progress = merge([
      for name, installation in var.installations : {
        for short, job in var.jobs : "${name}-${var.name}-${short}" => {
          running  = installation.running
          function = "${name}-${var.name}-${job.function}"
          message  = job.message
          silence  = job.silence
        }
      }
    ]...)
    public_functions = {
      for name in keys(local.running) :
      "${name}-${var.name}" => { functions = var.public_functions, window = var.public_window }
    }
    dead_letters = [for name in keys(local.running) : "${name}-${var.name}"] # the subscriptions' names begin with it
  }
}
