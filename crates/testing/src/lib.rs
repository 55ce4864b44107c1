//! What Sluice is tested with.

#[cfg(feature = "mock")]
pub mod mock;
