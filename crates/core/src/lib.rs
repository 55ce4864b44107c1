//! The gateway without a host: what callers and operators see, decided over plain values, with the world behind
//! [`port`].

pub mod admin;
pub mod cache;
pub mod capability;
pub mod config;
pub mod cors;
pub mod cost_log;
pub mod embedding;
pub mod gateway;
pub mod generations;
pub mod grounded;
pub mod guardrail;
pub mod index;
pub mod key;
pub mod knowledge;
pub mod ledger;
pub mod limit;
pub mod moderation;
pub mod port;
pub mod relay;
pub mod remote_image;
pub mod route;
pub mod routing;
pub mod sqs;
pub mod token;
pub mod undo;
pub mod usage;
pub mod vectors;
