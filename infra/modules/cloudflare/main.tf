# What the Workers of Sluice are bound to. The Workers themselves, their crons and (unless attach_consumer) the queue's
# consumer are wrangler's: the provider cannot carry a .wasm module in a Worker's script. Durable Objects come with the
# Worker. The Vectorize index has no resource in the provider: infra/vectorize.sh makes it.

resource "cloudflare_queue" "ingest" {
  account_id = var.account_id
  queue_name = "${var.name}-ingest"

  settings = {
    message_retention_period = var.retention_seconds
  }
}

resource "cloudflare_queue" "dead_letter" {
  account_id = var.account_id
  queue_name = "${var.name}-ingest-dead"

  settings = {
    message_retention_period = var.dead_letter_retention_seconds
  }
}

resource "cloudflare_queue_consumer" "ingest" {
  count             = var.attach_consumer ? 1 : 0
  account_id        = var.account_id
  queue_id          = cloudflare_queue.ingest.queue_id
  type              = "worker"
  script_name       = "${var.name}-ingest"
  dead_letter_queue = cloudflare_queue.dead_letter.queue_name

  settings = {
    batch_size       = var.consumer.batch_size
    max_wait_time_ms = var.consumer.max_wait_time_ms
    max_retries      = var.consumer.max_retries
    retry_delay      = var.consumer.retry_delay
    max_concurrency  = var.consumer.max_concurrency
  }
}

# The Worker takes dead letters in too, so that `sluice ingest dead` tells of all of them.
resource "cloudflare_queue_consumer" "dead_letter" {
  count       = var.attach_consumer ? 1 : 0
  account_id  = var.account_id
  queue_id    = cloudflare_queue.dead_letter.queue_id
  type        = "worker"
  script_name = "${var.name}-ingest"

  settings = {
    batch_size       = 10
    max_wait_time_ms = 1000
    max_retries      = 10
    retry_delay      = 60
  }
}

resource "cloudflare_workers_kv_namespace" "kv" {
  for_each   = var.kv_bindings
  account_id = var.account_id
  title      = "${var.name}-${lower(each.key)}"
}

# Raw documents, under file/{tenant}/….
resource "cloudflare_r2_bucket" "documents" {
  account_id   = var.account_id
  name         = "${var.name}-documents"
  location     = var.bucket_location
  jurisdiction = var.bucket_jurisdiction
}

locals {
  secret_names     = nonsensitive(toset(keys(var.secrets)))
  makes_store      = var.secrets_store_id == null && 0 < length(local.secret_names)
  secrets_store_id = local.makes_store ? cloudflare_secrets_store.secrets[0].id : var.secrets_store_id
}

resource "cloudflare_secrets_store" "secrets" {
  count      = local.makes_store ? 1 : 0
  account_id = var.account_id
  name       = var.name
}

resource "cloudflare_secrets_store_secret" "secret" {
  for_each   = local.secret_names
  account_id = var.account_id
  store_id   = local.secrets_store_id
  name       = "${var.name}-${lower(replace(each.key, "_", "-"))}"
  value      = var.secrets[each.key]
  scopes     = ["workers"]
}
