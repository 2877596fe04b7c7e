output "cluster_name" {
  description = "Name of the cluster."
  value       = aws_ecs_cluster.this.name
}

output "cluster_arn" {
  description = "ARN of the cluster."
  value       = aws_ecs_cluster.this.arn
}

output "service_name" {
  description = "Name of the service."
  value       = aws_ecs_service.this.name
}

output "service_arn" {
  description = "ARN of the service."
  value       = aws_ecs_service.this.id
}

output "task_definition_arn" {
  description = "ARN of the task definition's revision that was applied."
  value       = aws_ecs_task_definition.this.arn
}

output "image" {
  description = "Image that the service was told to run, once it does."
  # Asked of the service, so that it stays what it was where a version was rolled
  # back: Terraform keeps what it knew before an apply, even of one that failed.
  value = aws_ecs_service.this.task_definition == aws_ecs_task_definition.this.arn ? var.image : null
}

output "task_role_arn" {
  description = "ARN of the role that the containers have."
  value       = aws_iam_role.task.arn
}

output "task_role_name" {
  description = "Name of that role, for policies from elsewhere."
  value       = aws_iam_role.task.name
}

output "execution_role_arn" {
  description = "ARN of the role that starts tasks."
  value       = aws_iam_role.execution.arn
}

output "log_group_name" {
  description = "Name of the log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "scaling" {
  description = "Bounds of the number of tasks; null where it stays."
  value       = var.scaling == null ? null : { min_tasks = var.scaling.min_tasks, max_tasks = var.scaling.max_tasks }
}

output "environment" {
  description = "Environment variables that the container gets."
  value       = local.environment
}
