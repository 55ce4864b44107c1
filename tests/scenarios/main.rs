//! What callers and operators see of the gateway, over HTTP, against the built Worker and the built Spin component.
//!
//! Each scenario is a function of a running gateway; `on_every_host!` makes it a test per host. All share one gateway
//! a host and one configuration (`tests/src/seed.rs`): the prompt says what the provider does, in the words of
//! `crates/testing/src/mock/{directive,fault}.rs`.

mod admin;
mod after_commit;
mod answers;
mod auth;
mod before_commit;
mod bindings;
mod budgets;
mod builtin;
mod cache;
mod chat;
mod contracts;
mod cors;
mod costs;
mod count;
mod embeddings;
mod faults;
mod guardrails;
mod hang_up;
mod harness;
mod ingest;
mod intake;
mod isolation;
mod knowledge;
mod limits;
mod models;
mod operations;
mod privacy;
mod retry;
mod routing;
mod semantic;
mod stream;
mod time;
mod tokens;
