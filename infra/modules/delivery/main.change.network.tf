# Ids in EC2 are AWS's, so what the stack owns is known by its tag: it makes only
# what carries the tag from the first moment, and changes only what carries it.

data "aws_iam_policy_document" "change_network" {
  source_policy_documents = [data.aws_iam_policy_document.change_roles["network"].json]

  # In three statements, so that what a thing is made in is not taken for what is
  # made: a subnet's VPC has to be the stack's own already.
  statement {
    sid       = "MakeNetwork"
    actions   = ["ec2:CreateVpc"]
    resources = ["${local.arn.ec2}:vpc/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/state"
      values   = [local.state_tags.network]
    }
  }

  statement {
    sid = "MakeInNetwork"
    actions = [
      "ec2:AllocateAddress",
      "ec2:AuthorizeSecurityGroupEgress",
      "ec2:AuthorizeSecurityGroupIngress",
      "ec2:CreateInternetGateway",
      "ec2:CreateRouteTable",
      "ec2:CreateSecurityGroup",
      "ec2:CreateSubnet",
    ]
    resources = [for type in ["elastic-ip", "internet-gateway", "route-table", "security-group", "security-group-rule", "subnet"] : "${local.arn.ec2}:${type}/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/state"
      values   = [local.state_tags.network]
    }
  }

  statement {
    sid       = "MakeInSubnets"
    actions   = ["ec2:CreateFlowLogs", "ec2:CreateNatGateway", "ec2:CreateVpcEndpoint"]
    resources = [for type in ["natgateway", "vpc-endpoint", "vpc-flow-log"] : "${local.arn.ec2}:${type}/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/state"
      values   = [local.state_tags.network]
    }
  }

  statement {
    sid       = "TagWhatIsMade"
    actions   = ["ec2:CreateTags"]
    resources = ["${local.arn.ec2}:*/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/state"
      values   = [local.state_tags.network]
    }

    condition {
      test     = "StringLike"
      variable = "ec2:CreateAction"
      values   = ["AllocateAddress", "AuthorizeSecurityGroup*", "Create*"]
    }
  }

  # A VPC's default group is AWS's and has no tags until it is adopted.
  statement {
    sid       = "AdoptDefaultGroup"
    actions   = ["ec2:CreateTags"]
    resources = ["${local.arn.ec2}:security-group/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/state"
      values   = [local.state_tags.network]
    }

    condition {
      test     = "Null"
      variable = "aws:ResourceTag/state"
      values   = ["true"]
    }
  }

  statement {
    sid = "ChangeItsOwn"
    actions = [
      "ec2:AssociateRouteTable",
      "ec2:AttachInternetGateway",
      "ec2:AuthorizeSecurityGroupEgress",
      "ec2:AuthorizeSecurityGroupIngress",
      "ec2:CreateFlowLogs",
      "ec2:CreateNatGateway",
      "ec2:CreateRoute",
      "ec2:CreateRouteTable",
      "ec2:CreateSecurityGroup",
      "ec2:CreateSubnet",
      "ec2:CreateTags",
      "ec2:CreateVpcEndpoint",
      "ec2:DeleteFlowLogs",
      "ec2:DeleteInternetGateway",
      "ec2:DeleteNatGateway",
      "ec2:DeleteRoute",
      "ec2:DeleteRouteTable",
      "ec2:DeleteSecurityGroup",
      "ec2:DeleteSubnet",
      "ec2:DeleteTags",
      "ec2:DeleteVpc",
      "ec2:DeleteVpcEndpoints",
      "ec2:DetachInternetGateway",
      "ec2:DisassociateAddress",
      "ec2:DisassociateRouteTable",
      "ec2:ModifySecurityGroupRules",
      "ec2:ModifySubnetAttribute",
      "ec2:ModifyVpcAttribute",
      "ec2:ModifyVpcEndpoint",
      "ec2:ReleaseAddress",
      "ec2:ReplaceRoute",
      "ec2:ReplaceRouteTableAssociation",
      "ec2:RevokeSecurityGroupEgress",
      "ec2:RevokeSecurityGroupIngress",
    ]
    resources = ["${local.arn.ec2}:*/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/state"
      values   = [local.state_tags.network]
    }
  }

  # The rules that AWS puts into a group have no tags; the group has.
  statement {
    sid       = "TakeAwssRulesOut"
    actions   = ["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"]
    resources = ["${local.arn.ec2}:security-group-rule/*"]
  }

  # An interface endpoint's private name.
  statement {
    sid       = "PrivateNames"
    actions   = ["route53:AssociateVPCWithHostedZone"]
    resources = ["arn:${local.partition}:route53:::hostedzone/*"]
  }

  statement {
    sid = "FlowLogs"
    actions = [
      "logs:AssociateKmsKey",
      "logs:CreateLogGroup",
      "logs:DeleteLogGroup",
      "logs:DeleteRetentionPolicy",
      "logs:DisassociateKmsKey",
      "logs:PutRetentionPolicy",
      "logs:TagResource",
      "logs:UntagResource",
    ]
    resources = ["${local.arn.logs}:log-group:/vpc/${var.name}/*"]
  }
}
