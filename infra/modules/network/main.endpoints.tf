# Private ways to AWS's own services, for tasks without a way to the internet,
# and for image layers (which ECR keeps in S3), which would else be paid for by
# the gigabyte at the NAT gateway.

#
# An endpoint is also a way out: without a policy it serves whoever in here has
# credentials, also a stranger's, for a stranger's account.

data "aws_region" "current" {}

# ECR hands out layers from a bucket of AWS's. No other is reached from here.
data "aws_iam_policy_document" "s3" {
  statement {
    sid       = "ImageLayers"
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::prod-${data.aws_region.current.name}-starport-layer-bucket/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }
}

data "aws_iam_policy_document" "interface" {
  # checkov:skip=CKV_AWS_49:As below.
  # checkov:skip=CKV_AWS_1:Grants nothing: what is done through an endpoint is said by each role's policies, and the endpoint says for whom.
  statement {
    sid       = "ThisAccountAlone"
    actions   = ["*"]
    resources = ["*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_vpc_endpoint" "s3" {
  count = var.s3_endpoint ? 1 : 0

  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${data.aws_region.current.name}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.private : table.id]
  policy            = data.aws_iam_policy_document.s3.json

  tags = { Name = "${var.name}-s3" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = var.interface_endpoints

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${data.aws_region.current.name}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.endpoints[0].id]
  policy              = data.aws_iam_policy_document.interface.json

  tags = { Name = "${var.name}-${each.key}" }
}
