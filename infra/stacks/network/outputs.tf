output "vpc_id" {
  description = "Id of the VPC."
  value       = module.network.vpc_id
}

output "vpc_cidr" {
  description = "IPv4 range of the VPC."
  value       = module.network.vpc_cidr
}

output "public_subnet_ids" {
  description = "Ids of the public subnets, by zone."
  value       = module.network.public_subnet_ids
}

output "private_subnet_ids" {
  description = "Ids of the private subnets, by zone."
  value       = module.network.private_subnet_ids
}

output "nat_public_ips" {
  description = "Addresses from which the private subnets appear on the internet, by zone."
  value       = module.network.nat_public_ips
}

output "balancer_security_group_id" {
  description = "Id of the load balancer's security group."
  value       = module.network.balancer_security_group_id
}

output "service_security_group_id" {
  description = "Id of the tasks' security group."
  value       = module.network.service_security_group_id
}

output "database_security_group_id" {
  description = "Id of the database's security group."
  value       = module.network.database_security_group_id
}

output "service_port" {
  description = "Port that is open from the load balancer to the tasks."
  value       = module.network.service_port
}

output "database_port" {
  description = "Port that is open from the tasks to the database."
  value       = module.network.database_port
}
