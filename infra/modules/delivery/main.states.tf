# States. A plan reads its own stack's and those that the stack reads, without a
# lock (`-lock=false`), so that it needs no right to write. An apply writes its
# own, and the lock beside it. It cannot delete a state, nor an old version.

data "aws_iam_policy_document" "read_state" {
  for_each = local.stacks

  statement {
    sid       = "ReadStates"
    actions   = ["s3:GetObject"]
    resources = [for stack in concat([each.key], var.state_reads[each.key]) : "${local.bucket_arn}/${stack}/terraform.tfstate"]
  }

  statement {
    sid       = "FindStates"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = concat(["env:/", "${each.key}/*"], [for stack in var.state_reads[each.key] : "${stack}/*"])
    }
  }

  statement {
    sid       = "DecryptStates"
    actions   = ["kms:Decrypt"]
    resources = [var.states_kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "write_state" {
  for_each = local.stacks

  statement {
    sid     = "WriteState"
    actions = ["s3:PutObject"]
    resources = [
      "${local.bucket_arn}/${each.key}/terraform.tfstate",
      "${local.bucket_arn}/${each.key}/terraform.tfstate.tflock",
    ]
  }

  statement {
    sid       = "ReadAndReleaseLock"
    actions   = ["s3:DeleteObject", "s3:GetObject"]
    resources = ["${local.bucket_arn}/${each.key}/terraform.tfstate.tflock"]
  }

  statement {
    sid       = "EncryptState"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.states_kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.amazonaws.com"]
    }
  }
}
