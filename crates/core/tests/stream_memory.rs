//! A stream takes no more memory the longer it gets, whatever format it goes from and to.
//!
//! One test only: the allocator counts for the whole program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use peak_alloc::PeakAlloc;
use sluice_core::relay::Relay;
use sluice_providers::format::{Chat, Meta, Protocol};
use sluice_types::{json::Raw, usage::Usage};

#[path = "../benches/samples/mod.rs"]
mod samples;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// The most bytes that were held at once while `count` text deltas went from `upstream`'s format to `caller`'s; and how many
/// bytes of text the stream had.
fn peak(upstream: Chat, caller: Protocol, count: usize) -> (usize, usize) {
    let meta = Meta {
        id: "req_0",
        created: 0,
        model: "m",
        note: None,
        include_usage: true,
        same_format: upstream == caller.format(),
        json_array: false,
        searched: None,
    };
    let note = |_: &Usage| -> Option<Raw<'static>> { None };
    let sample = samples::stream(upstream);
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let mut relay = Relay::new(upstream, caller, true, &meta, 0);
    let mut out = Vec::new();
    relay.push(&sample.opening, &note, &mut out).unwrap();
    for _ in 0..count {
        out.clear();
        relay.push(&sample.delta, &note, &mut out).unwrap();
        assert!(!out.is_empty());
    }
    (ALLOCATED.peak_usage() - before, sample.text_bytes * count)
}

#[test]
fn a_longer_stream_takes_no_more_memory() {
    for upstream in Chat::ALL {
        for caller in Protocol::ALL {
            let ((short, _), (long, text)) = (peak(upstream, caller, 1_000), peak(upstream, caller, 10_000));
            // The last frame of Responses repeats the whole text, so that much is kept, in a string that doubles.
            let repeats = caller == Protocol::OpenaiResponses && upstream != Chat::OpenaiResponses;
            // Gemini counts what is cited in bytes, all others in characters: a bit is kept for each byte that is told.
            let counts = [upstream, caller.format()].contains(&Chat::Gemini);
            let bits = if counts { text / 2 } else { 0 };
            let allowed = if repeats { short + 3 * text + bits } else { short + bits };
            assert!(long <= allowed, "{upstream:?} to {caller:?}: {short} bytes, then {long}");
            assert!(repeats || short < 8_000, "{upstream:?} to {caller:?}: {short} bytes");
        }
    }
}
