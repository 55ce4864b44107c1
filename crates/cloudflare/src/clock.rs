//! `Clock`: the isolate's, which stands still between two calls to the world.

use std::time::Duration;

use sluice_core::port::Clock;
use sluice_types::time::Timestamp;

use crate::{Worker, js::Timer};

impl Clock for Worker {
    fn now(&self) -> Timestamp {
        Timestamp(js_sys::Date::now() as u64)
    }

    async fn sleep(&self, span: Duration) {
        // A platform's longest timeout is 2^31 milliseconds; longer ones would strike at once.
        Timer::start(span.as_millis().min(i32::MAX as u128) as f64).await;
    }
}
