//! A tour of every service by the AWS SDK for Rust: things are made, seen, changed, tagged and
//! deleted as a program would do it, and refusals come as the errors that the SDK knows.

#![expect(
    clippy::unwrap_used,
    reason = "the SDK has an option where AWS always answers something; a test that misses it fails"
)]
#![expect(clippy::result_large_err, reason = "errors are the SDK's own")]

mod acm;
mod application_autoscaling;
mod cloudwatch;
mod ec2;
mod ecr;
mod ecs;
mod elbv2;
mod iam;
mod kms;
mod logs;
mod rds;
mod route53;
mod s3;
mod secretsmanager;
mod sns;
mod sts;
