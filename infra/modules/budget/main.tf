# What a month may cost, and who is told before it does. A budget stops nothing.

resource "aws_budgets_budget" "this" {
  name         = var.name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_unit   = "USD"
  limit_amount = tostring(var.monthly_usd)

  # Counts only once the tag has been activated for cost allocation, which is
  # done in the account that pays.
  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:%s$%s", var.tag.key, var.tag.value)]
  }

  # Spent already, and what the month looks like coming to.
  dynamic "notification" {
    for_each = { ACTUAL = var.actual_percent, FORECASTED = 100 }

    content {
      notification_type          = notification.key
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.value
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = var.emails
    }
  }
}
