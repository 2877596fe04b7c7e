variable "name" {
  description = "Name of the budget."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,98}[a-z0-9]$", var.name))
    error_message = "A name has 3 to 100 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen."
  }
}

variable "monthly_usd" {
  description = "US dollars that a month may cost."
  type        = number
  nullable    = false

  validation {
    condition     = var.monthly_usd >= 1
    error_message = "A budget is at least one dollar."
  }
}

variable "actual_percent" {
  description = "Percent of the budget at which what has been spent is told. What is forecast is told from 100."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.actual_percent > 0 && var.actual_percent <= 100
    error_message = "A percentage over 0, 100 at most: after that it is too late."
  }
}

variable "tag" {
  description = "Tag of what is counted. One: budgets add up what carries any of several."
  type = object({
    key   = string
    value = string
  })
  nullable = false

  validation {
    condition     = length(var.tag.key) > 0 && length(var.tag.value) > 0
    error_message = "Name a tag and its value, else the whole account is counted."
  }
}

variable "emails" {
  description = "Addresses that are told. Budgets ask for no confirmation."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.emails) >= 1 && length(var.emails) <= 10 && alltrue([for email in var.emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "A budget tells 1 to 10 e-mail addresses."
  }
}
