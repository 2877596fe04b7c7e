# One task per zone, so that the loss of a zone leaves two.
desired_count       = 3
cpu                 = 512
memory              = 1024
deletion_protection = true
log_retention_days  = 365

# Never fewer than one per zone. In more slowly than elsewhere: what comes back
# after a lull finds the tasks still there.
scaling = {
  min_tasks         = 3
  max_tasks         = 12
  scale_in_cooldown = 600
}

deregistration_delay = 30
container_insights   = "enabled"
