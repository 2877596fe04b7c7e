instance_class    = "db.t4g.micro"
multi_az          = false
apply_immediately = true

# Nothing here is worth keeping; it can be thrown away and made again.
backup_retention_days = 1
deletion_protection   = false
final_snapshot        = false
secret_recovery_days  = 0
