//! Sluice on Spin.

use spin_sdk::http::{IntoResponse, Request};
use spin_sdk::http_service;

/// Answers every request with a greeting, until the gateway is wired in.
#[http_service]
async fn handle(_request: Request) -> impl IntoResponse {
    "hello from sluice\n"
}
