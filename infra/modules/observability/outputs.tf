output "topic_arn" {
  description = "ARN of the topic that tells of alarms."
  value       = aws_sns_topic.this.arn
}

output "alarm_names" {
  description = "Names of all alarms, by what they watch."
  value = merge(
    { for key, alarm in aws_cloudwatch_metric_alarm.this : key => alarm.alarm_name },
    { for key, alarm in aws_cloudwatch_metric_alarm.rate : key => alarm.alarm_name },
    { service-unhealthy = aws_cloudwatch_composite_alarm.unhealthy.alarm_name },
  )
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
