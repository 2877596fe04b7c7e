variable "name" {
  description = "Name of cluster, service and task definition, and beginning of the roles' names."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,48}[a-z0-9]$", var.name))
    error_message = "A name has 3 to 50 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen."
  }
}

# What runs

variable "image" {
  description = "Image, with an immutable tag or, better, its digest."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^:@]+(:[0-9]+/[^:@]+)?(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})$", var.image)) && !endswith(var.image, ":latest")
    error_message = "Name the image with its tag (not latest, which moves) or its digest (repository@sha256:...)."
  }
}

variable "repository_arn" {
  description = "Repository that the image is in, the only one that tasks are started from."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:ecr:[a-z0-9-]+:[0-9]{12}:repository/", var.repository_arn))
    error_message = "Give the ARN of an ECR repository."
  }
}

variable "command" {
  description = "Arguments for the image's entry point."
  type        = list(string)
  default     = ["serve"]
  nullable    = false
}

variable "user" {
  description = "User and group, by number, that the container runs as."
  type        = string
  default     = "65532:65532"
  nullable    = false

  validation {
    # Numbers, because a name is looked up in the image, which may not know it.
    condition     = can(regex("^[1-9][0-9]*:[1-9][0-9]*$", var.user))
    error_message = "Give user and group as numbers other than 0, as in 65532:65532."
  }
}

variable "port" {
  description = "Port on which a task answers."
  type        = number
  default     = 8080
  nullable    = false

  validation {
    condition     = var.port >= 1024 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "A task that is not root answers on a port from 1024 to 65535."
  }
}

variable "environment" {
  description = "Environment variables. Nothing secret: they can be read in the task definition."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Z_][A-Z0-9_]*$", name)) && name != "PORT"])
    error_message = "Names are upper-case letters, digits and underscores; PORT is set from port."
  }
}

variable "secrets" {
  description = "Secrets that the tasks may read, by the environment variable that tells the secret's ARN, each with the key that encrypts it (null for AWS's own)."
  type = map(object({
    arn         = string
    kms_key_arn = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[A-Z_][A-Z0-9_]*$", name)) && !contains(concat(keys(var.environment), ["PORT"]), name)])
    error_message = "Names are upper-case letters, digits and underscores, and not used twice."
  }

  validation {
    condition     = alltrue([for secret in var.secrets : can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[^*]+$", secret.arn))])
    error_message = "Give each secret's whole ARN, without wildcards."
  }
}

variable "health_check_command" {
  description = "Command in the image that succeeds while the container is well; null for none."
  type        = list(string)
  default     = ["/links", "health"]

  validation {
    condition     = var.health_check_command == null || try(length(var.health_check_command) > 0, false)
    error_message = "Give a command, or null."
  }
}

# Size

variable "cpu" {
  description = "CPU of a task, in 1024ths of a core."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "Fargate has tasks of 256, 512, 1024, 2048, 4096, 8192 and 16384."
  }
}

variable "memory" {
  description = "Memory of a task in MiB."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition = contains(lookup({
      "256"   = [512, 1024, 2048]
      "512"   = range(1024, 4096 + 1, 1024)
      "1024"  = range(2048, 8192 + 1, 1024)
      "2048"  = range(4096, 16384 + 1, 1024)
      "4096"  = range(8192, 30720 + 1, 1024)
      "8192"  = range(16384, 61440 + 1, 4096)
      "16384" = range(32768, 122880 + 1, 8192)
    }, tostring(var.cpu), []), var.memory)
    error_message = "Fargate does not have this memory with this cpu. 256 goes with 512, 1024 or 2048; more CPU with 2 to 8 times as much memory as CPU, in whole GiB (8192 in steps of 4 GiB, 16384 of 8)."
  }
}

variable "cpu_architecture" {
  description = "Processor that the image is built for: X86_64, or ARM64, which is cheaper."
  type        = string
  default     = "X86_64"
  nullable    = false

  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "Fargate has X86_64 and ARM64."
  }
}

variable "desired_count" {
  description = "Tasks to begin with. Later changes are left to whoever scales the service."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.desired_count >= 0 && floor(var.desired_count) == var.desired_count
    error_message = "A whole number of tasks, 0 or more."
  }
}

# Scaling

