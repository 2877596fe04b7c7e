# How many tasks are planned for, when, and what is refused. Nothing is asked of
# AWS.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name              = "links-test"
  image             = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/links-test:v1"
  repository_arn    = "arn:aws:ecr:eu-central-1:111122223333:repository/links-test"
  subnet_ids        = ["subnet-1", "subnet-2"]
  security_group_id = "sg-1"
  target_group_arn  = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/links-test/0123456789abcdef"
}

run "number_stays" {
  command = plan

  assert {
    condition     = length(aws_appautoscaling_target.this) + length(aws_appautoscaling_target.office_hours) + length(aws_appautoscaling_policy.cpu) == 0
    error_message = "Without scaling nothing moves the number of tasks."
  }
}

run "follows_the_load" {
  command = plan

  variables {
    scaling = { min_tasks = 3, max_tasks = 12 }
  }

  assert {
    condition = [for target in aws_appautoscaling_target.this : [target.resource_id, target.scalable_dimension, target.min_capacity, target.max_capacity]] == [
      ["service/links-test/links-test", "ecs:service:DesiredCount", 3, 12]
    ]
    error_message = "The number of tasks is held between the bounds."
  }

  assert {
    condition = (
      aws_appautoscaling_policy.cpu["this"].policy_type == "TargetTrackingScaling" &&
      aws_appautoscaling_policy.cpu["this"].target_tracking_scaling_policy_configuration[0].target_value == 60 &&
      aws_appautoscaling_policy.cpu["this"].target_tracking_scaling_policy_configuration[0].predefined_metric_specification[0].predefined_metric_type == "ECSServiceAverageCPUUtilization"
    )
    error_message = "60 % of the service's average CPU is what is held."
  }

  assert {
    condition     = aws_appautoscaling_policy.cpu["this"].target_tracking_scaling_policy_configuration[0].scale_in_cooldown > aws_appautoscaling_policy.cpu["this"].target_tracking_scaling_policy_configuration[0].scale_out_cooldown && aws_appautoscaling_policy.cpu["this"].target_tracking_scaling_policy_configuration[0].disable_scale_in != true
    error_message = "Tasks come sooner than they go, and they do go."
  }

  assert {
    condition     = length(aws_appautoscaling_scheduled_action.close) + length(aws_appautoscaling_target.office_hours) == 0
    error_message = "Nothing closes unless asked to."
  }
}

run "closes_in_the_evening" {
  command = plan

  variables {
    scaling = { min_tasks = 1, max_tasks = 4, office_hours = {} }
  }

  assert {
    condition = { for action in [aws_appautoscaling_scheduled_action.close["this"], aws_appautoscaling_scheduled_action.open["this"]] :
      action.schedule => [action.timezone, action.scalable_target_action[0].min_capacity, action.scalable_target_action[0].max_capacity]
      } == {
      "cron(0 18 ? * MON-FRI *)" = ["UTC", "0", "0"]
      "cron(0 8 ? * MON-FRI *)"  = ["UTC", "1", "4"]
    }
    error_message = "From 18:00 to 08:00 UTC, and from Friday to Monday, there are no tasks."
  }

  assert {
    condition     = length(aws_appautoscaling_target.this) == 0 && length(aws_appautoscaling_target.office_hours) == 1
    error_message = "The bounds are the schedule's."
  }
}

run "closes_at_other_times" {
  command = plan

  variables {
    scaling = { min_tasks = 1, max_tasks = 4, office_hours = { open = "07:30", close = "19:05", timezone = "Europe/Berlin" } }
  }

  assert {
    condition     = [aws_appautoscaling_scheduled_action.open["this"].schedule, aws_appautoscaling_scheduled_action.close["this"].schedule, aws_appautoscaling_scheduled_action.close["this"].timezone] == ["cron(30 7 ? * MON-FRI *)", "cron(5 19 ? * MON-FRI *)", "Europe/Berlin"]
    error_message = "Minutes and time zone are kept."
  }
}

run "refuses_no_tasks" {
  command = plan

  variables {
    scaling = { min_tasks = 0, max_tasks = 4 }
  }

  expect_failures = [var.scaling]
}

run "refuses_less_than_the_minimum" {
  command = plan

  variables {
    scaling = { min_tasks = 4, max_tasks = 3 }
  }

  expect_failures = [var.scaling]
}

run "refuses_full_tasks" {
  command = plan

  variables {
    scaling = { min_tasks = 1, max_tasks = 4, cpu_target = 95 }
  }

  expect_failures = [var.scaling]
}

run "refuses_cooldown_of_a_day" {
  command = plan

  variables {
    scaling = { min_tasks = 1, max_tasks = 4, scale_in_cooldown = 86400 }
  }

  expect_failures = [var.scaling]
}

run "refuses_to_open_after_closing" {
  command = plan

  variables {
    scaling = { min_tasks = 1, max_tasks = 4, office_hours = { open = "18:00", close = "08:00" } }
  }

  expect_failures = [var.scaling]
}

run "refuses_time_without_colon" {
  command = plan

  variables {
    scaling = { min_tasks = 1, max_tasks = 4, office_hours = { open = "8am" } }
  }

  expect_failures = [var.scaling]
}

run "refuses_time_zone_by_offset" {
  command = plan

  variables {
    scaling = { min_tasks = 1, max_tasks = 4, office_hours = { timezone = "+01:00" } }
  }

  expect_failures = [var.scaling]
}
