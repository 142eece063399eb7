variable "place" {
  description = "Where everything is: see local.place of modules/carillon."
  type = object({
    project          = string
    region           = string
    scheduler_region = string
    kms_key          = string
    pubsub_agent     = string # Pub/Sub's own account, as an IAM member
  })
}

variable "name" {
  description = "Name of the bridge, as in rooms."
  type        = string
}

variable "installations" {
  description = "The installations, by short name. One that is not running has only buckets and secrets, to be filled first."
  type = map(object({
    running   = bool
    time_zone = string
    secrets   = list(string)
  }))
}

variable "buckets" {
  description = "Days for which each bucket keeps deleted and overwritten objects, by the last part of its name."
  type        = map(number) # config and state are required; dead letters are in state
}

variable "topics" {
  description = "Names of the topics in the code, by the short name that functions and jobs have for them."
  type        = map(string)
}

variable "jobs" {
  description = "Scheduler jobs, by the short name of the topic that each publishes to."
  type = map(object({
    schedule = string
    kind     = string # attribute of the message
    function = string # without the bridge's name, as in sync
    message  = string # that the function logs in each run
    silence  = string # without that message, after which an alert is sent
  }))
}

variable "public_functions" {
  description = "Functions that everybody may call, without the bridge's name. An alert counts their 5xx answers."
  type        = list(string)
  default     = []
}

variable "public_window" {
  description = "Window of that alert: 3600s, or 86400s where calls are rare."
  type        = string
  default     = "86400s"
}

# Only for campus and exports: their first releases had such keys, and a moved block cannot change the keys of a for_each.
variable "short_keys" {
  description = "Topics and jobs whose resources have the installation's name alone as their key."
  type        = list(string)
  default     = []
}
