//! The gateway without a host: what callers and operators see, decided over plain values, with the world behind
//! [`port`].

pub mod cors;
pub mod cost_log;
pub mod generations;
pub mod key;
pub mod port;
pub mod route;
