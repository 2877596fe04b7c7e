variable "name" {
  description = "Beginning of the names of alarms and topic, and name of the dashboard."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,48}[a-z0-9]$", var.name))
    error_message = "A name has 3 to 50 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen."
  }
}

# Who is told

variable "emails" {
  description = "Addresses that are told of alarms and recoveries, once they have confirmed that they want to be."
  type        = set(string)
  nullable    = false

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "Give e-mail addresses."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the topic and lets CloudWatch use it. AWS's own key for SNS does not."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "Give the ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or a bare id."
  }
}

# What is watched

variable "service" {
  description = "The service, by the names that its metrics have; tasks that it has at least; and whether Container Insights tell how many it wants."
  type = object({
    cluster_name       = string
    service_name       = string
    min_tasks          = number
    container_insights = optional(bool, false)
  })
  nullable = false

  validation {
    condition     = var.service.min_tasks >= 0 && floor(var.service.min_tasks) == var.service.min_tasks
    error_message = "A whole number of tasks, 0 or more."
  }
}

variable "balancer" {
  description = "Load balancer and target group, by the ends of their ARNs, which are their names in metrics."
  type = object({
    arn_suffix              = string
    target_group_arn_suffix = string
  })
  nullable = false

  validation {
    condition     = startswith(var.balancer.arn_suffix, "app/") && startswith(var.balancer.target_group_arn_suffix, "targetgroup/")
    error_message = "Metrics name balancers as in app/<name>/<id> and target groups as in targetgroup/<name>/<id>."
  }
}

variable "database" {
  description = "Writer and replicas (by number), and the GiB that they began with."
  type = object({
    instance_identifier = string
    replica_identifiers = optional(map(string), {})
    allocated_storage   = number
  })
  nullable = false

  validation {
    condition     = var.database.allocated_storage >= 20
    error_message = "gp3 storage is at least 20 GiB."
  }
}

# When somebody is told

variable "thresholds" {
  description = "What is too much, and for how many minutes. Rates count from least_requests a minute on; database_connections depends on the instance's size (about 100 per GiB are allowed)."
  type = object({
    minutes               = optional(number, 5)
    tasks_missing_minutes = optional(number, 10)

    service_cpu_percent    = optional(number, 85)
    service_memory_percent = optional(number, 85)

    least_requests       = optional(number, 20)
    server_error_percent = optional(number, 1)
    client_error_percent = optional(number, 50)
    latency_percentile   = optional(string, "p95")
    latency_seconds      = optional(number, 1)

    database_cpu_percent          = optional(number, 80)
    database_free_memory_mib      = optional(number, 100)
    database_connections          = number
    database_free_storage_percent = optional(number, 15)
    replica_lag_seconds           = optional(number, 30)
  })
  nullable = false

  validation {
    condition     = alltrue([for minutes in [var.thresholds.minutes, var.thresholds.tasks_missing_minutes] : minutes >= 1 && minutes <= 60 && floor(minutes) == minutes])
    error_message = "Alarms wait 1 to 60 whole minutes."
  }

  validation {
    condition = alltrue([
      for percent in [
        var.thresholds.service_cpu_percent, var.thresholds.service_memory_percent, var.thresholds.server_error_percent,
        var.thresholds.client_error_percent, var.thresholds.database_cpu_percent, var.thresholds.database_free_storage_percent,
      ] : percent > 0 && percent < 100
    ])
    error_message = "Percentages lie between 0 and 100: at either end an alarm would never fire, or always."
  }

  validation {
    condition     = can(regex("^p[0-9]{2}(\\.[0-9]{1,2})?$", var.thresholds.latency_percentile))
    error_message = "A percentile is named as in p95 or p99.9."
  }

  validation {
    condition = alltrue([
      for amount in [
        var.thresholds.latency_seconds, var.thresholds.database_free_memory_mib, var.thresholds.database_connections,
        var.thresholds.replica_lag_seconds, var.thresholds.least_requests,
      ] : amount > 0
    ])
    error_message = "Seconds, connections, requests and memory are more than 0."
  }
}
