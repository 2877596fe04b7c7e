output "bucket_name" {
  description = "Bucket that holds the environment's states."
  value       = module.state_bucket.bucket_name
}

output "bucket_arn" {
  description = "ARN of that bucket."
  value       = module.state_bucket.bucket_arn
}

output "kms_key_arns" {
  description = "ARNs of the keys: states, data, telemetry."
  value       = { for name, key in module.key : name => key.arn }
}

output "log_bucket_name" {
  description = "Bucket for access logs; null where there are none."
  value       = one([for bucket in module.log_bucket : bucket.bucket_name])
}

output "workload_boundary_arn" {
  description = "Policy that bounds the roles that stacks make."
  value       = module.delivery.workload_boundary_arn
}

output "plan_role_arns" {
  description = "Roles that plan, by stack."
  value       = module.delivery.plan_role_arns
}

output "apply_role_arns" {
  description = "Roles that apply, by stack."
  value       = module.delivery.apply_role_arns
}

output "image_role_arn" {
  description = "Role that pushes images."
  value       = module.delivery.image_role_arn
}

output "domain" {
  description = "The environment's name on the internet; null for none."
  value       = var.domain
}

output "emails" {
  description = "Addresses that are told of alarms."
  value       = var.emails
}
