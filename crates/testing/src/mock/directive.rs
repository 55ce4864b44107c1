//! What the last user text tells the mock to answer, in double brackets anywhere in the text.
//!
//! | directive | answer |
//! |---|---|
//! | none | a sentence that repeats the prompt, with é, 漢 and 🦀 |
//! | `[[tool]]`, `[[tools N]]` | one call, N calls at once; arguments made up from the tool's schema |
//! | `[[preamble]]` | text before the calls |
//! | `[[think]]` | thinking with a signature (Anthropic) or `reasoning_content` (OpenAI) first |
//! | `[[redacted]]` | a redacted thinking block (Anthropic) |
//! | `[[refuse]]` | a refusal |
//! | `[[filter]]` | stopped by the provider's content filter |
//! | `[[length]]` | stopped half-way by the token limit, tool arguments included |
//! | `[[stop]]` | stopped by the first of the request's stop sequences |
//! | `[[json]]` | a JSON object; comes by itself when the request asks for structured output |
//! | `[[system]]` | repeats the system text |
//! | `[[messages]]` | how many messages the conversation has |
//! | `[[tokens N]]` | N tokens of text |
//! | `[[empty]]` | no text at all |
//! | `[[fault CLAUSES]]` | fails, see [`fault`](super::fault); `[[fault@NAME CLAUSES]]` only where the base URL has `id=NAME` |
//! | `[[id NAME]]` | names the request for `/_log?id=NAME` |
//!
//! Without a directive a tool is called if the request forces one, or if the last message is a user's text that
//! names one. After tool results the answer repeats them.

/// A directive and its argument, which may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive<'a> {
    /// Its name.
    pub name: &'a str,
    /// What follows the name.
    pub value: &'a str,
}

/// The directives of a text, in order.
pub fn all(text: &str) -> impl Iterator<Item = Directive<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once("[[")?;
        let (inside, tail) = after.split_once("]]")?;
        rest = tail;
        let (name, value) = inside.trim().split_once(' ').unwrap_or((inside.trim(), ""));
        Some(Directive { name, value: value.trim() })
    })
}

/// The text without its directives.
#[must_use]
pub fn strip(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[[") {
        kept.push_str(before);
        let Some((_, tail)) = after.split_once("]]") else { break };
        rest = tail;
    }
    kept.push_str(rest);
    kept.trim().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_found_anywhere() {
        let found: Vec<_> = all("Weather? [[tools 2]] please [[think]]").collect();
        assert_eq!(found, [Directive { name: "tools", value: "2" }, Directive { name: "think", value: "" }]);
        assert_eq!(strip("Weather? [[tools 2]]"), "Weather?");
    }

    #[test]
    fn an_open_bracket_is_no_directive() {
        assert_eq!(all("a [[b").count(), 0);
    }
}
