//! Seals over thoughts as this format tells them.
//!
//! OpenAI's own seal is two members of a reasoning item, `id` and `encrypted_content`. Any other stands in
//! `encrypted_content` alone and says there what it is, so that it comes back for what it was:
//!
//! ```text
//! gAAAAAB…                  OpenAI's, of this item
//! openai:rs_1:gAAAAAB…      OpenAI's, of an item that had another id
//! google:c2ln               another maker's
//! anthropic:c2ln            Anthropic's, which stands bare elsewhere
//! redacted:c2ln             a thought that its maker (Anthropic) tells in sealed form only
//! ```

use std::borrow::Cow;

use sluice_types::{json::Str, seal::Maker};

const ANTHROPIC: &str = "anthropic:";
const REDACTED: &str = "redacted:";

/// What a reasoning item's `encrypted_content` holds.
#[derive(Debug, PartialEq)]
pub(super) enum Sealed<'a> {
    /// A seal over the item's thought, as the rest of the gateway knows it.
    Seal(Str<'a>),
    /// A thought without words.
    Redacted(Str<'a>),
}

/// What the item `id` means by its `encrypted_content`.
pub(super) fn heard<'a>(id: &str, encrypted: Str<'a>) -> Sealed<'a> {
    if encrypted.starts_with(REDACTED) {
        return Sealed::Redacted(without(REDACTED, encrypted));
    }
    Sealed::Seal(if encrypted.starts_with(ANTHROPIC) {
        without(ANTHROPIC, encrypted)
    } else if is_foreign(&encrypted) {
        encrypted
    } else {
        // What has a colon cannot be told from what follows it.
        let id = if id.contains(':') { "" } else { id };
        Maker::Openai.seal(format!("{id}:{encrypted}").into())
    })
}

/// Whether `encrypted_content` is of our making: it says whose seal it is, and its provider did not write that.
pub(super) fn is_foreign(encrypted: &str) -> bool {
    encrypted.starts_with(REDACTED)
        || encrypted.starts_with(ANTHROPIC)
        || Maker::of(encrypted) != Maker::Anthropic
}

/// The id and the encrypted content of OpenAI's own `seal`; `None` if another made it.
pub(super) fn own(seal: &str) -> Option<(&str, &str)> {
    Maker::Openai.bare(seal)?.split_once(':')
}

/// What `encrypted_content` says of `seal` in an item called `id`.
pub(super) fn told<'s>(seal: &'s str, id: &str) -> Cow<'s, str> {
    match own(seal) {
        Some((own, encrypted)) if own == id => encrypted.into(),
        _ if Maker::of(seal) == Maker::Anthropic => format!("{ANTHROPIC}{seal}").into(),
        _ => seal.into(),
    }
}

/// What `encrypted_content` says of a thought without words.
pub(super) fn told_redacted(data: &str) -> String {
    format!("{REDACTED}{data}")
}

fn without<'a>(prefix: &str, text: Str<'a>) -> Str<'a> {
    match text.0 {
        Cow::Borrowed(text) => text.strip_prefix(prefix).unwrap_or(text).into(),
        Cow::Owned(text) => text.strip_prefix(prefix).unwrap_or(&text).to_owned().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_makers_seal_comes_back_as_it_was() {
        for seal in ["openai:rs_1:gAAA=", "google:c2ln", "ErUBc2ln+/=", "openai:broken"] {
            for id in ["rs_1", "rs_2"] {
                assert_eq!(
                    heard(id, told(seal, id).into_owned().into()),
                    Sealed::Seal(seal.into()),
                    "{seal}"
                );
            }
        }
        assert_eq!(told("openai:rs_1:gAAA=", "rs_1"), "gAAA=");
        assert_eq!(heard("rs_1", told_redacted("R").into()), Sealed::Redacted("R".into()));
    }

    #[test]
    fn an_id_with_a_colon_does_not_run_into_the_rest() {
        let Sealed::Seal(seal) = heard("a:b", "X".into()) else { panic!("a seal") };
        assert_eq!(own(&seal), Some(("", "X")));
    }
}
