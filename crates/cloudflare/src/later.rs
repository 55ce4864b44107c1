//! `Later`: work that the platform waits for after the answer, 30 seconds at most once the caller has gone.

use futures::future::LocalBoxFuture;
use sluice_core::port::Later;

use crate::Worker;

impl Later for Worker {
    fn later(&self, work: LocalBoxFuture<'static, ()>) {
        match &self.context {
            Some(context) => context.wait_until(work),
            None => wasm_bindgen_futures::spawn_local(work),
        }
    }
}
