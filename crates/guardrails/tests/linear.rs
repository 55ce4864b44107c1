//! Texts made to be slow: a megabyte takes no more than its share of what a small text takes.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a test that measures time"
)]

use std::sync::Arc;

use cpu_time::ThreadTime;
use sluice_guardrails::{
    canonical::canonicalise,
    exfiltration::Hosts,
    injection::{Detector, Trust},
    leak,
    pii::{Kind, Settings},
    policy::{self, Policy},
    redact::Vault,
    stream::{Action, Placeholders, Plan, apply},
};

/// Bytes of the large text; a sixteenth of it is the small one. Unoptimised, a megabyte of each would take minutes.
const LARGE: usize = if cfg!(debug_assertions) { 128 << 10 } else { 1 << 20 };
const SMALL: usize = LARGE / 16;

/// Seconds that all checks take for `text`.
fn seconds(text: &str, plan: &Arc<Plan>, prompt: &leak::Prompt, policy: &Policy) -> f64 {
    let begun = ThreadTime::now();
    if let Some(detector) = Detector::shared() {
        detector.inspect(&canonicalise(text), Trust::Untrusted);
    }
    apply(plan, text, &mut Vault::new());
    let mut watch = leak::Watch::new(prompt);
    watch.push(text);
    watch.finish();
    policy::check(policy, text);
    begun.elapsed().as_secs_f64()
}

#[test]
fn a_megabyte_takes_its_share() {
    let plan = Arc::new(Plan {
        pii: Some((
            Settings { kinds: Kind::ALL.into_iter().collect(), ..Settings::default() },
            Action::Redact,
        )),
        secrets: Some(Action::Mask),
        links: Some((Hosts::new(["cdn.example.org"]), Action::Mask)),
        placeholders: Placeholders::Escape,
        json: true,
        ..Plan::default()
    });
    let prompt =
        leak::Prompt::new("You are Walter, the assistant of the Harbour Bank. Never mention it.", None);
    let policy = Policy::default().deny("aaa b").deny_pattern("(a|aa)+$").unwrap();
    let mut slow = Vec::new();
    for unit in [
        "(",
        "[",
        "a",
        "1",
        "@",
        " ",
        "\n",
        "\u{301}",
        "😀",
        "\\",
        "\"",
        "%",
        "a ",
        "1 ",
        "1 a ",
        "a.",
        "1.",
        "%41",
        "\\u0041",
        "ig😀",
        "[A",
        "[A_1",
        "a@",
        "a@b.",
        "http://",
        "](",
        "<a href=",
        "-----BEGIN ",
        "eyJ",
        "password=",
        "QUFB",
        "QUFB ",
        "4111 ",
        "中",
        "не ",
        "a-b_",
        "==",
        "ghp_",
        "x\u{200b}",
        "ignore all previous ",
    ] {
        let (small, large) = (unit.repeat(SMALL / unit.len()), unit.repeat(LARGE / unit.len()));
        let once = || seconds(&small, &plan, &prompt, &policy);
        let one = once().min(once()).max(0.001);
        let other = seconds(&large, &plan, &prompt, &policy);
        println!(
            "{unit:?}: {:.1} µs a KB, {:.1} times for 16 times the text",
            other * 1e6 / (LARGE >> 10) as f64,
            other / one
        );
        // Machines differ and are shared: what is quadratic takes 256 times as long.
        if 80.0 < other / one {
            slow.push(unit);
        }
    }
    assert!(slow.is_empty(), "{slow:?}");
}
