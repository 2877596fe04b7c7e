output "bucket_name" {
  description = "Name of the bucket, known only when balancers may write to it: a balancer tries when it is told to."
  value       = aws_s3_bucket.this.bucket

  depends_on = [aws_s3_bucket_policy.this]
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}
