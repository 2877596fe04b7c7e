//! One module per AWS service: its rows, its rules, its operations.
//!
//! Each has the same files: `mod.rs` (its `SERVICE`, its table of operations, what others may
//! call), `state.rs` (rows), `error.rs` (the errors it answers with), `reconcile.rs` where it
//! has something to do as time passes, and one file per noun of its API.
//!
//! A service reads and changes another's rows only through that one's public functions:
//!
//! | service | what others call |
//! | --- | --- |
//! | `ec2` | `interface::create`, `interface::delete`, `interface::get`, `subnet::get`, `security_group::get`, `address::associate` and the lookups beside them |
//! | `iam` | `role::by_arn`, `role::by_name`, `access_key::find` (who holds a key, and its secret) |
//! | `sts` | `credentials::issue` (temporary credentials of a role) |
//! | `kms` | `key::resolve` (id, ARN or alias to a key), `cipher::encrypt`, `cipher::decrypt` |
//! | `secretsmanager` | `managed::create`, `managed::rotate`, `managed::delete` (secrets that another service owns), `secret::value` |
//! | `logs` | `group::exists` |
//! | `cloudwatch` | `metric::record`, `metric::statistic`, `alarm::put`, `alarm::get`, `alarm::delete` |
//! | `ecr` | `image::resolve` (a reference to a manifest's digest, configuration and layers) |
//! | `elbv2` | `target::register`, `target::deregister`, `target::health`, `target_group::get` |
//! | `ecs` | `scaling::capacity`, `scaling::set_desired_count` |
//! | `application_autoscaling` | `closed` (a service that a schedule keeps without tasks) |
//! | `acm` | `certificate::material` (chain and key), `certificate::by_arn` |
//! | `route53` | `record::names` (what resolves publicly, and in which VPC) |

pub mod acm;
pub mod application_autoscaling;
pub mod cloudwatch;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elbv2;
pub mod iam;
pub mod kms;
pub mod logs;
pub mod rds;
pub mod route53;
pub mod s3;
pub mod secretsmanager;
pub mod sns;
pub mod sts;
