//! What Sluice is tested with.

#[cfg(feature = "host")]
pub mod contract;
#[cfg(feature = "host")]
pub mod memory;
#[cfg(feature = "mock")]
pub mod mock;
pub mod qdrant;
#[cfg(feature = "host")]
pub mod simulate;
