# As in prod, only smaller: what breaks there is to break here first.
instance_class = "db.t4g.micro"
multi_az       = true
replica_count  = 1

backup_retention_days = 7
deletion_protection   = true
final_snapshot        = true

log_exports          = ["postgresql", "upgrade"]
log_retention_days   = 30
performance_insights = false
