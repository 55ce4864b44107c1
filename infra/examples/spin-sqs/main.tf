# Sluice on Spin with Amazon SQS as its queue. Credentials of AWS come from the environment as usual.
#
#   terraform init && terraform apply
#   cargo xtask configure infra/examples/spin-sqs        # prints and writes what `spin up` and `spin deploy` want to know

terraform {
  required_version = ">= 1.7"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0, < 7.0.0"
    }
  }
}

provider "aws" {
  region = var.region

  # A stand-in of AWS on this machine (moto, LocalStack) in place of AWS itself.
  access_key                  = var.aws_endpoint == null ? null : "test"
  secret_key                  = var.aws_endpoint == null ? null : "test"
  skip_credentials_validation = var.aws_endpoint != null
  skip_metadata_api_check     = var.aws_endpoint != null
  skip_requesting_account_id  = var.aws_endpoint != null

  dynamic "endpoints" {
    for_each = var.aws_endpoint[*]
    content {
      cloudwatch = endpoints.value
      iam        = endpoints.value
      sqs        = endpoints.value
      sts        = endpoints.value
    }
  }
}

module "queue" {
  source = "../../modules/sqs"

  name                       = var.name
  visibility_timeout_seconds = var.visibility_timeout_seconds
  max_receive_count          = var.max_receive_count
  alarm_actions              = var.alarm_actions
  redrive_allow_policy       = var.aws_endpoint == null # moto ignores it
}

# The gateway's credential may send, ingest's may drain; attach the replayer's where `sluice ingest replay` is to work.
resource "aws_iam_user" "role" {
  for_each = toset(["gateway", "ingest"])
  name     = "${var.name}-${each.key}"
}

resource "aws_iam_user_policy_attachment" "role" {
  for_each = {
    gateway-producer = { user = "gateway", policy = "producer" }
    gateway-replayer = { user = "gateway", policy = "replayer" }
    ingest-consumer  = { user = "ingest", policy = "consumer" }
  }
  user       = aws_iam_user.role[each.value.user].name
  policy_arn = module.queue.policy_arns[each.value.policy]
}