variable "scaling" {
  description = "How the number of tasks follows the load: bounds, average CPU in percent to hold, seconds between two steps out and two steps in. With office_hours there are no tasks from close until open (hh:mm, Monday to Friday), nor on weekends. Null for a number that stays."
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

  validation {
    condition = var.scaling == null || try(
      var.scaling.min_tasks >= 1 && var.scaling.max_tasks >= var.scaling.min_tasks &&
      floor(var.scaling.min_tasks) == var.scaling.min_tasks && floor(var.scaling.max_tasks) == var.scaling.max_tasks,
      false,
    )
    error_message = "min_tasks is a whole number from 1 (no tasks have no CPU to follow) and max_tasks one that is not less."
  }

  validation {
    condition     = var.scaling == null || try(var.scaling.cpu_target >= 10 && var.scaling.cpu_target <= 90, false)
    error_message = "cpu_target is between 10 and 90 percent: above it tasks are full before others have come."
  }

  validation {
    condition = var.scaling == null || try(alltrue([
      for seconds in [var.scaling.scale_out_cooldown, var.scaling.scale_in_cooldown] : seconds >= 0 && seconds <= 3600 && floor(seconds) == seconds
    ]), false)
    error_message = "Cooldowns are 0 to 3600 whole seconds."
  }

  validation {
    condition = try(var.scaling.office_hours, null) == null || try(alltrue([
      for time in [var.scaling.office_hours.open, var.scaling.office_hours.close] : can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", time))
    ]) && tonumber(replace(var.scaling.office_hours.open, ":", "")) < tonumber(replace(var.scaling.office_hours.close, ":", "")), false)
    error_message = "open and close are times of one day as in 08:00 and 18:00, open before close."
  }

  validation {
    condition     = try(var.scaling.office_hours, null) == null || can(regex("^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_-]+)+)$", var.scaling.office_hours.timezone))
    error_message = "timezone is UTC or a name as in Europe/Berlin."
  }
}

# Network

variable "subnet_ids" {
  description = "Private subnets, in at least two zones, that tasks are spread over."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(distinct(var.subnet_ids)) >= 2 && alltrue([for id in var.subnet_ids : startswith(id, "subnet-")])
    error_message = "Give the ids (subnet-...) of at least two subnets in different zones."
  }
}

variable "security_group_id" {
  description = "Security group of the tasks."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.security_group_id, "sg-")
    error_message = "Give the id (sg-...) of a security group."
  }
}

variable "target_group_arn" {
  description = "Target group that tasks are registered with."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup/", var.target_group_arn))
    error_message = "Give the ARN of a target group."
  }
}

# Deployment

variable "wait_for_steady_state" {
  description = "Whether an apply waits until the new version has taken over, or was rolled back."
  type        = bool
  default     = true
  nullable    = false
}

variable "health_check_grace_period" {
  description = "Seconds for which a new task is not judged by the load balancer."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.health_check_grace_period >= 0 && var.health_check_grace_period <= 7200 && floor(var.health_check_grace_period) == var.health_check_grace_period
    error_message = "ECS waits 0 to 7200 seconds."
  }
}

variable "start_period" {
  description = "Seconds for which a failing health check command in a new container does not count."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.start_period >= 0 && var.start_period <= 300 && floor(var.start_period) == var.start_period
    error_message = "ECS waits 0 to 300 seconds."
  }
}

variable "stop_timeout" {
  description = "Seconds that a container has to stop by itself."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.stop_timeout >= 2 && var.stop_timeout <= 120 && floor(var.stop_timeout) == var.stop_timeout
    error_message = "Fargate waits 2 to 120 seconds."
  }
}

# Watching

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch Logs keeps 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "logs_kms_key_arn" {
  description = "KMS key that encrypts the logs; null for CloudWatch's own."
  type        = string
  default     = null

  validation {
    condition     = var.logs_kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.logs_kms_key_arn))
    error_message = "Give the ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or a bare id."
  }
}

variable "container_insights" {
  description = "Metrics per task beside those per service: disabled, enabled or enhanced. Paid for by the metric."
  type        = string
  default     = "disabled"
  nullable    = false

  validation {
    condition     = contains(["disabled", "enabled", "enhanced"], var.container_insights)
    error_message = "Container Insights is disabled, enabled or enhanced."
  }
}

# Rights

variable "permissions_boundary_arn" {
  description = "Policy that bounds the roles made here; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", var.permissions_boundary_arn))
    error_message = "Give the ARN of an IAM policy."
  }
}
