variable "place" {
  description = "Where everything is: see local.place of modules/carillon."
  type = object({
    project      = string
    region       = string
    kms_key      = string
    pubsub_agent = string
  })
}

variable "installation" {
  description = "Short name of the office or school."
  type        = string
}

variable "bridge" {
  description = "Name of the bridge."
  type        = string
}

variable "bucket" {
  description = "Bucket whose dead/ takes the messages."
  type        = string
}
