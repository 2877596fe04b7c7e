variable "name" {
  description = "Name of the key's alias, without alias/."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,98}[a-z0-9]$", var.name)) && !startswith(var.name, "aws")
    error_message = "An alias has 3 to 100 lower-case letters, digits and hyphens and does not begin with aws, which AWS keeps for its own."
  }
}

variable "description" {
  description = "What the key encrypts. The provider waits 8 s for each change of it."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.description) >= 1 && length(var.description) <= 8192
    error_message = "Say what the key is for."
  }
}

variable "users" {
  description = "Services that use the key for nobody in particular: logs (CloudWatch Logs), alarms (CloudWatch, to publish to an encrypted topic)."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.users, ["logs", "alarms"])) == 0
    error_message = "Users are logs and alarms."
  }
}

variable "deletion_window_days" {
  description = "Days in which a deletion can be taken back."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30 && floor(var.deletion_window_days) == var.deletion_window_days
    error_message = "KMS waits 7 to 30 days."
  }
}
