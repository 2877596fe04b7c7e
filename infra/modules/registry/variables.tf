variable "name" {
  description = "Name of the repository."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]+([._/-][a-z0-9]+)*$", var.name)) && length(var.name) >= 2 && length(var.name) <= 256
    error_message = "A repository name has 2 to 256 lower-case letters and digits, separated by single '.', '_', '-' or '/'."
  }
}

variable "force_delete" {
  description = "Whether the repository may be destroyed while it holds images."
  type        = bool
  default     = false
  nullable    = false
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the images; null for AES-256 with ECR's own keys. Changing it replaces the repository."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "Give the ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or a bare id."
  }
}

variable "images_kept" {
  description = "How many of the newest images stay. Keep more than you would ever roll back over."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.images_kept >= 2 && floor(var.images_kept) == var.images_kept
    error_message = "Keep at least 2 images: the one that runs and the one to go back to."
  }
}

variable "untagged_image_days" {
  description = "Days after its push at which an image without a tag is removed."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.untagged_image_days >= 1 && floor(var.untagged_image_days) == var.untagged_image_days
    error_message = "Give whole days, at least 1."
  }
}
