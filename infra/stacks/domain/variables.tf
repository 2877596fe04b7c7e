# The same in every stack: from the environment's backend.hcl and common.tfvars.

variable "region" {
  description = "AWS region of everything in the environment."
  type        = string
  default     = "eu-central-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region is named as in eu-central-1."
  }
}

variable "bucket" {
  description = "Bucket that holds the environment's states."
  type        = string
  nullable    = false
}

variable "project" {
  description = "Name of the system, the beginning of all names."
  type        = string
  default     = "links"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,10}[a-z0-9]$", var.project))
    error_message = "A project's name has 3 to 12 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen."
  }
}

variable "environment" {
  description = "Name of the environment."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "An environment's name has 2 to 12 lower-case letters and digits and begins with a letter."
  }
}
