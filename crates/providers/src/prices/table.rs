//! Made by `cargo xtask codegen`; do not edit.

use super::{ABSENT, Entry, IMAGES, PDF, Packed, STRUCTURED_OUTPUT, TOOLS};

/// Which list this is.
pub const VERSION: &str = "models.dev f3fc692 2026-07-02";

pub(super) static PRICES: &[Packed] = &[[150_000, 600_000, 75_000, ABSENT, ABSENT, ABSENT, ABSENT]];

pub(super) static MODELS: &[Entry] = &[Entry {
    provider: "openai",
    model: "gpt-4o-mini",
    price: 0,
    context: 128_000,
    output: 16_384,
    flags: TOOLS | IMAGES | PDF | STRUCTURED_OUTPUT,
}];
