//! Sluice on Cloudflare Workers.
