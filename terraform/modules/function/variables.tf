variable "platform" {
  description = "What all functions share: see local.platform of the root module."
  type = object({
    project      = string
    region       = string
    source       = string # bucket of the zips
    functions    = map(object({ object = string, entry_point = string }))
    build        = string # account that builds, by its id
    repository   = string # of the images
    pubsub_agent = string # Pub/Sub's own account, as an IAM member
    operators    = list(string)
    all_users    = bool   # whether a right for allUsers opens public functions
    kms_key      = string # that encrypts sources and images, if any
  })
}

variable "installation" {
  description = "Short name of the office or school; all names begin with it."
  type        = string
}

variable "function" {
  description = "Name of the function, as in rooms-webhook."
  type        = string
}

variable "environment" {
  description = "Environment of the function."
  type        = map(string)
}

variable "secrets" {
  description = "Secrets that the function may read, by the name of the folder below /secrets/ that shows it."
  type        = map(string)
  default     = {}
}

variable "buckets" {
  description = "Roles on buckets, by any name; with a prefix for the objects whose names begin with it."
  type = map(object({
    bucket = string
    role   = string
    prefix = optional(string)
  }))
}

variable "publishes" {
  description = "Topics that the function may publish to, by any name."
  type        = map(string)
  default     = {}
}

variable "subscriptions" {
  description = "Topics whose messages are pushed to the function, by the last part of the subscription's name. Without attempts a message that is not taken is dropped after its retention; with them it is a dead letter."
  type = map(object({
    topic     = string
    attempts  = optional(number)
    retention = optional(string, "604800s")
  }))
  default = {}
}

variable "dead_letters" {
  description = "Topic of dead letters."
  type        = string
  default     = null
}

variable "public" {
  description = "Whether everybody may call it."
  type        = bool
  default     = false
}

variable "instances" {
  description = "Most instances at once."
  type        = number
}

variable "concurrency" {
  description = "Most requests at once an instance."
  type        = number
}

variable "timeout" {
  description = "Seconds that a request may take."
  type        = number
}

variable "memory" {
  description = "Memory of an instance."
  type        = string
  default     = "256Mi"
}
