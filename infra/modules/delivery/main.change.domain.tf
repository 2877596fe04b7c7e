# Certificates are known by their tag. Zones cannot be: a record can be held to
# its name, a zone to nothing, so the zone itself is changed only where it is to
# be made here.

locals {
  records = var.domain == null ? [] : [var.domain, "*.${var.domain}"]
}

data "aws_iam_policy_document" "change_domain" {
  # checkov:skip=CKV_AWS_111:A certificate or a zone that is asked for has no name yet.
  # checkov:skip=CKV_AWS_356:As above.
  statement {
    sid       = "AskForCertificate"
    actions   = ["acm:AddTagsToCertificate", "acm:RequestCertificate"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/state"
      values   = [local.state_tags.domain]
    }
  }

  statement {
    sid = "ChangeCertificate"
    actions = [
      "acm:AddTagsToCertificate",
      "acm:DeleteCertificate",
      "acm:RemoveTagsFromCertificate",
      "acm:UpdateCertificateOptions",
    ]
    resources = ["${local.arn.acm}:certificate/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/state"
      values   = [local.state_tags.domain]
    }
  }

  dynamic "statement" {
    for_each = length(local.records) > 0 ? ["this"] : []

    content {
      sid       = "ProveTheDomainIsOurs"
      actions   = ["route53:ChangeResourceRecordSets"]
      resources = ["arn:${local.partition}:route53:::hostedzone/*"]

      condition {
        test     = "ForAllValues:StringLike"
        variable = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
        values   = ["_*.${var.domain}"]
      }

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "route53:ChangeResourceRecordSetsRecordTypes"
        values   = ["CNAME"]
      }
    }
  }

  dynamic "statement" {
    for_each = length(local.records) > 0 && var.create_zone ? ["this"] : []

    content {
      sid = "Zone"
      actions = [
        "route53:ChangeTagsForResource",
        "route53:CreateHostedZone",
        "route53:DeleteHostedZone",
        "route53:UpdateHostedZoneComment",
      ]
      resources = ["*"]
    }
  }
}
