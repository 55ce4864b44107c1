output "sluice" {
  description = "What `cargo xtask configure` writes into wrangler.toml and wrangler.ingest.toml. Nothing secret."
  value = {
    platform = "cloudflare"
    name     = var.name

    queue = {
      name        = cloudflare_queue.ingest.queue_name
      dead_letter = cloudflare_queue.dead_letter.queue_name
      consumer    = var.consumer
    }

    kv_namespaces = { for binding, namespace in cloudflare_workers_kv_namespace.kv : binding => namespace.id }

    bucket = {
      name         = cloudflare_r2_bucket.documents.name
      jurisdiction = var.bucket_jurisdiction
    }

    secrets = {
      store_id = local.secrets_store_id
      names    = { for binding, secret in cloudflare_secrets_store_secret.secret : binding => secret.name }
    }
  }
}

output "queue_id" {
  description = "The queue's id."
  value       = cloudflare_queue.ingest.queue_id
}

output "dead_letter_queue_id" {
  description = "The dead-letter queue's id."
  value       = cloudflare_queue.dead_letter.queue_id
}
