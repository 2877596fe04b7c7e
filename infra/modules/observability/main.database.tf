# The database: the writer and each replica alike, and how far replicas are
# behind.

locals {
  instances = merge(
    { database = var.database.instance_identifier },
    { for number, identifier in var.database.replica_identifiers : "replica-${number}" => identifier },
  )

  instance_alarms = {
    cpu = {
      description = "is nearly out of CPU"
      metric      = "CPUUtilization"
      comparison  = "GreaterThanThreshold"
      threshold   = var.thresholds.database_cpu_percent
      minutes     = 2 * var.thresholds.minutes
    }
    memory = {
      description = "is nearly out of memory"
      metric      = "FreeableMemory"
      comparison  = "LessThanThreshold"
      threshold   = var.thresholds.database_free_memory_mib * 1024 * 1024
      minutes     = 2 * var.thresholds.minutes
    }
    connections = {
      description = "is nearly out of connections"
      metric      = "DatabaseConnections"
      comparison  = "GreaterThanThreshold"
      threshold   = var.thresholds.database_connections
      minutes     = var.thresholds.minutes
    }
    storage = {
      description = "is nearly out of storage; a full one stops"
      metric      = "FreeStorageSpace"
      comparison  = "LessThanThreshold"
      threshold   = floor(var.database.allocated_storage * 1024 * 1024 * 1024 * var.thresholds.database_free_storage_percent / 100)
      minutes     = var.thresholds.minutes
    }
  }

  database_alarms = merge(
    merge([
      for instance, identifier in local.instances : {
        for kind, alarm in local.instance_alarms : "${instance}-${kind}" => merge(alarm, {
          description = "The database ${identifier} ${alarm.description}."
          namespace   = "AWS/RDS"
          dimensions  = { DBInstanceIdentifier = identifier }
          statistic   = "Average"
        })
      }
    ]...),
    {
      for number, identifier in var.database.replica_identifiers : "replica-${number}-lag" => {
        description = "The replica ${identifier} is so far behind the writer that readers see what is no longer so."
        namespace   = "AWS/RDS"
        metric      = "ReplicaLag"
        dimensions  = { DBInstanceIdentifier = identifier }
        statistic   = "Maximum"
        comparison  = "GreaterThanThreshold"
        threshold   = var.thresholds.replica_lag_seconds
        minutes     = var.thresholds.minutes
        # A replica that says nothing has lost its writer.
        missing = "breaching"
      }
    },
  )
}
