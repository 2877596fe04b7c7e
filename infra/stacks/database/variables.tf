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

# This stack's own; see modules/database for what each means.

variable "engine_version" {
  description = "PostgreSQL version: the major alone (15), or with a minor to stand still on it."
  type        = string
  default     = "15"
  nullable    = false
}

variable "instance_class" {
  description = "Size of the writer."
  type        = string
  nullable    = false
}

variable "allocated_storage" {
  description = "GiB to begin with."
  type        = number
  default     = 20
  nullable    = false
}

variable "max_allocated_storage" {
  description = "GiB up to which storage grows by itself; 0 for no growth."
  type        = number
  default     = 100
  nullable    = false
}

variable "parameters" {
  description = "Engine parameters beside or instead of the module's own, by name."
  type = map(object({
    value        = string
    apply_method = optional(string, "immediate")
  }))
  default  = {}
  nullable = false
}

variable "allow_major_version_upgrade" {
  description = "Whether engine_version may name a new major version. Set for the upgrade, then unset."
  type        = bool
  default     = false
  nullable    = false
}

variable "apply_immediately" {
  description = "Whether changes that interrupt the database are made at once and not in the maintenance window."
  type        = bool
  default     = false
  nullable    = false
}

variable "password_version" {
  description = "Raise it to write a new password. Only with replicas."
  type        = number
  default     = 1
  nullable    = false
}

variable "secret_recovery_days" {
  description = "Days in which a deleted secret of ours can be restored; 0 deletes at once."
  type        = number
  default     = 30
  nullable    = false
}

variable "multi_az" {
  description = "Whether a standby in another zone takes over when the writer fails."
  type        = bool
  nullable    = false
}

variable "replica_count" {
  description = "Read replicas."
  type        = number
  default     = 0
  nullable    = false
}

variable "replica_instance_class" {
  description = "Size of the replicas; null for the writer's."
  type        = string
  default     = null
}

variable "backup_retention_days" {
  description = "Days to any second of which the database can be restored; 0 for no backups."
  type        = number
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether RDS refuses to delete the instances."
  type        = bool
  default     = true
  nullable    = false
}

variable "final_snapshot" {
  description = "Whether a snapshot is taken when the writer is deleted."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_exports" {
  description = "Logs sent to CloudWatch: postgresql, upgrade."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "log_retention_days" {
  description = "Days for which exported logs are kept."
  type        = number
  default     = 30
  nullable    = false
}

variable "performance_insights" {
  description = "Whether seven days of Performance Insights are kept."
  type        = bool
  default     = false
  nullable    = false
}
