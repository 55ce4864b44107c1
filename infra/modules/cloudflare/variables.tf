variable "account_id" {
  description = "The Cloudflare account, 32 hexadecimal digits."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.account_id))
    error_message = "account_id is 32 hexadecimal digits: `npx wrangler whoami` shows it."
  }
}

variable "name" {
  description = "What the names of everything made here begin with; the Workers are called this and this with -ingest."
  type        = string
  default     = "sluice"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$", var.name))
    error_message = "name takes lower-case letters, digits and inner hyphens, 42 at most."
  }
}

variable "kv_bindings" {
  description = "The KV namespaces, by the names the Workers bind them to. Sluice needs KV: tenants, keys, configuration, cost log."
  type        = set(string)
  default     = ["KV"]

  validation {
    condition     = contains(var.kv_bindings, "KV")
    error_message = "kv_bindings has to contain KV."
  }
}

variable "bucket_location" {
  description = "Where the bucket of raw documents is made: apac, eeur, enam, weur, wnam, oc; null lets Cloudflare choose."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_location == null ? true : contains(["apac", "eeur", "enam", "weur", "wnam", "oc"], lower(var.bucket_location))
    error_message = "bucket_location is one of apac, eeur, enam, weur, wnam, oc, or null."
  }
}

variable "bucket_jurisdiction" {
  description = "Where documents must stay: default, eu, fedramp."
  type        = string
  default     = "default"

  validation {
    condition     = contains(["default", "eu", "fedramp"], var.bucket_jurisdiction)
    error_message = "bucket_jurisdiction is default, eu or fedramp."
  }
}

variable "retention_seconds" {
  description = "How long a message waits to be worked on before it is dropped: 4 days. At most 14 days (1 day on the free plan)."
  type        = number
  default     = 345600

  validation {
    condition     = 60 <= var.retention_seconds && var.retention_seconds <= 1209600
    error_message = "retention_seconds is 60 to 1209600 (14 days)."
  }
}

variable "dead_letter_retention_seconds" {
  description = "How long a dead letter waits for `sluice ingest replay`: 14 days."
  type        = number
  default     = 1209600

  validation {
    condition     = 60 <= var.dead_letter_retention_seconds && var.dead_letter_retention_seconds <= 1209600
    error_message = "dead_letter_retention_seconds is 60 to 1209600 (14 days)."
  }
}

variable "consumer" {
  description = <<-EOT
    How the ingest Worker takes messages. `cargo xtask configure` writes it into wrangler.ingest.toml, and `wrangler deploy`
    attaches the consumer; set attach_consumer where Workers are deployed without wrangler.
    - batch_size: messages of one invocation, 1 to 100. A document may take many seconds, so few.
    - max_wait_time_ms: how long a batch gathers, 0 to 60000.
    - max_retries: how often a message is tried again before it is a dead letter, 0 to 100.
    - retry_delay: seconds before it is tried again.
    - max_concurrency: invocations at once, 1 to 250; null lets Cloudflare scale.
  EOT
  type = object({
    batch_size       = optional(number, 5)
    max_wait_time_ms = optional(number, 1000)
    max_retries      = optional(number, 4)
    retry_delay      = optional(number, 10)
    max_concurrency  = optional(number)
  })
  default = {}

  validation {
    condition = alltrue([
      1 <= var.consumer.batch_size && var.consumer.batch_size <= 100,
      0 <= var.consumer.max_wait_time_ms && var.consumer.max_wait_time_ms <= 60000,
      0 <= var.consumer.max_retries && var.consumer.max_retries <= 100,
      0 <= var.consumer.retry_delay && var.consumer.retry_delay <= 43200,
      var.consumer.max_concurrency == null ? true : 1 <= var.consumer.max_concurrency && var.consumer.max_concurrency <= 250,
    ])
    error_message = "consumer: batch_size 1 to 100, max_wait_time_ms 0 to 60000, max_retries 0 to 100, retry_delay 0 to 43200, max_concurrency 1 to 250."
  }
}

variable "attach_consumer" {
  description = "Attach the ingest Worker to the queue here. The Worker has to exist; leave it false where wrangler deploys it."
  type        = bool
  default     = false
}

variable "secrets_store_id" {
  description = "A secrets store that exists (accounts have one at most for now); null makes one."
  type        = string
  default     = null
}

variable "secrets" {
  description = "Secrets that the Workers read, by the names sluice.yaml uses: OPENAI_API_KEY, SLUICE_ADMIN_KEY, … They are kept in the Terraform state: encrypt that, or leave this empty and use `wrangler secret put`."
  type        = map(string)
  default     = {}
  sensitive   = true

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "names of secrets are upper-case letters, digits and underscores."
  }
}
