# What is planned, and for whom it is open. Nothing is asked of AWS.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  # Ids that can be told apart, so that a rule can be seen to name its groups.
  override_resource {
    target          = aws_security_group.balancer
    override_during = plan
    values          = { id = "sg-balancer" }
  }

  override_resource {
    target          = aws_security_group.service
    override_during = plan
    values          = { id = "sg-service" }
  }

  override_resource {
    target          = aws_security_group.database
    override_during = plan
    values          = { id = "sg-database" }
  }

  override_resource {
    target          = aws_security_group.endpoints
    override_during = plan
    values          = { id = "sg-endpoints" }
  }

  override_resource {
    target          = aws_nat_gateway.this
    override_during = plan
    values          = { id = "nat-1" }
  }
}

variables {
  name = "links-test"
  cidr = "10.0.0.0/16"
  zones = {
    eu-central-1a = { public_cidr = "10.0.0.0/24", private_cidr = "10.0.16.0/20" }
    eu-central-1b = { public_cidr = "10.0.1.0/24", private_cidr = "10.0.32.0/20" }
    eu-central-1c = { public_cidr = "10.0.2.0/24", private_cidr = "10.0.48.0/20" }
  }
}

run "one_public_and_one_private_subnet_per_zone" {
  command = plan

  assert {
    condition     = { for zone, subnet in aws_subnet.public : zone => subnet.cidr_block } == { for zone, subnets in var.zones : zone => subnets.public_cidr }
    error_message = "Each zone has its public subnet."
  }

  assert {
    condition     = { for zone, subnet in aws_subnet.private : zone => subnet.cidr_block } == { for zone, subnets in var.zones : zone => subnets.private_cidr }
    error_message = "Each zone has its private subnet."
  }

  assert {
    condition = alltrue([
      for subnets in [aws_subnet.public, aws_subnet.private] : alltrue([
        for zone, subnet in subnets : subnet.availability_zone == zone && subnet.map_public_ip_on_launch != true
      ])
    ])
    error_message = "Subnets lie in their zone and give out no public addresses."
  }

  assert {
    condition     = toset(keys(aws_route_table_association.private)) == toset(keys(var.zones)) && toset(keys(aws_route_table_association.public)) == toset(keys(var.zones))
    error_message = "Every subnet has a route table."
  }
}

run "nothing_slow_unless_asked_for" {
  command = plan

  assert {
    condition     = aws_vpc.this.enable_dns_hostnames == false
    error_message = "DNS host names are on only for interface endpoints: the provider waits for them."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_vpc_endpoint.interface) == 0 && length(aws_flow_log.this) == 0
    error_message = "NAT gateways, interface endpoints and flow logs are there only when asked for."
  }
}

run "each_tier_is_reached_from_the_one_before" {
  command = plan

  assert {
    condition     = { for port, rule in aws_vpc_security_group_ingress_rule.balancer : port => [rule.security_group_id, rule.cidr_ipv4, rule.from_port, rule.to_port, rule.ip_protocol] } == { "80" = ["sg-balancer", "0.0.0.0/0", 80, 80, "tcp"] }
    error_message = "The internet reaches the balancer on port 80 alone."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.service_from_balancer.security_group_id == "sg-service" &&
      aws_vpc_security_group_ingress_rule.service_from_balancer.referenced_security_group_id == "sg-balancer" &&
      aws_vpc_security_group_ingress_rule.service_from_balancer.cidr_ipv4 == null &&
      aws_vpc_security_group_ingress_rule.service_from_balancer.from_port == 8080 &&
      aws_vpc_security_group_ingress_rule.service_from_balancer.to_port == 8080
    )
    error_message = "Tasks are reached from the balancer's group, on their port alone."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.database_from_service.security_group_id == "sg-database" &&
      aws_vpc_security_group_ingress_rule.database_from_service.referenced_security_group_id == "sg-service" &&
      aws_vpc_security_group_ingress_rule.database_from_service.cidr_ipv4 == null &&
      aws_vpc_security_group_ingress_rule.database_from_service.from_port == 5432 &&
      aws_vpc_security_group_ingress_rule.database_from_service.to_port == 5432
    )
    error_message = "The database is reached from the tasks' group, on its port alone."
  }

  assert {
    condition = (
      aws_vpc_security_group_egress_rule.balancer_to_service.security_group_id == "sg-balancer" &&
      aws_vpc_security_group_egress_rule.balancer_to_service.referenced_security_group_id == "sg-service" &&
      aws_vpc_security_group_egress_rule.service_to_database.security_group_id == "sg-service" &&
      aws_vpc_security_group_egress_rule.service_to_database.referenced_security_group_id == "sg-database"
    )
    error_message = "Each tier may open connections to the next."
  }

  # Without NAT and interface endpoints only S3 is left beside the tiers.
  assert {
    condition     = length(aws_vpc_security_group_egress_rule.service_to_internet) == 0 && length(aws_vpc_security_group_egress_rule.service_to_endpoints) == 0
    error_message = "Tasks get no way out that the network does not have."
  }
}

