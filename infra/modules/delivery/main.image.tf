# Pushing images: to one repository, from jobs of the environment, and pulling
# from those that images are promoted from. Nothing is removed or overwritten.

data "aws_iam_policy_document" "image" {
  # checkov:skip=CKV_AWS_356:The registry's token is the account's; AWS knows no narrower resource.
  # checkov:skip=CKV_AWS_107:As above.
  statement {
    sid       = "RegistryToken"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid = "Pull"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:DescribeImages",
      "ecr:DescribeImageScanFindings",
      "ecr:GetDownloadUrlForLayer",
    ]
    resources = [for name in concat([var.name], var.image_sources) : "${local.arn.ecr}:repository/${name}"]
  }

  statement {
    sid = "Push"
    actions = [
      "ecr:CompleteLayerUpload",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = ["${local.arn.ecr}:repository/${var.name}"]
  }
}

resource "aws_iam_role" "image" {
  name                 = "${var.name}-image"
  description          = "Pushes images of ${var.name}"
  assume_role_policy   = data.aws_iam_policy_document.trust_apply.json
  permissions_boundary = aws_iam_policy.boundary.arn
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "image" {
  name   = "push-images"
  role   = aws_iam_role.image.id
  policy = data.aws_iam_policy_document.image.json
}
