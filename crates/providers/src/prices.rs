//! What models cost and can do, as data.
//!
//! The table is made by `cargo xtask codegen` from a snapshot of the models.dev list; [`VERSION`] says which, and is
//! written into each cost record. A model that is not listed has no price: its cost is unknown, never zero.

mod table;

use sluice_types::{money::Price, usage::Usage};

pub use table::VERSION;

/// One model of one provider.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    model: &'static str,
    context: u32,
    output: u32,
    price: Packed,
    flags: u16,
    /// Index into the table of tiers; [`NO_TIER`] if the price does not depend on the input's size.
    tier: u8,
}

/// The price does not depend on the input's size.
const NO_TIER: u8 = u8::MAX;

/// A kind of token has no price of its own.
const NO: u32 = u32::MAX;

/// No price is listed.
const NO_PRICE: Packed = [NO; 7];

/// An entry, for the table: a model a line.
const fn model(model: &'static str, context: u32, output: u32, price: Packed, flags: u16, tier: u8) -> Entry {
    Entry { model, context, output, price, flags, tier }
}

/// Prices in micro-dollars per million tokens: input, output, cache read, cache write, reasoning, audio in, audio out.
/// The list has none finer (codegen would refuse it), and this is a third of the size of [`Price`].
type Packed = [u32; 7];

/// Another price for requests whose input has more than so many tokens.
#[derive(Debug, PartialEq, Eq)]
struct Tier {
    above: u32,
    price: Packed,
}

/// What a model can do, and (`…_TOLD`) whether the list says anything about it.
mod flag {
    pub const TOOLS: u16 = 1;
    pub const TOOLS_TOLD: u16 = 2;
    pub const STRUCTURED_OUTPUT: u16 = 4;
    pub const STRUCTURED_OUTPUT_TOLD: u16 = 8;
    pub const REASONING: u16 = 16;
    pub const REASONING_TOLD: u16 = 32;
    pub const IMAGES: u16 = 64;
    pub const PDF: u16 = 128;
    pub const AUDIO: u16 = 256;
    pub const INPUT_TOLD: u16 = 512;
}

impl Entry {
    /// The model, as the provider names it.
    pub fn model(&self) -> &'static str {
        self.model
    }

    /// The list price; `None` if there is none. Where it depends on the input's size, the one for a small input.
    pub fn price(&self) -> Option<Price> {
        unpack(&self.price)
    }

    /// The price that replaces [`Entry::price`] for the whole request when its input, cached tokens included, has
    /// more tokens than the number beside it.
    pub fn price_above(&self) -> Option<(u32, Price)> {
        let tier = table::TIERS.get(usize::from(self.tier))?;
        Some((tier.above, unpack(&tier.price)?))
    }

    /// The price of a request that used so much: [`Entry::price_above`] where its input is that large.
    pub fn price_for(&self, usage: &Usage) -> Option<Price> {
        match self.price_above() {
            Some((above, price)) if u64::from(above) < usage.input() => Some(price),
            _ => self.price(),
        }
    }

    /// How many tokens fit into a request and its answer; `None` if not told.
    pub fn context_tokens(&self) -> Option<u32> {
        Some(self.context).filter(|&tokens| tokens != 0)
    }

    /// How many tokens an answer may have; `None` if not told.
    pub fn output_tokens(&self) -> Option<u32> {
        Some(self.output).filter(|&tokens| tokens != 0)
    }

    /// Whether it calls tools; `None` if not told, here and below.
    pub fn tools(&self) -> Option<bool> {
        self.flag(flag::TOOLS_TOLD, flag::TOOLS)
    }

    /// Whether it can be held to a JSON schema.
    pub fn structured_output(&self) -> Option<bool> {
        self.flag(flag::STRUCTURED_OUTPUT_TOLD, flag::STRUCTURED_OUTPUT)
    }

    /// Whether it thinks first.
    pub fn reasoning(&self) -> Option<bool> {
        self.flag(flag::REASONING_TOLD, flag::REASONING)
    }

    /// Whether it reads images.
    pub fn images(&self) -> Option<bool> {
        self.flag(flag::INPUT_TOLD, flag::IMAGES)
    }

    /// Whether it reads PDF files.
    pub fn pdf(&self) -> Option<bool> {
        self.flag(flag::INPUT_TOLD, flag::PDF)
    }

    /// Whether it hears.
    pub fn audio(&self) -> Option<bool> {
        self.flag(flag::INPUT_TOLD, flag::AUDIO)
    }

    fn flag(&self, told: u16, yes: u16) -> Option<bool> {
        (self.flags & told != 0).then_some(self.flags & yes != 0)
    }
}

fn unpack(
    &[input, output, cache_read, cache_write, reasoning, audio_in, audio_out]: &Packed,
) -> Option<Price> {
    let listed = |micro: u32| (micro != NO).then(|| u64::from(micro) * 1_000);
    Some(Price {
        input: listed(input)?,
        output: listed(output)?,
        cache_read: listed(cache_read),
        cache_write: listed(cache_write),
        reasoning: listed(reasoning),
        audio_in: listed(audio_in),
        audio_out: listed(audio_out),
        // The list has neither pictures nor fees: configurations give them.
        ..Price::default()
    })
}

/// The models of `provider` that are listed, by name; empty for a provider the list does not have.
pub fn of(provider: &str) -> &'static [Entry] {
    let groups = table::MODELS;
    let found = groups.binary_search_by_key(&provider, |(name, _)| name).ok();
    found.and_then(|at| groups.get(at)).map_or(&[], |(_, entries)| entries)
}

/// What is known of `model` at `provider`.
///
/// A dated name that is not listed (`gpt-4o-mini-2024-07-18`, `claude-haiku-4-5-20251001`) is taken for the name
/// without its date: a snapshot costs what its model costs, and where it does not, the list has the snapshot itself.
pub fn lookup(provider: &str, model: &str) -> Option<&'static Entry> {
    let entries = of(provider);
    let exact = |model: &str| entries.get(entries.binary_search_by_key(&model, |entry| entry.model).ok()?);
    exact(model).or_else(|| exact(without_date(model)?))
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
        assert!(table::MODELS.is_sorted_by_key(|(provider, _)| provider));
        for (provider, entries) in table::MODELS {
            assert!(crate::catalog::find(provider).is_some(), "{provider}");
            assert!(entries.is_sorted_by(|a, b| a.model < b.model), "{provider}");
            for entry in *entries {
                assert_eq!(lookup(provider, entry.model), Some(entry));
                assert!(entry.price == NO_PRICE || entry.price().is_some());
                assert!(entry.tier == NO_TIER || entry.price_above().is_some());
            }
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
        for yes in [entry.tools(), entry.images(), entry.pdf(), entry.structured_output()] {
            assert_eq!(yes, Some(true));
        }
        assert_eq!((entry.audio(), entry.reasoning()), (Some(false), Some(false)));
        assert_eq!(lookup("anthropic", "claude-haiku-4-5").unwrap().structured_output(), None);
    }

    #[test]
    fn a_long_input_may_cost_more() {
        let (above, price) = lookup("openai", "gpt-5.4").unwrap().price_above().unwrap();
        assert_eq!((above, price.input, price.output), (272_000, 5_000_000_000, 22_500_000_000));
        let long = Usage { cache_read: 272_000, input_uncached: 1, ..Usage::default() };
        assert_eq!(lookup("openai", "gpt-5.4").unwrap().price_for(&long), Some(price));
        assert_eq!(lookup("openai", "gpt-4o-mini").unwrap().price_above(), None);
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
