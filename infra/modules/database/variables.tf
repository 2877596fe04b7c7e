variable "name" {
  description = "Identifier of the writer and beginning of the names beside it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9]|-[a-z0-9]){1,47}$", var.name))
    error_message = "A database's name begins with a letter and goes on with lower-case letters, digits and single hyphens, 50 characters at most."
  }
}

# Network

variable "subnet_ids" {
  description = "Private subnets, in at least two zones, that the instances may be placed in."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(distinct(var.subnet_ids)) >= 2 && alltrue([for id in var.subnet_ids : startswith(id, "subnet-")])
    error_message = "Give the ids (subnet-...) of at least two subnets in different zones."
  }
}

variable "security_group_id" {
  description = "Security group of the instances."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.security_group_id, "sg-")
    error_message = "Give the id (sg-...) of a security group."
  }
}

variable "port" {
  description = "Port on which the database answers."
  type        = number
  default     = 5432
  nullable    = false

  validation {
    condition     = var.port >= 1150 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "RDS takes ports from 1150 to 65535."
  }
}

# Engine and size

variable "engine_version" {
  description = "PostgreSQL version: the major alone (15), or with a minor (15.12) to stand still on it."
  type        = string
  default     = "15"
  nullable    = false

  validation {
    condition     = can(regex("^1[3-8](\\.[0-9]+)?$", var.engine_version))
    error_message = "PostgreSQL 13 to 18, as in 15 or 15.12."
  }
}

variable "instance_class" {
  description = "Size of the writer, and of the replicas unless replica_instance_class says otherwise."
  type        = string
  default     = "db.t4g.micro"
  nullable    = false

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.instance_class))
    error_message = "An instance class is named as in db.t4g.micro."
  }
}

variable "allocated_storage" {
  description = "GiB to begin with."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.allocated_storage >= 20 && var.allocated_storage <= 65536 && floor(var.allocated_storage) == var.allocated_storage
    error_message = "gp3 storage is 20 to 65536 whole GiB."
  }
}

variable "max_allocated_storage" {
  description = "GiB up to which storage grows by itself; 0 for no growth."
  type        = number
  default     = 100
  nullable    = false

  validation {
    # RDS refuses a ceiling less than a tenth above the floor.
    condition     = var.max_allocated_storage == 0 || (var.max_allocated_storage >= var.allocated_storage * 1.1 && var.max_allocated_storage <= 65536)
    error_message = "max_allocated_storage is 0, or at least a tenth more than allocated_storage."
  }
}

variable "parameters" {
  description = "Engine parameters beside or instead of the module's own, by name. Static ones need apply_method pending-reboot."
  type = map(object({
    value        = string
    apply_method = optional(string, "immediate")
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for parameter in var.parameters : contains(["immediate", "pending-reboot"], parameter.apply_method)])
    error_message = "apply_method is immediate or pending-reboot."
  }

  validation {
    condition     = !contains(keys(var.parameters), "rds.force_ssl")
    error_message = "rds.force_ssl is not for setting: connections without TLS are refused."
  }
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

# Contents and access

variable "database_name" {
  description = "Name of the database that is made with the instance."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database_name))
    error_message = "A database name begins with a letter and has at most 63 lower-case letters, digits and underscores."
  }
}

variable "username" {
  description = "Name of the master user."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.username)) && !contains(["admin", "rdsadmin", "postgres", "public", "user"], var.username) && !startswith(var.username, "pg_")
    error_message = "A user name begins with a letter, has at most 63 lower-case letters, digits and underscores, and is none that PostgreSQL or RDS keep for themselves."
  }
}

