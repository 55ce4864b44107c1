output "sluice" {
  description = "For `cargo xtask configure`."
  value = {
    platform = "sqs"
    name     = var.name

    queue = {
      url             = module.queue.queue_url
      dead_letter_url = module.queue.dead_letter_url
      region          = var.region
    }
  }
}

output "users" {
  description = "The IAM users to make access keys for: `aws iam create-access-key --user-name …`. Keys are not made here, since they would lie in the state."
  value       = { for role, user in aws_iam_user.role : role => user.name }
}
