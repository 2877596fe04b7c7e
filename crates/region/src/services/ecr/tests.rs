//! ECR as its callers see it.
