//! The guardrails' checks as a WASM module that does nothing else: `tools/bench/checks.mjs` times it in Node.
//!
//! A host reads names and results through numbers alone, so nothing has to be imported.

use std::{
    cell::RefCell,
    sync::{Arc, LazyLock},
};

use sluice_guardrails::{
    canonical::canonicalise,
    injection::{Detector, Trust},
    pii,
    redact::Vault,
    stream::{Action, Placeholders, Plan, apply},
};

/// Bytes of each text, about: what the goals speak of.
const SIZE: usize = 32 << 10;

/// A kind of text, and a piece of it that is repeated.
const TEXTS: [(&str, &str); 14] = [
    ("English", include_str!("../texts/english.txt")),
    ("English, contacts and numbers", include_str!("../texts/contacts.txt")),
    ("German", include_str!("../texts/german.txt")),
    ("code", include_str!("../texts/code.txt")),
    ("JSON", include_str!("../texts/json.txt")),
    ("log lines", include_str!("../texts/log.txt")),
    ("Chinese", include_str!("../texts/chinese.txt")),
    ("Cyrillic", include_str!("../texts/cyrillic.txt")),
    ("Hindi", include_str!("../texts/hindi.txt")),
    ("emoji", include_str!("../texts/emoji.txt")),
    ("base64", include_str!("../texts/base64.txt")),
    ("one letter", "a"),
    ("one digit", "1"),
    ("one bracket", "("),
];

/// Which checks run.
const CHECKS: [&str; 4] = ["all input checks", "injection", "of it canonical form", "pii and secrets"];

static WHOLE: LazyLock<Vec<String>> = LazyLock::new(|| {
    let whole = |(_, unit): &(&str, &str)| unit.repeat((SIZE / unit.len()).max(1));
    TEXTS.iter().map(whole).collect()
});

static PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| {
    Arc::new(Plan {
        pii: Some((pii::Settings::default(), Action::Redact)),
        secrets: Some(Action::Mask),
        placeholders: Placeholders::Escape,
        ..Plan::default()
    })
});

thread_local! {
    static NAME: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Puts the name of a text (`what` 0) or of a run of checks (`what` 1) where the host reads it; its length, 0 past the last.
#[unsafe(no_mangle)]
pub extern "C" fn name_length(what: u32, at: u32) -> u32 {
    let name = match what {
        0 => TEXTS.get(at as usize).map(|(name, _)| *name),
        _ => CHECKS.get(at as usize).copied(),
    };
    NAME.with_borrow_mut(|kept| {
        name.unwrap_or("").clone_into(kept);
        kept.len() as u32
    })
}

/// Where the name is.
#[unsafe(no_mangle)]
pub extern "C" fn name_address() -> u32 {
    NAME.with_borrow(|name| name.as_ptr() as usize as u32)
}

/// Bytes of a text.
#[unsafe(no_mangle)]
pub extern "C" fn size(text: u32) -> u32 {
    WHOLE.get(text as usize).map_or(0, |text| text.len() as u32)
}

/// Runs checks over a text; a number that depends on what they found.
#[unsafe(no_mangle)]
pub extern "C" fn run(text: u32, checks: u32) -> u32 {
    let Some(text) = WHOLE.get(text as usize) else { return 0 };
    let injection = || {
        Detector::shared()
            .map_or(0.0, |detector| detector.inspect(&canonicalise(text), Trust::User).score)
            .to_bits()
    };
    let filter = || apply(&PLAN, text, &mut Vault::new()).text.len() as u32;
    match checks {
        0 => injection().wrapping_add(filter()),
        1 => injection(),
        2 => canonicalise(text).views().map(|(_, view)| view.len() as u32).sum(),
        _ => filter(),
    }
}
