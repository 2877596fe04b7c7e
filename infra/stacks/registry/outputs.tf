output "repository_arn" {
  description = "ARN of the repository."
  value       = module.registry.repository_arn
}

output "repository_name" {
  description = "Name of the repository."
  value       = module.registry.repository_name
}

output "repository_url" {
  description = "Where images are pushed to and pulled from, without tag or digest."
  value       = module.registry.repository_url
}
