output "certificate_arn" {
  description = "ARN of the certificate, known only when it has been issued."
  value       = aws_acm_certificate_validation.this.certificate_arn
}

output "zone_id" {
  description = "Hosted zone of the name."
  value       = local.zone_id
}

output "name_servers" {
  description = "Name servers that the zone above must name; empty where the zone was made elsewhere."
  value       = flatten(aws_route53_zone.this[*].name_servers)
}
