//! `Rng`: WASI's cryptographic source.

use sluice_core::port::Rng;
use spin_sdk::wasip3::random::random;

use crate::Spin;

impl Rng for Spin {
    fn random(&self) -> u64 {
        random::get_random_u64()
    }
}
