//! What models cost and can do, as data.
//!
//! The table is made by `cargo xtask codegen` from a snapshot of the models.dev list; [`VERSION`] says which, and is
//! written into each cost record. A model that is not listed has no price: its cost is unknown, never zero.

mod table;

use std::cmp::Ordering;

use sluice_types::money::Price;

pub use table::VERSION;

/// One model of one provider.
///
/// Prices are packed in micro-dollars per million tokens (the list has none finer; codegen would refuse it), a
/// third of the size of [`Price`].
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    provider: &'static str,
    model: &'static str,
    /// Index into the table of prices; [`NO_PRICE`] if the list has none.
    price: u16,
    context: u32,
    output: u32,
    flags: u8,
}

/// No price is listed.
const NO_PRICE: u16 = u16::MAX;

/// A price is not listed.
const ABSENT: u32 = u32::MAX;

/// Prices in micro-dollars per million tokens: input, output, cache read, cache write, reasoning, audio in, audio out.
type Packed = [u32; 7];

const TOOLS: u8 = 1;
const IMAGES: u8 = 2;
const PDF: u8 = 4;
const AUDIO: u8 = 8;
const STRUCTURED_OUTPUT: u8 = 16;
const REASONING: u8 = 32;

impl Entry {
    /// The provider's name in the catalogue.
    pub fn provider(&self) -> &'static str {
        self.provider
    }

    /// The model, as the provider names it.
    pub fn model(&self) -> &'static str {
        self.model
    }

    /// The list price; `None` if there is none.
    pub fn price(&self) -> Option<Price> {
        let &[input, output, cache_read, cache_write, reasoning, audio_in, audio_out] =
            table::PRICES.get(usize::from(self.price))?;
        let nano = |micro: u32| u64::from(micro) * 1_000;
        let listed = |micro: u32| (micro != ABSENT).then(|| nano(micro));
        Some(Price {
            input: nano(input),
            output: nano(output),
            cache_read: listed(cache_read),
            cache_write: listed(cache_write),
            reasoning: listed(reasoning),
            audio_in: listed(audio_in),
            audio_out: listed(audio_out),
        })
    }

    /// How many tokens fit into a request and its answer; `None` if not told.
    pub fn context_tokens(&self) -> Option<u32> {
        Some(self.context).filter(|&tokens| tokens != 0)
    }

    /// How many tokens an answer may have; `None` if not told.
    pub fn output_tokens(&self) -> Option<u32> {
        Some(self.output).filter(|&tokens| tokens != 0)
    }

    /// Whether it calls tools.
    pub fn tools(&self) -> bool {
        self.flags & TOOLS != 0
    }

    /// Whether it reads images.
    pub fn images(&self) -> bool {
        self.flags & IMAGES != 0
    }

    /// Whether it reads PDF files.
    pub fn pdf(&self) -> bool {
        self.flags & PDF != 0
    }

    /// Whether it hears.
    pub fn audio(&self) -> bool {
        self.flags & AUDIO != 0
    }

    /// Whether it can be held to a JSON schema.
    pub fn structured_output(&self) -> bool {
        self.flags & STRUCTURED_OUTPUT != 0
    }

    /// Whether it thinks first.
    pub fn reasoning(&self) -> bool {
        self.flags & REASONING != 0
    }
}

/// All models, by provider and model.
pub fn all() -> &'static [Entry] {
    table::MODELS
}

/// What is known of `model` at `provider`.
///
/// A dated name that is not listed (`gpt-4o-mini-2024-07-18`, `claude-haiku-4-5-20251001`) is taken for the name
/// without its date: a snapshot costs what its model costs, and where it does not, the list has the snapshot itself.
pub fn lookup(provider: &str, model: &str) -> Option<&'static Entry> {
    exact(provider, model).or_else(|| exact(provider, without_date(model)?))
}

fn exact(provider: &str, model: &str) -> Option<&'static Entry> {
    let order = |entry: &Entry| match entry.provider.cmp(provider) {
        Ordering::Equal => entry.model.cmp(model),
        other => other,
    };
    all().get(all().binary_search_by(order).ok()?)
}

/// `model` without `-YYYY-MM-DD` or `-YYYYMMDD` at its end; `None` if it has neither.
fn without_date(model: &str) -> Option<&str> {
    let bytes = model.as_bytes();
    let shape = |pattern: &str| {
        let start = bytes.len().checked_sub(pattern.len())?;
        let matches = bytes.get(start..)?.iter().zip(pattern.bytes()).all(|(&byte, wanted)| match wanted {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        });
        // Every snapshot is of this century, so `-20000000` is no date of a model's size.
        let century = bytes.get(start + 1..start + 3)? == b"20";
        (matches && century && 0 < start).then(|| model.get(..start)).flatten()
    };
    shape("-0000-00-00").or_else(|| shape("-00000000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_entry_is_found() {
        assert!(all().is_sorted_by(|a, b| (a.provider, a.model) < (b.provider, b.model)));
        for entry in all() {
            assert_eq!(lookup(entry.provider, entry.model), Some(entry));
            assert!(entry.price == NO_PRICE || entry.price().is_some());
        }
    }

    #[test]
    fn a_listed_model_has_its_price_and_limits() {
        let entry = lookup("openai", "gpt-4o-mini").unwrap();
        let price = entry.price().unwrap();
        assert_eq!((price.input, price.output), (150_000_000, 600_000_000));
        assert_eq!(price.cache_read, Some(75_000_000));
        assert_eq!(price.cache_write, None);
        assert_eq!((entry.context_tokens(), entry.output_tokens()), (Some(128_000), Some(16_384)));
        assert!(entry.tools() && entry.images() && entry.pdf() && entry.structured_output());
        assert!(!entry.audio() && !entry.reasoning());
    }

    #[test]
    fn a_date_is_forgiven_only_where_the_dated_name_is_not_listed() {
        assert_eq!(lookup("openai", "gpt-4o-mini-2024-07-18").unwrap().model(), "gpt-4o-mini");
        assert_eq!(lookup("openai", "gpt-4o-mini-20240718").unwrap().model(), "gpt-4o-mini");
        for unknown in ["gpt-4o-mini-2024", "gpt-4o-mini-", "-2024-07-18", "gpt-4o-mini-99991231", "é", ""] {
            assert_eq!(lookup("openai", unknown), None, "{unknown}");
        }
        assert_eq!(lookup("nobody", "gpt-4o-mini"), None);
    }
}
