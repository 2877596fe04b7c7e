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

# This stack's own; see modules/balancer and modules/service for what each means.

variable "image" {
  description = "Tag or digest (sha256:...) of the image in the environment's repository."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(sha256:[0-9a-f]{64}|[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$", var.image)) && var.image != "latest"
    error_message = "Give a tag (not latest) or a digest (sha256: and 64 hexadecimal digits), without the repository: the environment has one."
  }
}

variable "desired_count" {
  description = "Tasks to begin with. Later changes are left to whoever scales the service."
  type        = number
  nullable    = false
}

variable "scaling" {
  description = "How the number of tasks follows the load, and the clock where office_hours are asked for; null for a number that stays."
  type = object({
    min_tasks          = number
    max_tasks          = number
    cpu_target         = optional(number, 60)
    scale_out_cooldown = optional(number, 60)
    scale_in_cooldown  = optional(number, 300)
    office_hours = optional(object({
      open     = optional(string, "08:00")
      close    = optional(string, "18:00")
      timezone = optional(string, "UTC")
    }))
  })
  default = null

  # Production is known by its name: no value can put it to bed.
  validation {
    condition     = try(var.scaling.office_hours, null) == null || !startswith(var.environment, "prod")
    error_message = "Production does not close: office_hours are for the other environments."
  }
}

variable "cpu" {
  description = "CPU of a task, in 1024ths of a core."
  type        = number
  default     = 256
  nullable    = false
}

variable "memory" {
  description = "Memory of a task in MiB."
  type        = number
  default     = 512
  nullable    = false
}

variable "cpu_architecture" {
  description = "Processor that the image is built for: X86_64 or ARM64."
  type        = string
  default     = "X86_64"
  nullable    = false
}

variable "settings" {
  description = "Settings of the application beside those that this stack makes: environment variables of its container, by name. Nothing secret: they can be read in the task definition."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z_][A-Z0-9_]*$", name))])
    error_message = "A setting is named in upper-case letters, digits and underscores, and begins with no digit."
  }

  # PORT and the secret are the container's too, and would be overwritten without a word.
  validation {
    condition     = length(setintersection(keys(var.settings), ["PORT", "DATABASE_HOST", "DATABASE_READER_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_SSLMODE", "DATABASE_SECRET_ARN"])) == 0
    error_message = "PORT and DATABASE_HOST, _READER_HOST, _PORT, _NAME, _SSLMODE and _SECRET_ARN come from the other stacks (database_sslmode is a variable of its own)."
  }

  validation {
    condition     = alltrue([for value in values(var.settings) : value != null])
    error_message = "A setting has a value; leave out what the application is to decide."
  }

  # Whoever reaches the service could make it fail.
  validation {
    condition     = !contains(keys(var.settings), "LINKS_DRILLS") || !startswith(var.environment, "prod")
    error_message = "LINKS_DRILLS lets anyone make the service misbehave: it is for the other environments."
  }
}

variable "database_sslmode" {
  description = "How the application checks the database's TLS: require (encrypted) or verify-full (encrypted, and it is the one meant; the image must hold RDS's certificate authorities)."
  type        = string
  default     = "require"
  nullable    = false

  validation {
    condition     = contains(["require", "verify-full"], var.database_sslmode)
    error_message = "The database refuses connections without TLS: require or verify-full."
  }
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the load balancer."
  type        = bool
  default     = true
  nullable    = false
}

variable "deregistration_delay" {
  description = "Seconds that a leaving task has to finish its requests."
  type        = number
  default     = 30
  nullable    = false
}

variable "health_check" {
  description = "When a task counts as healthy for the load balancer."
  type = object({
    path                = optional(string, "/health/ready")
    interval            = optional(number, 10)
    timeout             = optional(number, 5)
    healthy_threshold   = optional(number, 2)
    unhealthy_threshold = optional(number, 3)
    matcher             = optional(string, "200")
  })
  default  = {}
  nullable = false
}

variable "health_check_grace_period" {
  description = "Seconds for which a new task is not judged by the load balancer."
  type        = number
  default     = 30
  nullable    = false
}

variable "wait_for_steady_state" {
  description = "Whether an apply waits until the new version has taken over, or was rolled back."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 30
  nullable    = false
}

variable "container_insights" {
  description = "Metrics per task beside those per service: disabled, enabled or enhanced."
  type        = string
  default     = "disabled"
  nullable    = false
}
