output "plan_role_arns" {
  description = "ARNs of the roles that plan, by stack."
  value       = { for stack, role in aws_iam_role.plan : stack => role.arn }
}

output "apply_role_arns" {
  description = "ARNs of the roles that apply, by stack."
  value       = { for stack, role in aws_iam_role.apply : stack => role.arn }
}

output "image_role_arn" {
  description = "ARN of the role that pushes images."
  value       = aws_iam_role.image.arn
}

output "workload_boundary_arn" {
  description = "ARN of the policy that bounds the roles that stacks make."
  value       = aws_iam_policy.workload.arn
}

output "delivery_boundary_arn" {
  description = "ARN of the policy that bounds the pipeline's own roles."
  value       = aws_iam_policy.boundary.arn
}
