output "balancer_arn" {
  description = "ARN of the load balancer."
  value       = aws_lb.this.arn
}

output "balancer_arn_suffix" {
  description = "The load balancer's name in metrics."
  value       = aws_lb.this.arn_suffix
}

output "balancer_name" {
  description = "Name of the load balancer."
  value       = aws_lb.this.name
}

output "dns_name" {
  description = "Where the load balancer answers."
  value       = aws_lb.this.dns_name
}

output "url" {
  description = "Address to open."
  value       = format("%s://%s", local.https ? "https" : "http", var.domain == null ? aws_lb.this.dns_name : var.domain.name)
}

output "zone_id" {
  description = "Hosted zone of that name, for alias records."
  value       = aws_lb.this.zone_id
}

output "listener_arns" {
  description = "ARNs of the listeners, by protocol."
  value = merge(
    { http = aws_lb_listener.http.arn },
    { for listener in aws_lb_listener.https : "https" => listener.arn },
  )
}

output "target_group_arn" {
  description = "ARN of the target group, known only when a listener sends requests to it: ECS refuses a service before that."
  value       = aws_lb_target_group.this.arn

  depends_on = [aws_lb_listener.http, aws_lb_listener.https]
}

output "target_group_arn_suffix" {
  description = "The target group's name in metrics."
  value       = aws_lb_target_group.this.arn_suffix
}
