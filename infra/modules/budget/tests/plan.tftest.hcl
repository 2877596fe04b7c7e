# What is planned for a budget. Nothing is asked of AWS.

mock_provider "aws" {}

variables {
  name        = "links-test"
  monthly_usd = 150
  tag         = { key = "environment", value = "test" }
  emails      = ["links@example.com"]
}

run "told_before_it_is_spent" {
  command = plan

  assert {
    condition     = aws_budgets_budget.this.limit_amount == "150" && aws_budgets_budget.this.time_unit == "MONTHLY"
    error_message = "So much a month."
  }

  assert {
    condition     = jsonencode(one(aws_budgets_budget.this.cost_filter).values) == jsonencode(["user:environment$test"])
    error_message = "Only what carries the tag is counted."
  }

  assert {
    condition     = jsonencode({ for notification in aws_budgets_budget.this.notification : notification.notification_type => [notification.threshold, notification.subscriber_email_addresses] }) == jsonencode({ ACTUAL = [80, ["links@example.com"]], FORECASTED = [100, ["links@example.com"]] })
    error_message = "Told at four fifths, and when the month will cost more."
  }
}
