//! JSON and JSON Lines.

use std::borrow::Cow;

use crate::{
    Block, BlockKind, Document, Kind, Limits, Problem,
    builder::{push_row, trimmed},
};

/// A list or object that fits this many characters stays on one line.
const INLINE: usize = 100;

/// A line of JSON Lines each.
pub(crate) fn lines(text: &str) -> Vec<Block> {
    let mut at = 0;
    let mut blocks = Vec::new();
    for line in text.split_inclusive('\n') {
        if let Some((start, end)) = trimmed(text, at, at + line.len()) {
            push_row(&mut blocks, Block { kind: BlockKind::Record, start, end, page: None }, text.len());
        }
        at += line.len();
    }
    blocks
}

/// Lays out a JSON text anew, so that minified and pretty ones are cut alike: small values on a line, larger ones member by
/// member. Each member of the outermost value is a block. The text is valid JSON already.
pub(crate) fn read(text: &str, limits: &Limits) -> Result<Document<'static>, Problem> {
    let text = text.trim();
    let short = short_values(text);
    let mut out = String::with_capacity(text.len().saturating_add(text.len() / 4));
    let mut blocks = Vec::new();
    // For each open list or object, whether it is on one line.
    let mut open: Vec<bool> = Vec::new();
    let mut next_short = short.iter();
    let mut start = 0;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let token = if c == '"' { string(rest) } else { rest.get(..c.len_utf8()).unwrap_or(rest) };
        rest = rest.get(token.len()..).unwrap_or_default();
        match c {
            ' ' | '\t' | '\n' | '\r' => continue,
            '{' | '[' => {
                let inline = open.last() == Some(&true) || next_short.next() == Some(&true);
                // A value on one line takes its own inner values along.
                open.push(inline);
                out.push(c);
                if !inline {
                    line(&mut out, open.len());
                    if open.len() == 1 {
                        start = out.len();
                    }
                }
            }
            '}' | ']' => {
                let inline = open.pop() == Some(true);
                if !inline {
                    if open.is_empty() {
                        record(&mut blocks, &out, start);
                    }
                    line(&mut out, open.len());
                }
                out.push(c);
            }
            ',' => {
                out.push(',');
                if open.last() == Some(&true) {
                    out.push(' ');
                } else {
                    if open.len() == 1 {
                        record(&mut blocks, &out, start);
                    }
                    line(&mut out, open.len());
                    if open.len() == 1 {
                        start = out.len();
                    }
                }
            }
            ':' => out.push_str(": "),
            _ => out.push_str(token),
        }
        if out.len() > limits.text {
            return Err(Problem::TooLarge { what: "the text", limit: limits.text });
        }
    }
    Ok(Document { kind: Kind::Json, text: Cow::Owned(out), blocks })
}

fn line(out: &mut String, depth: usize) {
    // Indentation past this says no more, and could be most of the text.
    const DEEPEST: usize = 8;
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth.min(DEEPEST)));
}

fn record(blocks: &mut Vec<Block>, out: &str, start: usize) {
    if let Some((start, end)) = trimmed(out, start, out.len()) {
        blocks.push(Block { kind: BlockKind::Record, start, end, page: None });
    }
}

/// The string a text begins with, quotes included.
fn string(text: &str) -> &str {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return text.get(..=at).unwrap_or(text),
            _ => {}
        }
    }
    text
}

/// For each list and object in the order of their openings, those within short ones left out: whether it is short.
fn short_values(text: &str) -> Vec<bool> {
    // First the compact length of every value, then the outer ones that are short.
    let mut lengths: Vec<usize> = Vec::new();
    let mut inner: Vec<usize> = Vec::new();
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut length = 0_usize;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let token = if c == '"' { string(rest) } else { rest.get(..c.len_utf8()).unwrap_or(rest) };
        rest = rest.get(token.len()..).unwrap_or_default();
        match c {
            ' ' | '\t' | '\n' | '\r' => continue,
            '{' | '[' => {
                open.push((lengths.len(), length));
                lengths.push(usize::MAX);
                inner.push(0);
            }
            '}' | ']' => {
                if let Some((index, from)) = open.pop() {
                    let within = lengths.len() - index - 1;
                    if let (Some(own), Some(count)) = (lengths.get_mut(index), inner.get_mut(index)) {
                        *own = length - from + 1;
                        *count = within;
                    }
                }
            }
            _ => {}
        }
        length += token.len() + usize::from(matches!(c, ',' | ':'));
    }
    let mut short = Vec::new();
    let mut at = 0;
    while let (Some(own), Some(within)) = (lengths.get(at), inner.get(at)) {
        let is_short = *own <= INLINE;
        short.push(is_short);
        at += if is_short { within + 1 } else { 1 };
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(text: &str) -> (String, Vec<String>) {
        let document = read(text, &Limits::default()).unwrap();
        let blocks =
            document.blocks.iter().map(|b| document.text.get(b.start..b.end).unwrap().to_owned()).collect();
        (document.text.into_owned(), blocks)
    }

    #[test]
    fn json_is_laid_out_by_member_and_stays_the_same_value() {
        let long = "x".repeat(90);
        let text = format!(r#"{{"a":[1,2,{{"b":null}}],"c":{{"d":"{long}","e":[]}},"f":"q\"}},"}}"#);
        let (out, blocks) = laid_out(&text);
        assert_eq!(
            out,
            format!(
                "{{\n  \"a\": [1, 2, {{\"b\": null}}],\n  \"c\": {{\n    \"d\": \"{long}\",\n    \"e\": []\n  }},\n  \"f\": \"q\\\"}},\"\n}}"
            )
        );
        assert_eq!(blocks.len(), 3, "{blocks:?}");
        let same = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(same(&out), same(&text));
        // Laying out is idempotent.
        assert_eq!(laid_out(&out).0, out);
    }

    #[test]
    fn lists_are_cut_by_element_and_lines_by_line() {
        let text = format!("[{}]", [r#"{"id": 1, "name": "one", "tags": ["a", "b"]}"#; 4].join(","));
        assert_eq!(laid_out(&text).1.len(), 4);
        assert_eq!(lines("{\"a\":1}\n\n{\"a\":2}").len(), 2);
        assert_eq!(laid_out("[]").0, "[]");
    }
}
