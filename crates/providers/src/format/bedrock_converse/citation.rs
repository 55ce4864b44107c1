//! Citations of Converse: a block of text with its sources, of which all of the block is the cited words. In a stream each
//! comes as a delta of its block.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    citation::{Citation, Place, Source, Span},
    json::Str,
};

use crate::format::openai_chat::{Many, Number, Text};

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    source: Text<'a>,
    #[serde(borrow)]
    source_content: Many<Content<'a>>,
    #[serde(borrow)]
    location: Option<Location<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

/// One of these members says what it is.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Location<'a> {
    #[serde(borrow)]
    web: Option<Web<'a>>,
    document_char: Option<Within>,
    document_page: Option<Within>,
    document_chunk: Option<Within>,
    search_result_location: Option<Within>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Web<'a> {
    #[serde(borrow)]
    url: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Within {
    document_index: Number,
    search_result_index: Number,
    start: Number,
    end: Number,
}

/// Reads a citation, of all of its block.
pub(super) fn read(raw: &RawValue) -> Citation<'_> {
    let wire: Wire<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let title = wire.title.said();
    let Location { web, document_char, document_page, document_chunk, search_result_location } =
        wire.location.unwrap_or_default();
    let within = document_char
        .map(|at| (at, Place::Characters as fn(Span) -> Place))
        .or(document_page.map(|at| (at, Place::Pages as fn(Span) -> Place)))
        .or(document_chunk.or(search_result_location).map(|at| (at, Place::Blocks as fn(Span) -> Place)));
    let source = match (web.and_then(|web| web.url.said()), wire.source.said()) {
        (Some(url), _) => Source::Page { url, title },
        (None, Some(url)) if url.starts_with("https://") || url.starts_with("http://") => {
            Source::Page { url, title }
        }
        (None, id) => {
            let (index, place) = match within {
                Some((at, place)) => {
                    let index = at.document_index.0.or(at.search_result_index.0);
                    let span = at
                        .start
                        .0
                        .zip(at.end.0)
                        .map(|(start, end)| Span { start: start as u32, end: end as u32 });
                    (index.map(|index| index as u32), span.map(place))
                }
                None => (None, None),
            };
            Source::Document { id, title, index, place }
        }
    };
    let mut texts = wire.source_content.0.into_iter().filter_map(|content| content.text.said());
    let quote = texts.next().map(|first| texts.fold(first, |all, text| Str::from(format!("{all}{text}"))));
    Citation { span: None, source, quote, raw: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_location_is_read() {
        let read = |json: &'static str| read(serde_json::from_str(json).unwrap());
        let page = read(
            r#"{"title":"Cats","sourceContent":[{"text":"Cats "},{"text":"purr."}],"location":{"documentPage":{"documentIndex":1,"start":2,"end":3}}}"#,
        );
        assert_eq!(page.quote.as_deref(), Some("Cats purr."));
        let place = Some(Place::Pages(Span { start: 2, end: 3 }));
        assert_eq!(
            page.source,
            Source::Document { id: None, title: Some("Cats".into()), index: Some(1), place }
        );
        let web = read(r#"{"title":"A","location":{"web":{"url":"https://a.test","domain":"a.test"}}}"#);
        assert_eq!(web.source.names(), (Some("https://a.test"), Some("A")));
        let result = read(
            r#"{"title":"A","source":"doc-7","location":{"searchResultLocation":{"searchResultIndex":0,"start":0,"end":1}}}"#,
        );
        assert_eq!(result.source.names(), (Some("doc-7"), Some("A")));
    }
}
