# A VPC with one public and one private subnet per zone. Only what the public
# subnets hold can be reached from the internet.

resource "aws_vpc" "this" {
  cidr_block = var.cidr

  # Interface endpoints answer under their service's public name only with this
  # on. Setting it makes the provider wait 10 s, so it is not set for nothing.
  enable_dns_hostnames = length(var.interface_endpoints) > 0

  tags = { Name = var.name }
}

# AWS gives every VPC a group that lets its members talk to each other and to
# everyone. Adopted without rules, it lets nothing through by mistake.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-default-closed" }
}

resource "aws_subnet" "public" {
  for_each = var.zones

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value.public_cidr

  # map_public_ip_on_launch stays off: the balancer and the NAT gateways get
  # their addresses by themselves, and nothing else belongs here.

  tags = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_subnet" "private" {
  for_each = var.zones

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value.private_cidr

  tags = { Name = "${var.name}-private-${each.key}" }
}
