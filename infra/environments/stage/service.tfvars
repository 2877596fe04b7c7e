desired_count       = 2
deletion_protection = true
log_retention_days  = 30

deregistration_delay = 30
