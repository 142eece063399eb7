variable "project" {
  description = "ID of the project that holds everything."
  type        = string
}

variable "region" {
  description = "Region of the functions, buckets, topics and jobs."
  type        = string
  default     = "europe-west9"
}

variable "alert_email" {
  description = "Address that is told when something no longer works; none if empty."
  type        = string
  default     = ""
}

variable "operators" {
  description = "Who may call the functions that are not public, as in user:lea@example.com."
  type        = list(string)
  default     = []
}

variable "rooms" {
  description = "The offices, by a short name; without one the rooms bridge is off. `running = false` makes the buckets and secrets only, to be filled first."
  type = map(object({
    running              = optional(bool, true)
    time_zone            = string
    secrets              = optional(list(string), [])
    previous_webhook_key = optional(bool, false)
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.rooms) : can(regex("^[a-z][a-z0-9]{0,7}$", name))])
    error_message = "The name of an office is one to eight small letters and digits."
  }
}

variable "campus" {
  description = "The campus bridges, by a short name, most often one: campus.json has its students. Without one the bridge is off."
  type = map(object({
    running   = optional(bool, true)
    time_zone = optional(string, "Europe/Paris")
    secrets   = optional(list(string), [])
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.campus) : can(regex("^[a-z][a-z0-9]{0,7}$", name))])
    error_message = "The name of a campus bridge is one to eight small letters and digits."
  }
}

variable "exports" {
  description = "The exports bridges, by a short name, most often one: exports.json has its sources. Without one the bridge is off."
  type = map(object({
    running   = optional(bool, true)
    time_zone = optional(string, "Europe/Paris")
    secrets   = optional(list(string), [])
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.exports) : can(regex("^[a-z][a-z0-9]{0,7}$", name))])
    error_message = "The name of an exports bridge is one to eight small letters and digits."
  }
}
