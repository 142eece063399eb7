variable "project" {
  description = "ID of the project."
  type        = string
}

variable "name" {
  description = "Name of the metric, as in main-rooms-tick."
  type        = string
}

variable "running" {
  description = "Whether the function is there, so that its silence means something."
  type        = bool
}

variable "function" {
  description = "Name of the function that should get on."
  type        = string
}

variable "message" {
  description = "What it logs each time that it got on."
  type        = string
}

variable "silence" {
  description = "How long it may say nothing."
  type        = string
}

variable "channels" {
  description = "Notification channels."
  type        = list(string)
}
