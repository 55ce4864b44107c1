# Who may do what: nothing without TLS; a producer sends; a consumer receives, extends, deletes, sends the rest of a large
# document, and moves what cannot be read to the dead letters; a replayer brings dead letters back.

locals {
  queues = {
    ingest      = aws_sqs_queue.ingest
    dead_letter = aws_sqs_queue.dead_letter
  }
}

data "aws_iam_policy_document" "tls_only" {
  for_each = local.queues

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "tls_only" {
  for_each  = local.queues
  queue_url = each.value.id
  policy    = data.aws_iam_policy_document.tls_only[each.key].json
}

data "aws_iam_policy_document" "producer" {
  statement {
    sid       = "Send"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.ingest.arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn[*]
    content {
      sid       = "Encrypt"
      actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
      resources = [statement.value]
    }
  }
}

data "aws_iam_policy_document" "consumer" {
  statement {
    sid = "Drain"
    actions = [
      "sqs:ReceiveMessage",
      "sqs:DeleteMessage",
      "sqs:ChangeMessageVisibility",
      "sqs:GetQueueAttributes",
      "sqs:SendMessage", # a large document takes several messages
    ]
    resources = [aws_sqs_queue.ingest.arn]
  }

  statement {
    sid       = "Bury"
    actions   = ["sqs:SendMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.dead_letter.arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn[*]
    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

data "aws_iam_policy_document" "replayer" {
  statement {
    sid       = "TakeDeadLetters"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.dead_letter.arn]
  }

  statement {
    sid       = "SendAgain"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.ingest.arn]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn[*]
    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

locals {
  roles = {
    producer = data.aws_iam_policy_document.producer.json
    consumer = data.aws_iam_policy_document.consumer.json
    replayer = data.aws_iam_policy_document.replayer.json
  }
}

resource "aws_iam_policy" "role" {
  for_each    = local.roles
  name        = "${var.name}-ingest-${each.key}"
  description = "Sluice's queue of documents: what its ${each.key} may do"
  policy      = each.value
  tags        = var.tags
}
