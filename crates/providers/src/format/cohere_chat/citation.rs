//! Citations of Cohere's: characters of a block of text, and the documents or results of tools behind them, each of which
//! is a citation of its own here.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    citation::{Citation, Source},
    json::Str,
};

use crate::format::{
    cite,
    openai_chat::{Many, Number, Text},
};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    start: Number,
    end: Number,
    content_index: Number,
    #[serde(borrow)]
    sources: Many<Told<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    document: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_output: Option<&'a RawValue>,
}

/// What a source may say of itself; callers choose the members' names.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    snippet: Text<'a>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Reads a citation: the block that it counts in, and a citation for each source. Those of thoughts and plans have no place
/// in other formats.
pub(super) fn read(raw: &RawValue) -> (u32, Vec<Citation<'_>>) {
    let wire: Wire<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    if matches!(wire.kind.0.as_deref(), Some("PLAN" | "THINKING_CONTENT")) {
        return (0, Vec::new());
    }
    let span = cite::span(&wire.start, &wire.end);
    let citations = wire.sources.0.into_iter().map(|told| {
        let (source, quote) = told.source();
        Citation { span, source, quote, raw: None }
    });
    (wire.content_index.index(), citations.collect())
}

impl<'a> Told<'a> {
    fn source(self) -> (Source<'a>, Option<Str<'a>>) {
        let object = self.document.or(self.tool_output);
        let named = |raw: Option<&'a RawValue>| {
            raw.and_then(|raw| serde_json::from_str::<Named<'a>>(raw.get()).ok()).unwrap_or_default()
        };
        let outer = named(object);
        let inner = if outer.data.is_some() { named(outer.data) } else { outer };
        let quote = inner.text.said().or(inner.snippet.said());
        let source = match (inner.url.said(), inner.title.said()) {
            (Some(url), title) => Source::Page { url, title },
            (None, title) => Source::Document { id: self.id.said(), title, index: None, place: None },
        };
        (source, quote)
    }
}

#[cfg(test)]
mod tests {
    use sluice_types::citation::Span;

    use super::*;

    #[test]
    fn each_source_is_a_citation() {
        let raw: &RawValue = serde_json::from_str(
            r#"{"start":5,"end":9,"text":"purr","content_index":1,"sources":[
                {"type":"document","id":"d0","document":{"id":"d0","title":"Cats","snippet":"Cats purr."}},
                {"type":"tool","id":"t:0","tool_output":{"url":"https://a.test"}}]}"#,
        )
        .unwrap();
        let (block, citations) = read(raw);
        assert_eq!(block, 1);
        assert_eq!(citations[0].span, Some(Span { start: 5, end: 9 }));
        assert_eq!(citations[0].source.names(), (Some("d0"), Some("Cats")));
        assert_eq!(citations[0].quote.as_deref(), Some("Cats purr."));
        assert_eq!(citations[1].source, Source::Page { url: "https://a.test".into(), title: None });
        let raw: &RawValue = serde_json::from_str(r#"{"type":"PLAN","sources":[{"id":"d0"}]}"#).unwrap();
        assert!(read(raw).1.is_empty());
    }
}