variable "password" {
  description = "Password of the master user, written to the instance and to its secret and kept nowhere else. Needed with replicas, refused without: then RDS makes it."
  type        = string
  default     = null
  ephemeral   = true

  validation {
    condition     = (var.replica_count > 0) == (var.password != null)
    error_message = "A password is given exactly when there are replicas."
  }

  validation {
    condition     = var.password == null || try(length(var.password) >= 16 && length(var.password) <= 128 && !can(regex("[/\"@ ]", var.password)), false)
    error_message = "A password has 16 to 128 characters without slash, double quote, at sign or space, which RDS refuses."
  }
}

variable "password_version" {
  description = "Raise it to write a new password to instance and secret. Only with replicas."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.password_version >= 1 && floor(var.password_version) == var.password_version
    error_message = "Versions are whole numbers from 1."
  }
}

variable "secret_recovery_days" {
  description = "Days in which a deleted secret of ours can be restored; 0 deletes at once, so that the same name can be made again."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "Secrets Manager waits 7 to 30 days, or 0."
  }
}

variable "kms_key_arn" {
  description = "KMS key that encrypts storage, insights and secret; null for AWS's own keys. Changing it replaces the instance."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "Give the ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or a bare id."
  }
}

# Availability

variable "multi_az" {
  description = "Whether a standby in another zone takes over when the writer fails. Doubles the price."
  type        = bool
  default     = false
  nullable    = false
}

variable "replica_count" {
  description = "Read replicas. The first moves the password out of RDS's keeping (see README)."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.replica_count >= 0 && var.replica_count <= 15 && floor(var.replica_count) == var.replica_count
    error_message = "RDS for PostgreSQL has 0 to 15 read replicas."
  }
}

variable "replica_instance_class" {
  description = "Size of the replicas; null for the writer's."
  type        = string
  default     = null

  validation {
    condition     = var.replica_instance_class == null || can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.replica_instance_class))
    error_message = "An instance class is named as in db.t4g.micro."
  }
}

# Keeping the data

variable "backup_retention_days" {
  description = "Days to any second of which the database can be restored; 0 for no backups."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.backup_retention_days >= 0 && var.backup_retention_days <= 35 && floor(var.backup_retention_days) == var.backup_retention_days
    error_message = "RDS keeps backups for 0 to 35 days."
  }
}

variable "backup_window" {
  description = "Half an hour or more of every day (UTC) for backups, apart from the maintenance window."
  type        = string
  default     = "02:00-02:30"
  nullable    = false

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$", var.backup_window))
    error_message = "A backup window is given as in 02:00-02:30."
  }
}

variable "maintenance_window" {
  description = "Half an hour or more of every week (UTC) for changes that interrupt."
  type        = string
  default     = "sun:03:00-sun:03:30"
  nullable    = false

  validation {
    # Lower case, as RDS answers, so that no plan sees a difference.
    condition     = can(regex("^(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]$", var.maintenance_window))
    error_message = "A maintenance window is given as in sun:03:00-sun:03:30."
  }
}

variable "deletion_protection" {
  description = "Whether RDS refuses to delete the instances."
  type        = bool
  default     = true
  nullable    = false
}

variable "final_snapshot" {
  description = "Whether a snapshot is taken when the writer is deleted, and its backups are kept."
  type        = bool
  default     = true
  nullable    = false
}

# Watching

variable "log_exports" {
  description = "Logs sent to CloudWatch: postgresql, upgrade."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.log_exports, ["postgresql", "upgrade"])) == 0
    error_message = "RDS for PostgreSQL exports the logs postgresql and upgrade."
  }
}

variable "log_retention_days" {
  description = "Days for which exported logs are kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch Logs keeps 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "logs_kms_key_arn" {
  description = "KMS key that encrypts exported logs, and lets CloudWatch Logs use it; null for CloudWatch's own."
  type        = string
  default     = null

  validation {
    condition     = var.logs_kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.logs_kms_key_arn))
    error_message = "Give the ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or a bare id."
  }
}

variable "performance_insights" {
  description = "Whether seven days of Performance Insights are kept, which costs nothing."
  type        = bool
  default     = false
  nullable    = false
}
