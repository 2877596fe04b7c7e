output "bucket_name" {
  description = "Bucket that holds the environment's states."
  value       = module.state_bucket.bucket_name
}

output "bucket_arn" {
  description = "ARN of that bucket."
  value       = module.state_bucket.bucket_arn
}