run "one_nat_gateway_for_all" {
  command = plan

  variables {
    nat_gateways = "single"
  }

  assert {
    condition     = keys(aws_nat_gateway.this) == ["eu-central-1a"]
    error_message = "A single NAT gateway stands in the first zone."
  }

  assert {
    condition     = { for zone, route in aws_route.nat : zone => [route.destination_cidr_block, route.nat_gateway_id] } == { for zone in keys(var.zones) : zone => ["0.0.0.0/0", "nat-1"] }
    error_message = "All private subnets leave by it."
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_egress_rule.service_to_internet : [rule.security_group_id, rule.from_port, rule.to_port]] == [["sg-service", 443, 443]]
    error_message = "Through the NAT gateway tasks speak HTTPS, and tasks alone."
  }
}

run "one_nat_gateway_per_zone" {
  command = plan

  variables {
    nat_gateways = "per_zone"
  }

  assert {
    condition     = toset(keys(aws_nat_gateway.this)) == toset(keys(var.zones)) && toset(keys(aws_eip.nat)) == toset(keys(var.zones))
    error_message = "Each zone has a NAT gateway."
  }

  assert {
    condition     = local.nat_zone_by_zone == { for zone in keys(var.zones) : zone => zone }
    error_message = "Each private subnet leaves by the gateway of its own zone."
  }
}

run "private_ways_to_aws" {
  command = plan

  variables {
    interface_endpoints = ["ecr.api", "logs"]
  }

  assert {
    condition     = [for endpoint in aws_vpc_endpoint.interface : [endpoint.service_name, endpoint.vpc_endpoint_type, endpoint.private_dns_enabled]] == [["com.amazonaws.eu-central-1.ecr.api", "Interface", true], ["com.amazonaws.eu-central-1.logs", "Interface", true]]
    error_message = "Interface endpoints answer under their service's name."
  }

  assert {
    condition     = aws_vpc.this.enable_dns_hostnames == true
    error_message = "Private DNS names need DNS host names in the VPC."
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.endpoints_from_service : [rule.security_group_id, rule.referenced_security_group_id, rule.from_port]] == [["sg-endpoints", "sg-service", 443]]
    error_message = "Endpoints are reached from the tasks alone."
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_egress_rule.service_to_endpoints : [rule.security_group_id, rule.referenced_security_group_id]] == [["sg-service", "sg-endpoints"]]
    error_message = "Tasks may open connections to endpoints."
  }
}

run "endpoints_are_no_way_out" {
  command = plan

  assert {
    condition     = data.aws_iam_policy_document.s3.statement[0].actions == toset(["s3:GetObject"]) && data.aws_iam_policy_document.s3.statement[0].resources == toset(["arn:aws:s3:::prod-eu-central-1-starport-layer-bucket/*"])
    error_message = "Through the S3 endpoint image layers are read, and nothing is written anywhere."
  }

  assert {
    condition     = [for condition in data.aws_iam_policy_document.interface.statement[0].condition : [condition.variable, one(condition.values)]] == [["aws:PrincipalAccount", "111122223333"]]
    error_message = "Interface endpoints serve this account's principals alone."
  }
}

run "without_s3_endpoint" {
  command = plan

  variables {
    s3_endpoint = false
  }

  assert {
    condition     = length(aws_vpc_endpoint.s3) == 0 && length(aws_vpc_security_group_egress_rule.service_to_s3) == 0
    error_message = "No endpoint, no rule for it."
  }
}

run "both_ports_open" {
  command = plan

  variables {
    balancer_ports = [80, 443]
  }

  assert {
    condition     = keys(aws_vpc_security_group_ingress_rule.balancer) == ["443", "80"]
    error_message = "HTTPS is open beside HTTP."
  }
}

run "flow_logs" {
  command = plan

  variables {
    flow_log_retention_days = 30
  }

  assert {
    condition     = aws_flow_log.this["this"].traffic_type == "ALL" && aws_cloudwatch_log_group.flow["this"].retention_in_days == 30
    error_message = "All traffic is recorded and kept as long as asked."
  }

  assert {
    condition     = [for condition in data.aws_iam_policy_document.flow_assume["this"].statement[0].condition : condition.values if condition.variable == "aws:SourceAccount"] == [tolist(["111122223333"])]
    error_message = "Only this account's flow logs may take the role."
  }
}
