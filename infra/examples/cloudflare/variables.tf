variable "account_id" {
  description = "The Cloudflare account: `npx wrangler whoami` shows it."
  type        = string
}

variable "name" {
  description = "What names begin with; one deployment each."
  type        = string
  default     = "sluice"
}

variable "bucket_jurisdiction" {
  description = "Where documents must stay: default, eu, fedramp."
  type        = string
  default     = "default"
}

variable "secrets" {
  description = "Secrets of the Workers by name; given as TF_VAR_secrets='{\"OPENAI_API_KEY\":\"…\"}', never in a file."
  type        = map(string)
  default     = {}
  sensitive   = true
}
