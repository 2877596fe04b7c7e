variable "name" {
  description = "Name of the VPC and beginning of the names of what is in it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "A name has 3 to 32 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen."
  }
}

# Addresses

variable "cidr" {
  description = "IPv4 range of the VPC."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.cidr)) && try(cidrhost(var.cidr, 0) == split("/", var.cidr)[0], false)
    error_message = "Give an IPv4 range by its first address, such as 10.0.0.0/16."
  }

  validation {
    condition     = try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 28, false)
    error_message = "A VPC's range is between /16 and /28."
  }
}

variable "zones" {
  description = "Availability zones by name, each with the ranges of its public and its private subnet."
  type = map(object({
    public_cidr  = string
    private_cidr = string
  }))
  nullable = false

  validation {
    condition     = length(var.zones) >= 2
    error_message = "A load balancer and a database subnet group need at least two zones."
  }

  validation {
    condition     = alltrue([for zone in keys(var.zones) : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", zone))])
    error_message = "Zones are named as in eu-central-1a."
  }

  validation {
    condition = alltrue(flatten([
      for subnets in values(var.zones) : [
        for cidr in [subnets.public_cidr, subnets.private_cidr] :
        can(cidrnetmask(cidr)) && try(cidrhost(cidr, 0) == split("/", cidr)[0], false)
      ]
    ]))
    error_message = "Give each subnet's IPv4 range by its first address, such as 10.0.16.0/20."
  }

  # A subnet is inside the VPC if, cut to the VPC's length, it begins where the
  # VPC begins.
  validation {
    condition = alltrue(flatten([
      for subnets in values(var.zones) : [
        for cidr in [subnets.public_cidr, subnets.private_cidr] :
        try(
          tonumber(split("/", cidr)[1]) >= tonumber(split("/", var.cidr)[1]) &&
          tonumber(split("/", cidr)[1]) <= 28 &&
          cidrhost("${split("/", cidr)[0]}/${split("/", var.cidr)[1]}", 0) == cidrhost(var.cidr, 0),
          false
        )
      ]
    ]))
    error_message = "Every subnet lies inside the VPC's range and is no smaller than /28."
  }

  # Two ranges overlap if, cut to the shorter prefix, they begin alike. Each
  # range overlaps itself once, so there are as many overlaps as subnets.
  validation {
    condition = try(2 * length(var.zones) == length([
      for pair in setproduct(
        flatten([for zone, subnets in var.zones : ["${zone} ${subnets.public_cidr} public", "${zone} ${subnets.private_cidr} private"]]),
        flatten([for zone, subnets in var.zones : ["${zone} ${subnets.public_cidr} public", "${zone} ${subnets.private_cidr} private"]]),
      ) : pair
      if length(distinct([
        for range in pair : cidrhost(format("%s/%d",
          split("/", split(" ", range)[1])[0],
          min([for other in pair : tonumber(split("/", split(" ", other)[1])[1])]...),
        ), 0)
      ])) == 1
    ]), false)
    error_message = "Subnets do not overlap."
  }
}

# Ways out

variable "nat_gateways" {
  description = "Ways out of the private subnets: none, single (one zone's, shared: cheaper, lost with that zone) or per_zone."
  type        = string
  default     = "none"
  nullable    = false

  validation {
    condition     = contains(["none", "single", "per_zone"], var.nat_gateways)
    error_message = "NAT gateways are none, single or per_zone."
  }
}

variable "s3_endpoint" {
  description = "Whether the private subnets reach S3 through a gateway endpoint, which costs nothing."
  type        = bool
  default     = true
  nullable    = false
}

variable "interface_endpoints" {
  description = "AWS services that the private subnets reach through interface endpoints, by the last part of the endpoint's name. Without NAT gateways tasks need ecr.api, ecr.dkr, logs and secretsmanager."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for service in var.interface_endpoints : can(regex("^[a-z][a-z0-9-]*(\\.[a-z0-9-]+)*$", service))])
    error_message = "Name services as in ecr.api: the part after com.amazonaws.<region>."
  }

  validation {
    condition     = !contains(var.interface_endpoints, "s3")
    error_message = "S3 is reached through its gateway endpoint (s3_endpoint), which costs nothing."
  }
}

# Security groups

variable "balancer_ports" {
  description = "Ports of the load balancer that are open to the internet."
  type        = set(number)
  default     = [80]
  nullable    = false

  validation {
    condition     = length(var.balancer_ports) > 0 && length(setsubtract(var.balancer_ports, [80, 443])) == 0
    error_message = "The load balancer is open on 80, on 443, or on both."
  }
}

variable "service_port" {
  description = "Port on which a task answers."
  type        = number
  default     = 8080
  nullable    = false

  validation {
    # Below 1024 a task would have to run as root.
    condition     = var.service_port >= 1024 && var.service_port <= 65535 && floor(var.service_port) == var.service_port
    error_message = "A task answers on a port from 1024 to 65535."
  }
}

variable "database_port" {
  description = "Port on which the database answers."
  type        = number
  default     = 5432
  nullable    = false

  validation {
    condition     = var.database_port >= 1150 && var.database_port <= 65535 && floor(var.database_port) == var.database_port
    error_message = "RDS takes ports from 1150 to 65535."
  }
}

# Flow logs

variable "flow_log_retention_days" {
  description = "Days for which flow logs are kept; null for no flow logs."
  type        = number
  default     = null

  validation {
    condition     = var.flow_log_retention_days == null || try(contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.flow_log_retention_days), false)
    error_message = "CloudWatch Logs keeps 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "logs_kms_key_arn" {
  description = "KMS key that encrypts the flow logs; null for CloudWatch's own."
  type        = string
  default     = null

  validation {
    condition     = var.logs_kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.logs_kms_key_arn))
    error_message = "Give the ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or a bare id."
  }
}

variable "permissions_boundary_arn" {
  description = "Policy that bounds the roles made here; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", var.permissions_boundary_arn))
    error_message = "Give the ARN of an IAM policy."
  }
}
