# What is planned for a repository. Nothing is asked of AWS.

mock_provider "aws" {}

variables {
  name = "links-test"
}

run "immutable_scanned_and_kept" {
  command = plan

  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE"
    error_message = "A tag cannot be moved."
  }

  assert {
    condition     = aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
    error_message = "Images are scanned when they come."
  }

  assert {
    condition     = aws_ecr_repository.this.force_delete == false
    error_message = "A repository with images in it is not destroyed."
  }

  assert {
    condition     = aws_ecr_repository.this.encryption_configuration[0].encryption_type == "AES256"
    error_message = "Images are encrypted."
  }
}

run "old_images_go" {
  command = plan

  variables {
    images_kept         = 3
    untagged_image_days = 2
  }

  assert {
    condition = [
      for rule in jsondecode(aws_ecr_lifecycle_policy.this.policy).rules :
      "${rule.rulePriority} ${rule.selection.tagStatus} ${rule.selection.countType} ${rule.selection.countNumber} ${rule.action.type}"
      ] == [
      "1 untagged sinceImagePushed 2 expire",
      "2 any imageCountMoreThan 3 expire",
    ]
    error_message = "Untagged images go by age, then all by number."
  }
}

run "key_of_ours" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/0e0c5f5e-9c0e-4b4f-9d0a-1f0a2b3c4d5e"
  }

  assert {
    condition     = aws_ecr_repository.this.encryption_configuration[0].encryption_type == "KMS" && aws_ecr_repository.this.encryption_configuration[0].kms_key == var.kms_key_arn
    error_message = "Images are encrypted with the key that was given."
  }
}
