//! `Log`: the Worker's log, as `wrangler tail` and Workers Logs show it.

use sluice_core::port::Log;

use crate::Worker;

impl Log for Worker {
    fn log(&self, line: &str) {
        worker::console_error!("{line}");
    }
}
