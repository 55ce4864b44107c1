//! The gateway without a host.
