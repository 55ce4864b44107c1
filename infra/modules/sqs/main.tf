# The queue of documents on their way into knowledge, and where those end that cannot be read.

locals {
  queue_name       = "${var.name}-ingest"
  dead_letter_name = "${var.name}-ingest-dead"
}

resource "aws_sqs_queue" "dead_letter" {
  name                              = local.dead_letter_name
  message_retention_seconds         = var.dead_letter_retention_seconds
  visibility_timeout_seconds        = var.visibility_timeout_seconds
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 300
  tags                              = var.tags

  lifecycle {
    precondition {
      condition     = var.retention_seconds <= var.dead_letter_retention_seconds
      error_message = "dead_letter_retention_seconds is less than retention_seconds: a dead letter keeps its age and could be dropped as soon as it arrives."
    }
  }
}

resource "aws_sqs_queue" "ingest" {
  name                              = local.queue_name
  message_retention_seconds         = var.retention_seconds
  visibility_timeout_seconds        = var.visibility_timeout_seconds
  receive_wait_time_seconds         = var.receive_wait_seconds
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 300
  tags                              = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = var.max_receive_count
  })
}

# Only this queue may send its dead letters there.
resource "aws_sqs_queue_redrive_allow_policy" "dead_letter" {
  count     = var.redrive_allow_policy ? 1 : 0
  queue_url = aws_sqs_queue.dead_letter.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.ingest.arn]
  })
}
