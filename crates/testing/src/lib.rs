//! What Sluice is tested with.

#[cfg(feature = "contract")]
pub mod contract;
#[cfg(feature = "host")]
pub mod memory;
#[cfg(feature = "mock")]
pub mod mock;
#[cfg(feature = "host")]
pub mod qdrant;
#[cfg(feature = "host")]
pub mod simulate;
