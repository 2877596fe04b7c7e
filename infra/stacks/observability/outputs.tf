output "topic_arn" {
  description = "ARN of the topic that tells of alarms."
  value       = module.observability.topic_arn
}

output "alarm_names" {
  description = "Names of all alarms, by what they watch."
  value       = module.observability.alarm_names
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = module.observability.dashboard_name
}
