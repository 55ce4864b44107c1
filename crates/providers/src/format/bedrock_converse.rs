//! Bedrock Converse.

use std::time::Duration;

use sluice_types::{
    answer::Answer,
    chat::Request,
    error::{ErrorKind, Failure},
    event::Event,
};

use super::{Target, Written};
use crate::frames::Frame;

fn not_yet() -> Failure {
    Failure::new(ErrorKind::Unsupported, "not written yet")
}

pub(super) fn write_request(_request: &Request<'_>, _target: &Target<'_>) -> Result<Written, Failure> {
    Err(not_yet())
}

pub(super) fn read_answer(_body: &[u8]) -> Result<Answer<'_>, Failure> {
    Err(not_yet())
}

pub(super) fn read_error(_status: u16, _body: &[u8], _retry_after: Option<Duration>) -> Failure {
    not_yet()
}

/// Reads a stream.
#[derive(Debug, Default)]
pub struct Reader {}

impl Reader {
    pub(super) fn frame(&mut self, _frame: &Frame<'_>, _emit: &mut dyn FnMut(Event<'_>)) {}

    pub(super) fn finish(&mut self, _emit: &mut dyn FnMut(Event<'_>)) {}
}
