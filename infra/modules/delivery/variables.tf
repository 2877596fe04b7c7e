variable "name" {
  description = "Name of the system in its environment, which is what the stacks name their things by."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "A name has 3 to 32 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen."
  }
}

variable "environment_tag" {
  description = "Value of the tag `environment` on everything of this environment. What carries another is out of reach."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment_tag))
    error_message = "An environment's name has 2 to 12 lower-case letters and digits and begins with a letter."
  }
}

# States

variable "state_bucket" {
  description = "Name of the bucket with the environment's states."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "A bucket name has 3 to 63 lower-case letters, digits and hyphens, and begins and ends with a letter or digit."
  }
}

variable "state_reads" {
  description = "The stacks that the pipeline applies, each with the stacks whose states it reads."
  type        = map(list(string))
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.state_reads), ["network", "registry", "domain", "database", "service", "observability"])) == 0
    error_message = "Rights are written for network, registry, domain, database, service and observability; another stack needs its own, main.change.<stack>.tf."
  }

  validation {
    condition     = length(setsubtract(flatten(values(var.state_reads)), concat(keys(var.state_reads), ["bootstrap"]))) == 0
    error_message = "A stack reads the states of the others or of bootstrap."
  }
}

# Keys

variable "states_kms_key_arn" {
  description = "Key that encrypts the states."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.states_kms_key_arn))
    error_message = "Give the ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or a bare id."
  }
}

variable "data_kms_key_arn" {
  description = "Key that encrypts database, secrets and images."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.data_kms_key_arn))
    error_message = "Give the ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or a bare id."
  }
}

# GitHub

variable "create_provider" {
  description = "Whether GitHub is made known to the account here. An account knows it once."
  type        = bool
  default     = true
  nullable    = false
}

variable "github" {
  description = "The repository, by its names and by its ids (gh api repos/OWNER/REPOSITORY --jq '.owner.id, .id')."
  type = object({
    owner         = string
    owner_id      = string
    repository    = string
    repository_id = string
  })
  nullable = false

  validation {
    condition     = alltrue([for name in [var.github.owner, var.github.repository] : can(regex("^[A-Za-z0-9_.-]+$", name))])
    error_message = "Give owner and repository apart, without a slash and without wildcards."
  }

  validation {
    condition     = alltrue([for id in [var.github.owner_id, var.github.repository_id] : can(regex("^[1-9][0-9]*$", id))])
    error_message = "Ids are numbers."
  }
}

variable "plan_subjects" {
  description = "What may plan: the end of GitHub's subject, as in pull_request, ref:refs/heads/main or ref:refs/tags/v*."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.plan_subjects) > 0 && alltrue([for subject in var.plan_subjects : can(regex("^(pull_request|ref:refs/(heads|tags)/[A-Za-z0-9._/*-]+|environment:[a-z0-9-]+)$", subject))])
    error_message = "Subjects are pull_request, ref:refs/heads/<branch>, ref:refs/tags/<tag> or environment:<name>."
  }
}

variable "apply" {
  description = "What may apply and push images: jobs in this GitHub environment, where its approvals are kept, and from these refs."
  type = object({
    environment = string
    refs        = list(string)
  })
  nullable = false

  validation {
    condition     = can(regex("^[a-z0-9-]+$", var.apply.environment))
    error_message = "Name one GitHub environment, without wildcards."
  }

  validation {
    condition     = length(var.apply.refs) > 0 && alltrue([for ref in var.apply.refs : can(regex("^refs/(heads|tags)/[A-Za-z0-9._/*-]+$", ref))])
    error_message = "Refs are given in full, as in refs/heads/main or refs/tags/v*."
  }
}

# What else stacks may touch

variable "domain" {
  description = "Name whose records the stacks may write; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "A domain is given in lower case and without a dot at the end, as in links.example.com."
  }
}

variable "create_zone" {
  description = "Whether the stack domain makes the zone of the domain, too."
  type        = bool
  default     = false
  nullable    = false
}

variable "image_sources" {
  description = "Repositories that images are promoted from."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.image_sources : can(regex("^[a-z0-9]+([._/-][a-z0-9]+)*$", name))])
    error_message = "Name repositories, without wildcards."
  }
}
