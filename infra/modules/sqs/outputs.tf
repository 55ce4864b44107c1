output "queue_url" {
  description = "Where the gateway sends and `ingest` receives."
  value       = aws_sqs_queue.ingest.url
}

output "dead_letter_url" {
  description = "Where dead letters are."
  value       = aws_sqs_queue.dead_letter.url
}

output "queue_arn" {
  description = "The queue's ARN."
  value       = aws_sqs_queue.ingest.arn
}

output "dead_letter_arn" {
  description = "The dead-letter queue's ARN."
  value       = aws_sqs_queue.dead_letter.arn
}

output "policy_arns" {
  description = "IAM policies to attach: `producer` for the gateway, `consumer` for ingest, `replayer` for who runs `sluice ingest replay`. Where one credential does all, attach all three to it."
  value       = { for role, policy in aws_iam_policy.role : role => policy.arn }
}
