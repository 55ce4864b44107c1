# Sluice on Cloudflare Workers. CLOUDFLARE_API_TOKEN is read from the environment; it needs to edit Queues, Workers KV,
# Workers R2 and Secrets Store.
#
#   terraform init && terraform apply
#   cargo xtask configure infra/examples/cloudflare      # ids and names into wrangler.toml and wrangler.ingest.toml
#   npx wrangler@4.86 deploy && npx wrangler@4.86 deploy -c wrangler.ingest.toml

terraform {
  required_version = ">= 1.7"

  required_providers {
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = "~> 5.22"
    }
  }
}

provider "cloudflare" {}

module "sluice" {
  source = "../../modules/cloudflare"

  account_id          = var.account_id
  name                = var.name
  bucket_jurisdiction = var.bucket_jurisdiction
  secrets             = var.secrets
}
