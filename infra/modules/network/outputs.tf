output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "vpc_cidr" {
  description = "IPv4 range of the VPC."
  value       = aws_vpc.this.cidr_block
}

output "public_subnet_ids" {
  description = "Ids of the public subnets, by zone."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.id }
}

output "private_subnet_ids" {
  description = "Ids of the private subnets, by zone."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.id }
}

output "private_route_table_ids" {
  description = "Ids of the private subnets' route tables, by zone."
  value       = { for zone, table in aws_route_table.private : zone => table.id }
}

output "nat_public_ips" {
  description = "Addresses from which the private subnets appear on the internet, by zone."
  value       = { for zone, address in aws_eip.nat : zone => address.public_ip }
}

output "balancer_security_group_id" {
  description = "Id of the load balancer's security group."
  value       = aws_security_group.balancer.id
}

output "service_security_group_id" {
  description = "Id of the tasks' security group."
  value       = aws_security_group.service.id
}

output "database_security_group_id" {
  description = "Id of the database's security group."
  value       = aws_security_group.database.id
}

output "service_port" {
  description = "Port that the security groups open from the load balancer to the tasks."
  value       = var.service_port
}

output "database_port" {
  description = "Port that the security groups open from the tasks to the database."
  value       = var.database_port
}
