//! OpenAI Responses.

use std::time::Duration;

use sluice_types::{
    answer::Answer,
    chat::Request,
    error::{Attempt, ErrorKind, Failure},
    event::Event,
    json::Raw,
    usage::Usage,
};

use super::{Meta, Target, Written};
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

pub(super) fn read_request(_body: &[u8]) -> Result<Request<'_>, Failure> {
    Err(not_yet())
}

pub(super) fn patch_request(_body: &[u8], _target: &Target<'_>) -> Result<Written, Failure> {
    Err(not_yet())
}

pub(super) fn write_answer(_answer: &Answer<'_>, _meta: &Meta<'_>) -> Vec<u8> {
    Vec::new()
}

pub(super) fn write_error(_failure: &Failure, _request_id: &str, _attempts: &[Attempt]) -> Vec<u8> {
    Vec::new()
}

pub(super) fn write_stream_error(_failure: &Failure, _request_id: &str, _out: &mut Vec<u8>) {}

pub(super) fn heartbeat() -> &'static [u8] {
    b": keep-alive\n\n"
}

/// Writes a stream.
#[derive(Debug)]
pub struct Writer {}

impl Writer {
    pub(super) fn new(_meta: &Meta<'_>) -> Self {
        Self {}
    }

    pub(super) fn event(&mut self, _event: &Event<'_>, _out: &mut Vec<u8>) {}

    pub(super) fn end(&mut self, _usage: Option<&Usage>, _note: Option<&Raw<'_>>, _out: &mut Vec<u8>) {}
}
