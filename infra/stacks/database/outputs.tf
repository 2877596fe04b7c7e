output "instance_identifier" {
  description = "Identifier of the writer."
  value       = module.database.instance_identifier
}

output "replica_identifiers" {
  description = "Identifiers of the replicas, by number."
  value       = module.database.replica_identifiers
}

output "host" {
  description = "Where the writer answers."
  value       = module.database.host
}

output "replica_hosts" {
  description = "Where the replicas answer, by number."
  value       = module.database.replica_hosts
}

output "port" {
  description = "Port of the writer and of the replicas."
  value       = module.database.port
}

output "database_name" {
  description = "Name of the database."
  value       = module.database.database_name
}

output "engine_version" {
  description = "Version that runs, with its minor."
  value       = module.database.engine_version
}

output "secret_arn" {
  description = "ARN of the secret that holds the master user's name and password."
  value       = module.database.secret_arn
}

output "allocated_storage" {
  description = "GiB that the instances began with."
  value       = module.database.allocated_storage
}

output "kms_key_arn" {
  description = "Key that encrypts the secret."
  value       = module.database.kms_key_arn
}
