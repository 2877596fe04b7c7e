variable "name" {
  description = "Name of the bucket. S3 names are global: two accounts cannot have the same."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket name has 3 to 63 lower-case letters, digits and hyphens, and begins and ends with a letter or digit (no dots: they break TLS)."
  }
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the states; null for S3's own keys."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "Give the ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or a bare id."
  }
}

variable "tls_only" {
  description = "Whether requests that did not come over TLS are refused by the bucket's policy."
  type        = bool
  default     = true
  nullable    = false
}

variable "noncurrent_version_days" {
  description = "Days after which an overwritten state is removed; null keeps every version for ever."
  type        = number
  default     = null

  validation {
    condition     = var.noncurrent_version_days == null || try(var.noncurrent_version_days >= 1 && floor(var.noncurrent_version_days) == var.noncurrent_version_days, false)
    error_message = "Give whole days, at least 1, or null to keep every version."
  }
}

variable "noncurrent_versions_kept" {
  description = "Overwritten states that are kept however old they are."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.noncurrent_versions_kept >= 1 && var.noncurrent_versions_kept <= 100 && floor(var.noncurrent_versions_kept) == var.noncurrent_versions_kept
    error_message = "S3 keeps a whole number from 1 to 100."
  }
}
