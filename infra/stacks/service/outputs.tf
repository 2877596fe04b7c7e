output "dns_name" {
  description = "Where the service answers."
  value       = module.balancer.dns_name
}

output "url" {
  description = "Address to open."
  value       = module.balancer.url
}

output "zone_id" {
  description = "Hosted zone of the load balancer's name, for alias records."
  value       = module.balancer.zone_id
}

output "balancer_arn" {
  description = "ARN of the load balancer."
  value       = module.balancer.balancer_arn
}

output "balancer_arn_suffix" {
  description = "The load balancer's name in metrics."
  value       = module.balancer.balancer_arn_suffix
}

output "listener_arns" {
  description = "ARNs of the listeners, by protocol."
  value       = module.balancer.listener_arns
}

output "target_group_arn" {
  description = "ARN of the target group."
  value       = module.balancer.target_group_arn
}

output "target_group_arn_suffix" {
  description = "The target group's name in metrics."
  value       = module.balancer.target_group_arn_suffix
}

output "cluster_name" {
  description = "Name of the cluster."
  value       = module.service.cluster_name
}

output "cluster_arn" {
  description = "ARN of the cluster."
  value       = module.service.cluster_arn
}

output "service_name" {
  description = "Name of the service."
  value       = module.service.service_name
}

output "service_arn" {
  description = "ARN of the service."
  value       = module.service.service_arn
}

output "task_definition_arn" {
  description = "ARN of the task definition's revision that was applied."
  value       = module.service.task_definition_arn
}

output "task_role_name" {
  description = "Name of the role that the containers have."
  value       = module.service.task_role_name
}

output "image" {
  description = "Image that was applied."
  value       = module.service.image
}

output "log_group_name" {
  description = "Name of the log group."
  value       = module.service.log_group_name
}

output "min_tasks" {
  description = "Tasks that there are at least, while the service is open."
  value       = try(var.scaling.min_tasks, var.desired_count)
}

output "container_insights" {
  description = "Metrics per task: disabled, enabled or enhanced."
  value       = var.container_insights
}

output "scaling" {
  description = "Bounds of the number of tasks; null where it stays."
  value       = module.service.scaling
}

output "reader_hosts" {
  description = "Replicas of the database that the tasks read from; none where they read from the writer."
  value       = local.readers
}

output "settings" {
  description = "Settings of the application that were applied beside those that this stack makes."
  value       = var.settings
}
