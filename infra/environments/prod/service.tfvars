# One task per zone, so that the loss of a zone leaves two.
desired_count       = 3
cpu                 = 512
memory              = 1024
deletion_protection = true
log_retention_days  = 365

deregistration_delay = 30
container_insights   = "enabled"
