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

# This stack's own

variable "tls_only" {
  description = "Whether requests that did not come over TLS are refused. Only a region without TLS in front of it, as on one's own machine, needs false."
  type        = bool
  default     = true
  nullable    = false
}

variable "noncurrent_version_days" {
  description = "Days after which an overwritten state is removed; null keeps every version for ever."
  type        = number
  default     = null
}

variable "noncurrent_versions_kept" {
  description = "Overwritten states that are kept however old they are."
  type        = number
  default     = 20
  nullable    = false
}

# Rights of the pipeline; see modules/delivery

variable "github" {
  description = "The repository whose workflows deliver, by its names and by its ids (gh api repos/OWNER/REPOSITORY --jq '.owner.id, .id')."
  type = object({
    owner         = string
    owner_id      = string
    repository    = string
    repository_id = string
  })
  nullable = false
}

variable "create_github_provider" {
  description = "Whether GitHub is made known to the account here. An account knows it once: true in one environment of each account."
  type        = bool
  nullable    = false
}

variable "plan_subjects" {
  description = "What may plan: pull_request, ref:refs/heads/<branch>, ref:refs/tags/<tag>."
  type        = list(string)
  nullable    = false
}

variable "apply_refs" {
  description = "Branches and tags, as in refs/heads/main, that may be applied, by jobs in the GitHub environment of this environment's name."
  type        = list(string)
  nullable    = false
}

variable "promotes_from" {
  description = "Environments whose images come here."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = !contains(var.promotes_from, var.environment)
    error_message = "An environment's images come from others."
  }
}

# The name

variable "domain" {
  description = "The environment's name on the internet, and the hosted zone that it is in; without zone_id the stack domain makes one for the name. Null for none: plain HTTP, for development."
  type = object({
    name    = string
    zone_id = optional(string)
  })
  default = null

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain.name))
    error_message = "A domain is given in lower case and without a dot at the end, as in links.example.com."
  }
}

# Watching

variable "access_log_days" {
  description = "Days for which the balancer's access logs are kept; null for none. The provider waits 55 s for the rules that remove them."
  type        = number
  default     = null
}

variable "monthly_budget" {
  description = "US dollars a month from four fifths of which somebody is told; 0 for no budget, as in a region without AWS Budgets."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.monthly_budget >= 0
    error_message = "A budget is not negative; 0 is none."
  }
}

variable "emails" {
  description = "Addresses that are told of the budget and of alarms."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "Give e-mail addresses."
  }

  validation {
    condition     = var.monthly_budget == 0 || length(var.emails) > 0
    error_message = "A budget that tells nobody is none: give an address."
  }
}
