# What terraform.tfvars sets. The descriptions, forms, defaults and checks are in modules/carillon/variables.tf: null
# stands for the default there.

variable "project" {
  type = string
}

variable "region" {
  type    = string
  default = null
}

variable "scheduler_region" {
  type    = string
  default = null
}

variable "alert_email" {
  type    = string
  default = null
}

variable "alert_channels" {
  type    = any
  default = null
}

variable "operators" {
  type    = any
  default = null
}

variable "all_users" {
  type    = bool
  default = null
}

variable "labels" {
  description = "Labels that everything carries besides application = carillon."
  type        = map(string)
  default     = {}
}

variable "kms_key" {
  type    = string
  default = null
}

variable "log_days" {
  type    = number
  default = null
}

variable "budget" {
  type    = any
  default = null
}

variable "rooms" {
  type    = any
  default = null
}

variable "campus" {
  type    = any
  default = null
}

variable "exports" {
  type    = any
  default = null
}

variable "stays" {
  type    = any
  default = null
}

variable "school" {
  type    = any
  default = null
}
