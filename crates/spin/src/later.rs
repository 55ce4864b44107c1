//! `Later`: a task that outlives the answer.

use futures::future::LocalBoxFuture;
use sluice_core::port::Later;
use spin_sdk::wasip3;

use crate::Spin;

impl Later for Spin {
    fn later(&self, work: LocalBoxFuture<'static, ()>) {
        wasip3::spawn(work);
    }
}
