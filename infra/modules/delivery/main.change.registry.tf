data "aws_iam_policy_document" "change_registry" {
  # No images: they are pushed with a role of their own, and removed by rules.
  statement {
    sid = "Repository"
    actions = [
      "ecr:CreateRepository",
      "ecr:DeleteLifecyclePolicy",
      "ecr:DeleteRepository",
      "ecr:PutImageScanningConfiguration",
      "ecr:PutImageTagMutability",
      "ecr:PutLifecyclePolicy",
      "ecr:TagResource",
      "ecr:UntagResource",
    ]
    resources = ["${local.arn.ecr}:repository/${var.name}"]
  }

  # A repository holds a grant on its key.
  statement {
    sid       = "RepositoryKey"
    actions   = ["kms:CreateGrant", "kms:DescribeKey", "kms:RetireGrant"]
    resources = [var.data_kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["ecr.${local.region}.amazonaws.com"]
    }
  }
}
