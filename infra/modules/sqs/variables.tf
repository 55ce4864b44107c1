variable "name" {
  description = "What the names of queues, policies and alarms begin with."
  type        = string
  default     = "sluice"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,60}$", var.name))
    error_message = "name takes 1 to 60 letters, digits, hyphens and underscores: a queue's name has 80 at most, and \"-ingest-dead\" is added."
  }
}

variable "visibility_timeout_seconds" {
  description = "How long a message that was received stays hidden from others. The drain extends it while a document is worked on, so this is how soon another takes over after a crash: no less than 30 seconds."
  type        = number
  default     = 90

  validation {
    condition     = 30 <= var.visibility_timeout_seconds && var.visibility_timeout_seconds <= 43200
    error_message = "visibility_timeout_seconds is 30 to 43200 (12 hours)."
  }
}

variable "max_receive_count" {
  description = "How often a message is handed out before it goes to the dead-letter queue."
  type        = number
  default     = 5

  validation {
    condition     = 1 <= var.max_receive_count && var.max_receive_count <= 1000
    error_message = "max_receive_count is 1 to 1000."
  }
}

variable "receive_wait_seconds" {
  description = "How long a receive waits for a message (long polling) where it does not say so itself."
  type        = number
  default     = 20

  validation {
    condition     = 0 <= var.receive_wait_seconds && var.receive_wait_seconds <= 20
    error_message = "receive_wait_seconds is 0 to 20."
  }
}

variable "retention_seconds" {
  description = "How long a message waits to be worked on before SQS drops it: 4 days."
  type        = number
  default     = 345600

  validation {
    condition     = 60 <= var.retention_seconds && var.retention_seconds <= 1209600
    error_message = "retention_seconds is 60 to 1209600 (14 days)."
  }
}

variable "dead_letter_retention_seconds" {
  description = "How long a dead letter waits for `sluice ingest replay`: 14 days. A dead letter keeps the age it had, so this is longer than retention_seconds."
  type        = number
  default     = 1209600

  validation {
    condition     = 60 <= var.dead_letter_retention_seconds && var.dead_letter_retention_seconds <= 1209600
    error_message = "dead_letter_retention_seconds is 60 to 1209600 (14 days)."
  }
}

variable "kms_key_arn" {
  description = "The KMS key that encrypts messages at rest; null takes SQS's own (SSE-SQS), which costs nothing. Messages hold ids, never text."
  type        = string
  default     = null
}

variable "alarm_actions" {
  description = "Whom alarms tell, as ARNs (SNS topics, say). Empty: they show in CloudWatch only."
  type        = list(string)
  default     = []
}

variable "alarm_age_seconds" {
  description = "How old the oldest waiting message gets before the alarm: documents are not being worked on."
  type        = number
  default     = 900

  validation {
    condition     = 60 <= var.alarm_age_seconds
    error_message = "alarm_age_seconds is at least 60: the metric has a value a minute."
  }
}

variable "redrive_allow_policy" {
  description = "Whether the dead-letter queue refuses to serve other queues. Off for stand-ins of SQS that do not know the attribute: Terraform would wait for it for ever."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of everything made here."
  type        = map(string)
  default     = {}
}
