variable "staged" {
  description = "Folder that `make stage` wrote, build/functions of the repository."
  type        = string
}

variable "project" {
  description = "ID of the project that holds everything."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is not the ID of a project: 6 to 30 small letters, digits and hyphens, as `gcloud projects list` prints it."
  }
}

variable "region" {
  description = "Region of the functions, buckets and secrets, and where topics keep messages. It cannot be changed later: see docs/deploy.md."
  type        = string
  default     = "europe-west1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is not the name of a region, such as europe-west1."
  }
}

variable "scheduler_region" {
  description = "Region of Cloud Scheduler's jobs. Not every region has Cloud Scheduler; the jobs only publish to topics, so any region does."
  type        = string
  default     = "europe-west1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.scheduler_region))
    error_message = "scheduler_region must be a region such as europe-west1."
  }
}

variable "alert_email" {
  description = "Address that alerts go to; none if empty."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.alert_email == "" || can(regex("^[^@ ]+@[^@ ]+$", var.alert_email))
    error_message = "alert_email is not an e-mail address."
  }
}

variable "alert_channels" {
  description = "Further notification channels that alerts go to, such as a chat or an on-call service, by their IDs: projects/PROJECT/notificationChannels/NUMBER."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for channel in var.alert_channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", channel))])
    error_message = "alert_channels has an entry that is not the ID of a notification channel, such as projects/my-project/notificationChannels/123: `gcloud beta monitoring channels list` prints them."
  }
}

variable "operators" {
  description = "Who may call the functions that are not public, as in user:lea@example.com."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for operator in var.operators : can(regex("^(user|group|serviceAccount|domain|principal|principalSet):.", operator))])
    error_message = "operators has an entry without its type: write user:lea@example.com, group:…, serviceAccount:… or domain:…."
  }
}

variable "all_users" {
  description = "Whether public functions are opened by a right for allUsers. Where the organisation forbids that, false, and the command in docs/deploy.md."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_key" {
  description = "Key of Cloud KMS, in the same region, that encrypts buckets, topics, secrets and images; Google's own if null. To be set before the first apply."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key is not the name of a key: projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY."
  }
}

variable "log_days" {
  description = "Days that the project's logs are kept; Google's 30 if null."
  type        = number
  default     = null

  validation {
    condition     = var.log_days == null || try(var.log_days >= 1 && var.log_days <= 3650, false)
    error_message = "log_days is not between 1 and 3650."
  }
}

variable "budget" {
  description = "What the project may cost in a month, in the billing account's currency: alert_email and the account's administrators get a message at half of it, at 90 % and at all of it. None if null."
  type = object({
    billing_account = string
    amount          = number
  })
  default = null
}

variable "rooms" {
  description = "The offices, by a short name; without one the rooms bridge is off. `running = false` makes the buckets and secrets only, to be filled first."
  type = map(object({
    running              = optional(bool, true)
    time_zone            = string
    secrets              = optional(list(string), [])
    previous_webhook_key = optional(bool, false)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.rooms) : can(regex("^[a-z][a-z0-9]{0,7}$", name)) && !startswith(name, "goog")])
    error_message = "The name of an office is one to eight small letters and digits, the first a letter; names that begin with goog are Google's."
  }
  validation {
    condition     = alltrue([for office in values(var.rooms) : contains(local.time_zones, office.time_zone)])
    error_message = "rooms has a time zone that is not known: ${join(", ", [for office in values(var.rooms) : office.time_zone if !contains(local.time_zones, office.time_zone)])}. It is an IANA time zone with its exact spelling, such as Europe/Paris."
  }
  validation {
    condition     = alltrue(flatten([for office in values(var.rooms) : [for secret in office.secrets : can(regex("^[a-z][a-z0-9-]{0,39}$", secret)) && !startswith(secret, "webhook-key")]]))
    error_message = "The name of a secret in rooms is one to forty small letters, digits and hyphens, the first a letter; webhook-key is there by itself."
  }
  validation {
    condition     = alltrue([for office in values(var.rooms) : length(distinct(office.secrets)) == length(office.secrets)])
    error_message = "A secret in rooms is named twice."
  }
}

variable "campus" {
  description = "The campus bridges, by a short name, most often one: campus.json has its students. Without one the bridge is off."
  type = map(object({
    running   = optional(bool, true)
    time_zone = optional(string, "Europe/Paris")
    secrets   = optional(list(string), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.campus) : can(regex("^[a-z][a-z0-9]{0,7}$", name)) && !startswith(name, "goog")])
    error_message = "The name of a campus bridge is one to eight small letters and digits, the first a letter; names that begin with goog are Google's."
  }
  validation {
    condition     = alltrue([for school in values(var.campus) : contains(local.time_zones, school.time_zone)])
    error_message = "campus has a time zone that is not known: ${join(", ", [for school in values(var.campus) : school.time_zone if !contains(local.time_zones, school.time_zone)])}. It is an IANA time zone with its exact spelling, such as Europe/Paris."
  }
  validation {
    condition     = alltrue(flatten([for school in values(var.campus) : [for secret in school.secrets : can(regex("^[a-z][a-z0-9-]{0,39}$", secret))]]))
    error_message = "The name of a secret in campus is one to forty small letters, digits and hyphens, the first a letter."
  }
  validation {
    condition     = alltrue([for school in values(var.campus) : length(distinct(school.secrets)) == length(school.secrets)])
    error_message = "A secret in campus is named twice."
  }
}

