# What is planned for the bucket of the access logs. Nothing is asked of AWS.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  override_resource {
    target          = aws_s3_bucket.this
    override_during = plan
    values          = { arn = "arn:aws:s3:::links-test-access-logs" }
  }
}

variables {
  name           = "links-test-access-logs"
  retention_days = 90
}

run "private_encrypted_emptied" {
  command = plan

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
      one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256",
    ])
    error_message = "Nobody can make the logs public, and they are encrypted."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this.rule[0].expiration[0].days == 90
    error_message = "Logs go when they are old."
  }
}

run "this_accounts_balancers_write_and_only_over_tls" {
  command = plan

  assert {
    condition = jsonencode({ for statement in data.aws_iam_policy_document.this.statement : statement.sid => [coalesce(statement.effect, "Allow"), statement.actions, statement.resources, one(statement.condition).values] }) == jsonencode({
      AccessLogs = ["Allow", ["s3:PutObject"], ["arn:aws:s3:::links-test-access-logs/*/AWSLogs/111122223333/*"], ["arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/*"]]
      TlsOnly    = ["Deny", ["s3:*"], ["arn:aws:s3:::links-test-access-logs", "arn:aws:s3:::links-test-access-logs/*"], ["false"]]
    })
    error_message = "Balancers of this account add logs, and that is all that is allowed."
  }
}

run "without_tls_policy" {
  command = plan

  variables {
    tls_only = false
  }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.this.statement : statement.sid] == ["AccessLogs"]
    error_message = "A region without TLS can be served."
  }
}
