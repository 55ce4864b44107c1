//! The signature that Google's compatible endpoint puts on a call: `extra_content.google.thought_signature`.
//!
//! Among parts it is an empty thought with Google's seal, right before the call.

use serde::Deserialize;
use sluice_types::{
    chat::Part,
    json::{Members, Str},
    seal::Maker,
};

use super::Text;
use crate::format::json::ObjectWriter;

/// The member of a call.
pub(in crate::format::openai_chat) const MEMBER: &str = "extra_content";

/// The seal that `extra_content` holds.
pub(in crate::format::openai_chat) fn seal(extra_content: &str) -> Option<Str<'_>> {
    #[derive(Deserialize)]
    struct ExtraContent<'a> {
        #[serde(borrow)]
        google: Option<Google<'a>>,
    }
    #[derive(Deserialize)]
    struct Google<'a> {
        #[serde(borrow, default)]
        thought_signature: Text<'a>,
    }

    let extra: ExtraContent<'_> = serde_json::from_str(extra_content).ok()?;
    Some(Maker::Google.seal(extra.google?.thought_signature.said()?))
}

/// Takes the seal out of what is unknown of a call, as the part that stands before the call. What else `extra_content`
/// holds stays there, the seal with it.
pub(in crate::format::openai_chat) fn take<'a>(extra: &mut Members<'a>) -> Option<Part<'a>> {
    let told = extra.value(MEMBER)?.clone();
    let signature = seal(told.text())?.into_owned();
    let alone = |json: &str, name: &str| {
        serde_json::from_str::<Members<'_>>(json)
            .is_ok_and(|members| matches!(members.0.as_slice(), [(only, _)] if *only == *name))
    };
    let google = told.read::<Members<'_>>().ok()?;
    let google = google.value("google").is_some_and(|google| alone(google.text(), "thought_signature"));
    if google && alone(told.text(), "google") {
        extra.take(MEMBER);
    }
    Some(Part::Reasoning { text: Str::default(), signature: Some(signature) })
}

/// The signature that the thought at `at` is, if it is no more than that and the call after it takes it.
pub(in crate::format::openai_chat) fn rides<'p>(parts: &'p [Part<'_>], at: usize) -> Option<&'p str> {
    match (parts.get(at)?, parts.get(at + 1)?) {
        (Part::Reasoning { text, signature: Some(seal) }, Part::ToolCall { .. }) if text.is_empty() => {
            Maker::Google.bare(seal)
        }
        _ => None,
    }
}

/// The signature on `call`, which is one of `parts`.
pub(in crate::format::openai_chat) fn on<'p>(parts: &'p [Part<'_>], call: &Part<'_>) -> Option<&'p str> {
    let at = parts.iter().position(|part| std::ptr::eq(part, call))?;
    rides(parts, at.checked_sub(1)?)
}

/// Writes the signature of a call, unless it stands among what is unknown of the call, written there.
pub(in crate::format::openai_chat) fn write(
    bare: Option<&str>,
    written: Option<&Members<'_>>,
    call: &mut ObjectWriter<'_>,
) {
    if let Some(bare) = bare
        && written.is_none_or(|members| members.value(MEMBER).is_none())
    {
        let mut extra = ObjectWriter::open(call.member(MEMBER));
        let mut google = ObjectWriter::open(extra.member("google"));
        google.set("thought_signature", bare);
        google.close();
        extra.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_taken_and_what_stands_beside_it_stays() {
        for (json, sealed, left) in [
            (r#"{"extra_content":{"google":{"thought_signature":"A"}}}"#, true, 0),
            (r#"{"extra_content":{"google":{"thought_signature":"A","x":1}},"y":2}"#, true, 2),
            (r#"{"extra_content":{"google":{"thought_signature":""}}}"#, false, 1),
            (r#"{"extra_content":7}"#, false, 1),
        ] {
            let mut extra: Members<'_> = serde_json::from_str(json).unwrap();
            assert_eq!((take(&mut extra).is_some(), extra.0.len()), (sealed, left), "{json}");
        }
    }
}
