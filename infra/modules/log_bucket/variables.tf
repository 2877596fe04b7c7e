variable "name" {
  description = "Name of the bucket. S3 names are global: two accounts cannot have the same."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket name has 3 to 63 lower-case letters, digits and hyphens, and begins and ends with a letter or digit (no dots: they break TLS)."
  }
}

variable "tls_only" {
  description = "Whether requests that did not come over TLS are refused by the bucket's policy."
  type        = bool
  default     = true
  nullable    = false
}

variable "retention_days" {
  description = "Days for which logs are kept."
  type        = number
  nullable    = false

  validation {
    condition     = var.retention_days >= 1 && floor(var.retention_days) == var.retention_days
    error_message = "Give whole days, at least 1."
  }
}
