//! What the gateway does on the host in memory, a module for each of its parts. One program, so that the gateway is compiled for
//! that host once.

mod admin;
mod cache;
mod embeddings;
mod grounding;
mod guardrails;
mod guardrails_wiring;
mod hooks;
mod knowledge_answers;
mod life;
mod operations;
mod pgvector;
mod responses;
mod routing;
mod security;
mod semantic;
mod sqs;
mod support;
mod tenants;
