# What the module makes, without AWS: `terraform test`.

mock_provider "aws" {
  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:eu-central-1:123456789012:made-up"
      url = "https://sqs.eu-central-1.amazonaws.com/123456789012/made-up"
      id  = "https://sqs.eu-central-1.amazonaws.com/123456789012/made-up"
    }
  }

  mock_resource "aws_iam_policy" {
    defaults = {
      arn = "arn:aws:iam::123456789012:policy/made-up"
    }
  }

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    }
  }
}

override_resource {
  target = aws_sqs_queue.dead_letter
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:sluice-ingest-dead"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/sluice-ingest-dead"
    id  = "https://sqs.eu-central-1.amazonaws.com/123456789012/sluice-ingest-dead"
  }
}

override_resource {
  target = aws_sqs_queue.ingest
  values = {
    arn = "arn:aws:sqs:eu-central-1:123456789012:sluice-ingest"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/sluice-ingest"
    id  = "https://sqs.eu-central-1.amazonaws.com/123456789012/sluice-ingest"
  }
}

run "what_fails_goes_to_the_dead_letters" {
  command = apply

  variables {
    max_receive_count = 7
  }

  assert {
    condition     = aws_sqs_queue.ingest.name == "sluice-ingest" && aws_sqs_queue.dead_letter.name == "sluice-ingest-dead"
    error_message = "the queues have other names than the documentation says"
  }

  assert {
    condition = jsondecode(aws_sqs_queue.ingest.redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-central-1:123456789012:sluice-ingest-dead"
      maxReceiveCount     = 7
    }
    error_message = "the queue does not hand over to its dead letters after max_receive_count"
  }

  assert {
    condition = jsondecode(aws_sqs_queue_redrive_allow_policy.dead_letter[0].redrive_allow_policy) == {
      redrivePermission = "byQueue"
      sourceQueueArns   = ["arn:aws:sqs:eu-central-1:123456789012:sluice-ingest"]
    }
    error_message = "other queues may send their dead letters here"
  }

  assert {
    condition     = aws_sqs_queue.ingest.message_retention_seconds < aws_sqs_queue.dead_letter.message_retention_seconds
    error_message = "a dead letter keeps its age: its queue has to keep it for longer"
  }

  assert {
    condition     = aws_sqs_queue.ingest.sqs_managed_sse_enabled && aws_sqs_queue.dead_letter.sqs_managed_sse_enabled
    error_message = "messages are not encrypted at rest"
  }
}

run "nobody_without_tls" {
  command = apply

  assert {
    condition     = toset(keys(aws_sqs_queue_policy.tls_only)) == toset(["ingest", "dead_letter"])
    error_message = "a queue has no policy"
  }

  assert {
    condition = alltrue([
      for document in data.aws_iam_policy_document.tls_only :
      document.statement[0].effect == "Deny"
      && one(document.statement[0].condition).variable == "aws:SecureTransport"
      && one(document.statement[0].condition).values == tolist(["false"])
      && one(document.statement[0].principals).type == "*"
    ])
    error_message = "the policy does not refuse everybody who comes without TLS"
  }
}

run "each_role_may_do_what_it_needs_and_no_more" {
  command = apply

  assert {
    condition = (
      [for statement in data.aws_iam_policy_document.producer.statement : [tolist(statement.actions), tolist(statement.resources)]]
      == [[tolist(["sqs:SendMessage"]), tolist(["arn:aws:sqs:eu-central-1:123456789012:sluice-ingest"])]]
    )
    error_message = "the producer may do something else than send to the queue"
  }

  assert {
    condition = toset(flatten([
      for statement in data.aws_iam_policy_document.consumer.statement : [
        for action in statement.actions : "${action} ${element(split(":", one(statement.resources)), 5)}"
      ]
      ])) == toset([
      "sqs:ReceiveMessage sluice-ingest",
      "sqs:DeleteMessage sluice-ingest",
      "sqs:ChangeMessageVisibility sluice-ingest",
      "sqs:GetQueueAttributes sluice-ingest",
      "sqs:SendMessage sluice-ingest",
      "sqs:SendMessage sluice-ingest-dead",
      "sqs:GetQueueAttributes sluice-ingest-dead",
    ])
    error_message = "the consumer may do more or less than draining needs"
  }

  assert {
    condition = alltrue(flatten([
      for document in [data.aws_iam_policy_document.producer, data.aws_iam_policy_document.consumer, data.aws_iam_policy_document.replayer] : [
        for statement in document.statement : [
          for text in concat(tolist(statement.actions), tolist(statement.resources)) : !strcontains(text, "*")
        ]
      ]
    ]))
    error_message = "a role's policy has a star"
  }
}

run "alarms_watch_age_and_dead_letters" {
  command = apply

  variables {
    alarm_actions     = ["arn:aws:sns:eu-central-1:123456789012:oncall"]
    alarm_age_seconds = 600
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.age.metric_name == "ApproximateAgeOfOldestMessage"
      && aws_cloudwatch_metric_alarm.age.threshold == 600
      && aws_cloudwatch_metric_alarm.age.dimensions.QueueName == "sluice-ingest"
    )
    error_message = "no alarm on the age of the oldest message"
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.dead_letters.dimensions.QueueName == "sluice-ingest-dead"
      && aws_cloudwatch_metric_alarm.dead_letters.threshold == 0
      && aws_cloudwatch_metric_alarm.dead_letters.comparison_operator == "GreaterThanThreshold"
    )
    error_message = "no alarm on dead letters"
  }

  assert {
    condition = alltrue([
      for alarm in [aws_cloudwatch_metric_alarm.age, aws_cloudwatch_metric_alarm.dead_letters] :
      tolist(alarm.alarm_actions) == tolist(["arn:aws:sns:eu-central-1:123456789012:oncall"])
    ])
    error_message = "an alarm tells nobody"
  }
}

run "a_key_of_ones_own_encrypts_and_may_be_used" {
  command = apply

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/made-up"
  }

  assert {
    condition     = aws_sqs_queue.ingest.kms_master_key_id == "arn:aws:kms:eu-central-1:123456789012:key/made-up"
    error_message = "the queue does not use the key"
  }

  assert {
    condition = alltrue([
      for document in [data.aws_iam_policy_document.producer, data.aws_iam_policy_document.consumer, data.aws_iam_policy_document.replayer] :
      anytrue([for statement in document.statement : contains(statement.resources, "arn:aws:kms:eu-central-1:123456789012:key/made-up")])
    ])
    error_message = "a role may not use the key, and so not the queue"
  }
}

run "a_dead_letter_must_not_be_dropped_on_arrival" {
  command = plan

  variables {
    retention_seconds             = 1209600
    dead_letter_retention_seconds = 345600
  }

  expect_failures = [aws_sqs_queue.dead_letter]
}

run "wrong_values_are_named" {
  command = plan

  variables {
    name                       = "no spaces"
    visibility_timeout_seconds = 5
    max_receive_count          = 0
  }

  expect_failures = [var.name, var.visibility_timeout_seconds, var.max_receive_count]
}