variable "exports" {
  description = "The exports bridges, by a short name, most often one: exports.json has its sources. Without one the bridge is off. The public function that controls the queries sees `secrets`, and not `transfer_secrets`."
  type = map(object({
    running          = optional(bool, true)
    time_zone        = optional(string, "Europe/Paris")
    secrets          = optional(list(string), [])
    transfer_secrets = optional(list(string), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.exports) : can(regex("^[a-z][a-z0-9]{0,7}$", name)) && !startswith(name, "goog")])
    error_message = "The name of an exports bridge is one to eight small letters and digits, the first a letter; names that begin with goog are Google's."
  }
  validation {
    condition     = alltrue([for company in values(var.exports) : contains(local.time_zones, company.time_zone)])
    error_message = "exports has a time zone that is not known: ${join(", ", [for company in values(var.exports) : company.time_zone if !contains(local.time_zones, company.time_zone)])}. It is an IANA time zone with its exact spelling, such as Europe/Paris."
  }
  validation {
    condition     = alltrue(flatten([for company in values(var.exports) : [for secret in concat(company.secrets, company.transfer_secrets) : can(regex("^[a-z][a-z0-9-]{0,39}$", secret))]]))
    error_message = "The name of a secret in exports is one to forty small letters, digits and hyphens, the first a letter."
  }
  validation {
    condition     = alltrue([for company in values(var.exports) : length(distinct(concat(company.secrets, company.transfer_secrets))) == length(concat(company.secrets, company.transfer_secrets))])
    error_message = "A secret in exports is named twice."
  }
}

variable "stays" {
  description = "The stays bridges, by a short name, most often one: stays.json names the ledger's database. Without one the bridge is off. The public function that partners call sees `secrets`, such as the database's address, and neither `owners_secrets`, the key and the entry of the owners' pages, nor `relay_secrets`, such as the mail account's and the broker's, nor `site_secrets`, such as the address of the website's database. `instance = {}` makes a small PostgreSQL server of Cloud SQL for the ledger."
  type = map(object({
    running        = optional(bool, true)
    time_zone      = optional(string, "Europe/Brussels")
    secrets        = optional(list(string), [])
    owners_secrets = optional(list(string), [])
    relay_secrets  = optional(list(string), [])
    site_secrets   = optional(list(string), [])
    instance = optional(object({
      tier    = optional(string, "db-f1-micro")
      standby = optional(bool, false)
    }))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.stays) : can(regex("^[a-z][a-z0-9]{0,7}$", name)) && !startswith(name, "goog")])
    error_message = "The name of a stays bridge is one to eight small letters and digits, the first a letter; names that begin with goog are Google's."
  }
  validation {
    condition     = alltrue([for association in values(var.stays) : contains(local.time_zones, association.time_zone)])
    error_message = "stays has a time zone that is not known: ${join(", ", [for association in values(var.stays) : association.time_zone if !contains(local.time_zones, association.time_zone)])}. It is an IANA time zone with its exact spelling, such as Europe/Paris."
  }
  validation {
    condition     = alltrue(flatten([for association in values(var.stays) : [for secret in concat(association.secrets, association.owners_secrets, association.relay_secrets, association.site_secrets) : can(regex("^[a-z][a-z0-9-]{0,39}$", secret))]]))
    error_message = "The name of a secret in stays is one to forty small letters, digits and hyphens, the first a letter."
  }
  validation {
    condition     = alltrue([for association in values(var.stays) : length(distinct(concat(association.secrets, association.owners_secrets, association.relay_secrets, association.site_secrets))) == length(concat(association.secrets, association.owners_secrets, association.relay_secrets, association.site_secrets))])
    error_message = "A secret in stays is named twice."
  }
}

variable "school" {
  description = "The school bridges, by a short name, most often one. Without one the bridge is off. school.json names a secret as its key, with which sessions are sealed."
  type = map(object({
    running   = optional(bool, true)
    time_zone = optional(string, "Europe/Paris")
    secrets   = optional(list(string), ["key"])
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.school) : can(regex("^[a-z][a-z0-9]{0,7}$", name)) && !startswith(name, "goog")])
    error_message = "The name of a school bridge is one to eight small letters and digits, the first a letter; names that begin with goog are Google's."
  }
  validation {
    condition     = alltrue([for api in values(var.school) : contains(local.time_zones, api.time_zone)])
    error_message = "school has a time zone that is not known: ${join(", ", [for api in values(var.school) : api.time_zone if !contains(local.time_zones, api.time_zone)])}. It is an IANA time zone with its exact spelling, such as Europe/Paris."
  }
  validation {
    condition     = alltrue(flatten([for api in values(var.school) : [for secret in api.secrets : can(regex("^[a-z][a-z0-9-]{0,39}$", secret))]]))
    error_message = "The name of a secret in school is one to forty small letters, digits and hyphens, the first a letter."
  }
  validation {
    condition     = alltrue([for api in values(var.school) : length(distinct(api.secrets)) == length(api.secrets)])
    error_message = "A secret in school is named twice."
  }
}
