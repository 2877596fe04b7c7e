# Who may open a connection to whom. The groups of all tiers live here, with the
# rules between them, because each rule names two tiers: were each tier's state
# to own its group, the database's would need the service's and the service's
# the database's.
#
#   internet -> balancer -> service -> database
#                                   -> endpoints, S3, NAT (443)
#
# Terraform removes AWS's allow-all egress rule from every group it makes, so
# what is not written here is closed, and the database has no way out at all.

resource "aws_security_group" "balancer" {
  # checkov:skip=CKV2_AWS_5:Attached in another stack.
  name        = "${var.name}-balancer"
  description = "Load balancer: open to the internet"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-balancer" }
}

resource "aws_security_group" "service" {
  # checkov:skip=CKV2_AWS_5:Attached in another stack.
  name        = "${var.name}-service"
  description = "Tasks: reached from the load balancer only"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-service" }
}

resource "aws_security_group" "database" {
  # checkov:skip=CKV2_AWS_5:Attached in another stack.
  name        = "${var.name}-database"
  description = "Database: reached from the tasks only, reaches nothing"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-database" }
}

resource "aws_security_group" "endpoints" {
  count = length(var.interface_endpoints) > 0 ? 1 : 0

  name        = "${var.name}-endpoints"
  description = "Interface endpoints: reached from the tasks only"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  for_each = { for port in var.balancer_ports : tostring(port) => port }

  security_group_id = aws_security_group.balancer.id
  description       = "Clients on the internet"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

resource "aws_vpc_security_group_egress_rule" "balancer_to_service" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "Requests and health checks to the tasks"
  referenced_security_group_id = aws_security_group.service.id
  ip_protocol                  = "tcp"
  from_port                    = var.service_port
  to_port                      = var.service_port
}

resource "aws_vpc_security_group_ingress_rule" "service_from_balancer" {
  security_group_id            = aws_security_group.service.id
  description                  = "Requests and health checks from the load balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = var.service_port
  to_port                      = var.service_port
}

resource "aws_vpc_security_group_egress_rule" "service_to_database" {
  security_group_id            = aws_security_group.service.id
  description                  = "Queries"
  referenced_security_group_id = aws_security_group.database.id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port
}

resource "aws_vpc_security_group_ingress_rule" "database_from_service" {
  security_group_id            = aws_security_group.database.id
  description                  = "Queries from the tasks"
  referenced_security_group_id = aws_security_group.service.id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port
}

resource "aws_vpc_security_group_egress_rule" "service_to_endpoints" {
  count = length(var.interface_endpoints) > 0 ? 1 : 0

  security_group_id            = aws_security_group.service.id
  description                  = "AWS APIs through interface endpoints"
  referenced_security_group_id = aws_security_group.endpoints[0].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_from_service" {
  count = length(var.interface_endpoints) > 0 ? 1 : 0

  security_group_id            = aws_security_group.endpoints[0].id
  description                  = "AWS API calls from the tasks"
  referenced_security_group_id = aws_security_group.service.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "service_to_s3" {
  count = var.s3_endpoint ? 1 : 0

  security_group_id = aws_security_group.service.id
  description       = "Image layers through the S3 endpoint"
  prefix_list_id    = aws_vpc_endpoint.s3[0].prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# AWS publishes no list of its API addresses to refer to, so with a NAT gateway
# HTTPS is open to all; with interface endpoints alone it is not.
resource "aws_vpc_security_group_egress_rule" "service_to_internet" {
  count = var.nat_gateways == "none" ? 0 : 1

  security_group_id = aws_security_group.service.id
  description       = "AWS APIs through the NAT gateway"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
