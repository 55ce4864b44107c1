//! Sluice on Cloudflare Workers.

use worker::{Context, Env, Request, Response, Result, event};

/// Answers every request with a greeting, until the gateway is wired in.
#[event(fetch)]
async fn fetch(_request: Request, _env: Env, _context: Context) -> Result<Response> {
    Response::ok("hello from sluice\n")
}
