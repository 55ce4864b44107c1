//! Taking JSON out of what models wrap around it.

use serde_json::Value;

/// JSON taken out of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Repaired {
    /// The JSON alone.
    pub text: String,
    /// What it says.
    pub value: Value,
    /// What was done, by stable names: `fence`, `prose`, `trailing_comma`.
    pub done: Vec<&'static str>,
}

/// Takes the JSON out of an answer that is none as it stands: out of a fence, out of the prose around it, without
/// commas before a closing bracket. Nothing is invented: what was cut off stays broken.
pub fn repair(answer: &str) -> Option<Repaired> {
    let mut done = Vec::new();
    let mut text = answer.trim_start_matches('\u{feff}').trim();
    if let Some(inner) = fenced(text) {
        done.push("fence");
        text = inner;
    }
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    if let Some(value) = parse(text) {
        return Some(Repaired { text: text.to_owned(), value, done });
    }
    let without = without_commas(text);
    if let Some(value) = parse(&without) {
        done.push("trailing_comma");
        return Some(Repaired { text: without, value, done });
    }
    let inner = enclosed(text)?;
    done.push("prose");
    if let Some(value) = parse(inner) {
        return Some(Repaired { text: inner.to_owned(), value, done });
    }
    let without = without_commas(inner);
    let value = parse(&without)?;
    done.push("trailing_comma");
    Some(Repaired { text: without, value, done })
}

/// What stands in the first fence.
fn fenced(text: &str) -> Option<&str> {
    let (_, behind) = text.split_once("```")?;
    let (language, body) = behind.split_once('\n')?;
    let named = language.trim().chars().all(|character| character.is_ascii_alphanumeric());
    let (body, _) = body.rsplit_once("```")?;
    let first = body.split("\n```").next().unwrap_or(body);
    named.then(|| first.trim())
}

/// From the first opening bracket to the one that closes it.
fn enclosed(text: &str) -> Option<&str> {
    let start = text.find(['{', '['])?;
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate().skip(start) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return text.get(start..=at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The text without commas whose next sign closes a list or an object.
fn without_commas(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    // A comma and the blanks behind it, until it is known what follows.
    let mut held = String::new();
    for character in text.chars() {
        if !quoted && (character == ',' || !held.is_empty() && character.is_whitespace()) {
            if character == ',' {
                kept.push_str(&std::mem::take(&mut held));
            }
            held.push(character);
            continue;
        }
        let comma = usize::from(!held.is_empty() && matches!(character, '}' | ']'));
        kept.push_str(held.get(comma..).unwrap_or_default());
        held.clear();
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        kept.push(character);
    }
    kept.push_str(&held);
    kept
}
