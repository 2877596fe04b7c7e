output "domain" {
  description = "The name, its hosted zone and its certificate; null where the environment has none."
  value       = one([for domain in module.domain : { name = local.domain.name, zone_id = domain.zone_id, certificate_arn = domain.certificate_arn }])
}

output "name_servers" {
  description = "Name servers that the zone above must name, where the zone was made here."
  value       = flatten([for domain in module.domain : domain.name_servers])
}
