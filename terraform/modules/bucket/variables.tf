variable "place" {
  description = "Where everything is: see local.place of modules/carillon."
  type = object({
    project = string
    region  = string
    kms_key = string
  })
}

variable "bridge" {
  description = "Name of the bridge."
  type        = string
}

variable "kind" {
  description = "Last part of the buckets' names, as in config."
  type        = string
}

variable "installations" {
  description = "Short names of the installations."
  type        = set(string)
}

variable "old_days" {
  description = "Days for which deleted and overwritten objects are kept."
  type        = number
}

variable "dead_letters" {
  description = "Whether dead/ of the buckets holds dead letters, which are deleted after 31 days."
  type        = bool
}
