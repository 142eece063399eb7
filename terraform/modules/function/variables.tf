variable "platform" {
  description = "What all functions share: see local.platform of modules/carillon."
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

variable "bridge" {
  description = "The running installation of a bridge that the function belongs to: see the outputs of modules/bridge."
  type = object({
    installation = string # all names begin with it
    name         = string
    buckets      = map(string)
    secrets      = map(string)
    topics       = map(object({ name = string, id = string }))
    dead_letters = string
  })
}

variable "function" {
  description = "Name of the function without the bridge's, as in webhook."
  type        = string
}

variable "reads" {
  description = "Buckets of the bridge whose objects it reads, as in config, whose name is in CONFIG_BUCKET."
  type        = list(string)
  default     = []
}

variable "writes" {
  description = "Buckets of the bridge whose objects it reads and writes, as in state, whose name is in STATE_BUCKET."
  type        = list(string)
  default     = []
}

variable "buckets" {
  description = "Other roles on buckets, by any name; with a prefix for the objects whose names begin with it."
  type = map(object({
    bucket = string
    role   = string
    prefix = optional(string)
  }))
  default = {}
}

variable "environment" {
  description = "Environment of the function, besides the buckets, the topics' prefix and the project."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "Secrets of the bridge that the function may read, below /secrets/NAME/."
  type        = list(string)
  default     = []
}

variable "publishes" {
  description = "Topics of the bridge that the function may publish to, by short name."
  type        = list(string)
  default     = []
}

# After the attempts a message becomes a dead letter; without attempts it is dropped after its retention.
variable "subscriptions" {
  description = "Topics of the bridge whose messages are pushed to the function, by short name."
  type = map(object({
    attempts  = optional(number)
    backoff   = optional(string, "60s") # longest pause between attempts
    retention = optional(string, "604800s")
  }))
  default = {}
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
