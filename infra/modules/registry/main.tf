# A repository whose tags cannot be moved: what was tested under a tag is what
# runs under it.

locals {
  # Rules are tried by priority and an image is expired by the first that fits,
  # so the rule for untagged images comes before the one for all.
  lifecycle_rules = [
    {
      rulePriority = 1
      description  = "Untagged images go after ${var.untagged_image_days} days"
      selection = {
        tagStatus   = "untagged"
        countType   = "sinceImagePushed"
        countUnit   = "days"
        countNumber = var.untagged_image_days
      }
      action = { type = "expire" }
    },
    {
      rulePriority = 2
      description  = "The newest ${var.images_kept} images stay"
      selection = {
        tagStatus   = "any"
        countType   = "imageCountMoreThan"
        countNumber = var.images_kept
      }
      action = { type = "expire" }
    },
  ]
}

resource "aws_ecr_repository" "this" {
  name                 = var.name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.force_delete

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = var.kms_key_arn == null ? "AES256" : "KMS"
    kms_key         = var.kms_key_arn
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy     = jsonencode({ rules = local.lifecycle_rules })
}
