variable "region" {
  description = "The AWS region."
  type        = string
  default     = "eu-central-1"
}

variable "name" {
  description = "What names begin with; one deployment each."
  type        = string
  default     = "sluice"
}

variable "visibility_timeout_seconds" {
  description = "How soon another takes a document over after a crash; 30 or more."
  type        = number
  default     = 90
}

variable "max_receive_count" {
  description = "How often a document is tried before it is a dead letter."
  type        = number
  default     = 5
}

variable "alarm_actions" {
  description = "ARNs that alarms tell, such as an SNS topic's."
  type        = list(string)
  default     = []
}

variable "aws_endpoint" {
  description = "The address of a stand-in of AWS, such as http://127.0.0.1:5555; null means AWS."
  type        = string
  default     = null
}
