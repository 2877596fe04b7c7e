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

# This stack's own; see modules/observability for what each means.

variable "thresholds" {
  description = "What is too much, and for how many minutes. Rates count from least_requests a minute on; database_connections depends on the instance's size (about 100 per GiB are allowed)."
  type = object({
    minutes               = optional(number, 5)
    tasks_missing_minutes = optional(number, 10)

    service_cpu_percent    = optional(number, 85)
    service_memory_percent = optional(number, 85)

    least_requests       = optional(number, 20)
    server_error_percent = optional(number, 1)
    client_error_percent = optional(number, 50)
    latency_percentile   = optional(string, "p95")
    latency_seconds      = optional(number, 1)

    database_cpu_percent          = optional(number, 80)
    database_free_memory_mib      = optional(number, 100)
    database_connections          = number
    database_free_storage_percent = optional(number, 15)
    replica_lag_seconds           = optional(number, 30)
  })
  nullable = false
}
