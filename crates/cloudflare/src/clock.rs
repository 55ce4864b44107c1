//! `Clock`: the isolate's, which stands still between two calls to the world.

use std::time::Duration;

use sluice_core::port::Clock;
use sluice_types::time::Timestamp;
use worker::Delay;

use crate::Worker;

impl Clock for Worker {
    fn now(&self) -> Timestamp {
        Timestamp(js_sys::Date::now() as u64)
    }

    async fn sleep(&self, span: Duration) {
        Delay::from(span).await;
    }
}
