//! `Clock`: WASI's.

use std::time::Duration;

use sluice_core::port::Clock;
use sluice_types::time::Timestamp;
use spin_sdk::wasip3::clocks::{monotonic_clock, system_clock};

use crate::Spin;

impl Clock for Spin {
    fn now(&self) -> Timestamp {
        let now = system_clock::now();
        let seconds = u64::try_from(now.seconds).unwrap_or_default();
        Timestamp(seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds / 1_000_000)))
    }

    async fn sleep(&self, span: Duration) {
        monotonic_clock::wait_for(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)).await;
    }
}
