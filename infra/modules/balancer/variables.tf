variable "name" {
  description = "Name of the load balancer and of its target group."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9]([a-zA-Z0-9-]{0,30}[a-zA-Z0-9])?$", var.name)) && !startswith(var.name, "internal-")
    error_message = "A load balancer's name has at most 32 letters, digits and hyphens, no hyphen at either end, and does not begin with internal-."
  }
}

# Network

variable "vpc_id" {
  description = "VPC of the targets."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "Give the id (vpc-...) of a VPC."
  }
}

variable "subnet_ids" {
  description = "Public subnets, one per zone, that the load balancer has a node in."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(distinct(var.subnet_ids)) >= 2 && alltrue([for id in var.subnet_ids : startswith(id, "subnet-")])
    error_message = "Give the ids (subnet-...) of at least two subnets in different zones."
  }
}

variable "security_group_id" {
  description = "Security group of the load balancer."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.security_group_id, "sg-")
    error_message = "Give the id (sg-...) of a security group."
  }
}

# Listeners

variable "certificate_arn" {
  description = "Certificate for HTTPS; null to speak plain HTTP, for development."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/", var.certificate_arn))
    error_message = "Give the ARN of an ACM certificate."
  }
}

variable "ssl_policy" {
  description = "TLS versions and ciphers that the HTTPS listener takes."
  type        = string
  default     = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  nullable    = false

  validation {
    condition     = can(regex("^ELBSecurityPolicy-TLS13-1-[23]-", var.ssl_policy))
    error_message = "Take a policy that speaks TLS 1.3 and nothing older than 1.2: its name begins with ELBSecurityPolicy-TLS13-1-2- or -TLS13-1-3-."
  }
}

variable "domain" {
  description = "Name that people type and the hosted zone that it is in; null where there is none. Needs a certificate."
  type = object({
    name    = string
    zone_id = string
  })
  default = null

  validation {
    condition     = var.domain == null || try(can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain.name)) && can(regex("^Z[A-Z0-9]+$", var.domain.zone_id)), false)
    error_message = "Give a name as in links.example.com and the id (Z...) of its hosted zone."
  }

  validation {
    condition     = var.domain == null || var.certificate_arn != null
    error_message = "A name that people type is served with a certificate: give certificate_arn, too."
  }
}

variable "idle_timeout" {
  description = "Seconds after which a silent connection is closed."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.idle_timeout >= 1 && var.idle_timeout <= 4000 && floor(var.idle_timeout) == var.idle_timeout
    error_message = "A load balancer waits 1 to 4000 seconds."
  }
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the load balancer, whose name others may point to."
  type        = bool
  default     = true
  nullable    = false
}

variable "access_logs" {
  description = "Bucket for a record of every request, and what its keys begin with; null for none. The bucket must let load balancers write."
  type = object({
    bucket = string
    prefix = string
  })
  default = null

  validation {
    condition     = var.access_logs == null || try(length(var.access_logs.bucket) >= 3 && can(regex("^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$", var.access_logs.prefix)) && !strcontains(var.access_logs.prefix, "AWSLogs"), false)
    error_message = "Give a bucket and a prefix without slashes at its ends and without AWSLogs, which AWS adds."
  }
}

# Targets

variable "target_port" {
  description = "Port on which targets answer."
  type        = number
  default     = 8080
  nullable    = false

  validation {
    condition     = var.target_port >= 1 && var.target_port <= 65535 && floor(var.target_port) == var.target_port
    error_message = "A port is a whole number from 1 to 65535."
  }
}

variable "algorithm" {
  description = "How a target is chosen. Least outstanding requests spares a target that is slow or has just started."
  type        = string
  default     = "least_outstanding_requests"
  nullable    = false

  validation {
    condition     = contains(["round_robin", "least_outstanding_requests", "weighted_random"], var.algorithm)
    error_message = "The algorithm is round_robin, least_outstanding_requests or weighted_random."
  }
}

variable "deregistration_delay" {
  description = "Seconds that a leaving target has to finish its requests. Longer than the slowest request; every deployment waits for it."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.deregistration_delay >= 0 && var.deregistration_delay <= 3600 && floor(var.deregistration_delay) == var.deregistration_delay
    error_message = "A target leaves within 0 to 3600 seconds."
  }
}

variable "health_check" {
  description = "When a target counts as healthy: what is asked, how often (interval) and how long is waited (timeout) in seconds, and how many answers in a row decide."
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

  validation {
    condition     = startswith(var.health_check.path, "/")
    error_message = "The path begins with a slash."
  }

  validation {
    condition     = var.health_check.interval >= 5 && var.health_check.interval <= 300
    error_message = "A load balancer asks every 5 to 300 seconds."
  }

  validation {
    condition     = var.health_check.timeout >= 2 && var.health_check.timeout < var.health_check.interval
    error_message = "The timeout is at least 2 seconds and less than the interval."
  }

  validation {
    condition     = alltrue([for threshold in [var.health_check.healthy_threshold, var.health_check.unhealthy_threshold] : threshold >= 2 && threshold <= 10])
    error_message = "Thresholds are 2 to 10 answers."
  }
}
