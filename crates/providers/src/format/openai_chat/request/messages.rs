//! The messages of a request that stays in its format, in the words of a provider that differs there.

use std::borrow::Cow;

use sluice_types::json::{Members, Str};

use super::patch::write_in_words;
use crate::format::{
    Dialect,
    json::{self, ObjectWriter},
};

/// The digits of ids that are made here.
const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Writes the list `messages` as the dialect has it; `false` and nothing written if it is no list of objects.
pub(super) fn patch(messages: &str, dialect: &Dialect, out: &mut Vec<u8>) -> bool {
    let Ok(messages) = serde_json::from_str::<Vec<Members<'_>>>(messages) else { return false };
    json::list(out, &messages, |out, message| write_message(message, dialect, out));
    true
}

fn write_message(message: &Members<'_>, dialect: &Dialect, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::open(out);
    for (name, value) in &message.0 {
        let Some(theirs) = dialect.message_name(name) else { continue };
        // Said in the provider's own word already.
        if theirs != &**name && message.value(theirs).is_some() {
            continue;
        }
        let out = object.member(theirs);
        match &**name {
            "tool_call_id" => write_id(value.text(), dialect, out),
            "tool_calls" => match value.read::<Vec<Members<'_>>>() {
                Ok(calls) if dialect.touches_calls() => {
                    json::list(out, &calls, |out, call| write_call(call, dialect, out));
                }
                _ => out.extend_from_slice(value.text().as_bytes()),
            },
            // A refusal that has no other place is what was said.
            "content" if value.is_null() && dialect.message_name("refusal").is_none() => {
                out.extend_from_slice(message.value("refusal").unwrap_or(value).text().as_bytes());
            }
            "role" => write_in_words("messages[].role", value.text(), dialect, out),
            _ => out.extend_from_slice(value.text().as_bytes()),
        }
    }
    object.close();
}

fn write_call(call: &Members<'_>, dialect: &Dialect, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::open(out);
    for (name, value) in &call.0 {
        let Some(name) = dialect.call_name(name) else { continue };
        let out = object.member(name);
        match name {
            "id" => write_id(value.text(), dialect, out),
            _ => out.extend_from_slice(value.text().as_bytes()),
        }
    }
    object.close();
}

fn write_id(json: &str, dialect: &Dialect, out: &mut Vec<u8>) {
    match serde_json::from_str::<Str<'_>>(json) {
        Ok(id) if dialect.tool_id_length.is_some() => json::write(out, &*tool_id(&id, dialect)),
        _ => out.extend_from_slice(json.as_bytes()),
    }
}

/// A call's id as the provider takes it: one that does not fit is replaced by a digest of it, the same wherever it
/// stands. The provider's own ids fit, so what it is sent back it knows.
pub(super) fn tool_id<'i>(id: &'i str, dialect: &Dialect) -> Cow<'i, str> {
    let Some(length) = dialect.tool_id_length.map(usize::from) else { return Cow::Borrowed(id) };
    if id.len() == length && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Cow::Borrowed(id);
    }
    // FNV-1a: short, and the same on every host. Its low digits differ the most.
    let mut digest = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let digits = (0..length).map(|_| {
        let digit = usize::try_from(digest % 62).unwrap_or_default();
        digest /= 62;
        DIGITS.get(digit).map_or('0', |digit| char::from(*digit))
    });
    Cow::Owned(digits.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_do_not_fit_become_some_that_do() {
        let dialect = Dialect { tool_id_length: Some(9), ..Dialect::default() };
        assert_eq!(tool_id("D681PevKs", &dialect), "D681PevKs");
        for id in ["call_1", "call_2", "toolu_01A", "", "D681PevK_", "abcdefghij"] {
            let made = tool_id(id, &dialect);
            assert!(made.len() == 9 && made.bytes().all(|b| b.is_ascii_alphanumeric()), "{made}");
            assert_eq!(tool_id(&made, &dialect), made);
        }
        assert_ne!(tool_id("call_1", &dialect), tool_id("call_2", &dialect));
        assert_eq!(tool_id("call_1", &Dialect::default()), "call_1");
    }

    #[test]
    fn what_is_renamed_gives_way_to_what_is_there() {
        let dialect = Dialect {
            rename: vec![("messages[].reasoning_content".to_owned(), "reasoning".to_owned())],
            ..Dialect::default()
        };
        let mut out = Vec::new();
        let messages =
            r#"[{"role":"assistant","reasoning":"a","reasoning_content":"b"},{"reasoning_content":"c"}]"#;
        assert!(patch(messages, &dialect, &mut out));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"[{"role":"assistant","reasoning":"a"},{"reasoning":"c"}]"#
        );
    }
}
