output "instance_identifier" {
  description = "Identifier of the writer."
  value       = aws_db_instance.this.identifier
}

output "instance_arn" {
  description = "ARN of the writer."
  value       = aws_db_instance.this.arn
}

output "replica_identifiers" {
  description = "Identifiers of the replicas, by number."
  value       = { for number, replica in aws_db_instance.replica : number => replica.identifier }
}

output "host" {
  description = "Where the writer answers. Follows the standby when that takes over."
  value       = aws_db_instance.this.address
}

output "replica_hosts" {
  description = "Where the replicas answer, by number."
  value       = { for number, replica in aws_db_instance.replica : number => replica.address }
}

output "port" {
  description = "Port of the writer and of the replicas."
  value       = aws_db_instance.this.port
}

output "database_name" {
  description = "Name of the database."
  value       = aws_db_instance.this.db_name
}

output "engine_version" {
  description = "Version that runs, with its minor."
  value       = aws_db_instance.this.engine_version_actual
}

output "secret_arn" {
  description = "ARN of the secret that holds the master user's name and password as JSON (username, password)."
  value       = local.secret_arn

  # Not to be handed on before it can be read.
  depends_on = [aws_secretsmanager_secret_version.this]
}

output "allocated_storage" {
  description = "GiB that the instances began with."
  value       = var.allocated_storage
}

output "kms_key_arn" {
  description = "Key that encrypts the secret; null for AWS's own."
  value       = var.kms_key_arn
}
