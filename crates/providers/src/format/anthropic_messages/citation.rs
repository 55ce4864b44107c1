//! Citations of Messages: a list on a text block, of which the whole block is the cited words. In a stream each comes as a
//! delta of its block.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    citation::{Citation, Place, Source},
    json::Str,
};

use crate::format::{
    cite::{self, write_place},
    json::ObjectWriter,
    openai_chat::{Number, Text},
};

/// The members of every kind of citation.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    cited_text: Text<'a>,
    document_index: Number,
    search_result_index: Number,
    #[serde(borrow)]
    document_title: Text<'a>,
    #[serde(borrow)]
    file_id: Text<'a>,
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow)]
    source: Text<'a>,
    #[serde(flatten)]
    places: cite::Places,
}

/// Reads a citation, of all of its block. One that means nothing here is kept as it is.
pub(super) fn read(raw: &RawValue) -> Citation<'_> {
    let wire: Wire<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let kind = wire.kind.0.unwrap_or_default();
    let index = wire.document_index.0.or(wire.search_result_index.0).map(|index| index as u32);
    let place = wire.places.place();
    let source = match &*kind {
        "char_location" | "page_location" | "content_block_location" => {
            match (wire.file_id.said(), wire.document_title.said()) {
                (Some(id), name) => Source::File { id, name, container: None, index, place },
                (None, title) => Source::Document { id: None, title, index, place },
            }
        }
        "web_search_result_location" => {
            Source::Page { url: wire.url.0.unwrap_or_default(), title: wire.title.said() }
        }
        "search_result_location" => {
            let is_page = |source: &Str<'_>| source.starts_with("https://") || source.starts_with("http://");
            match (wire.source.said(), wire.title.said()) {
                (Some(url), title) if is_page(&url) => Source::Page { url, title },
                (id, title) => Source::Document { id, title, index, place },
            }
        }
        _ => Source::Other,
    };
    Citation { span: None, source, quote: wire.cited_text.said(), raw: Some(raw.into()) }
}

/// Writes a citation.
pub(super) fn write(citation: &Citation<'_>, same_format: bool, out: &mut Vec<u8>) {
    if let Some(raw) = citation.raw.as_ref().filter(|_| same_format) {
        return out.extend_from_slice(raw.text().as_bytes());
    }
    let quote = citation.quote.as_deref().unwrap_or_default();
    let (id, title) = citation.source.names();
    let mut object = ObjectWriter::open(out);
    match &citation.source {
        Source::Page { url, title } => {
            object.set("type", "web_search_result_location");
            object.set("cited_text", quote);
            object.set("url", url);
            object.set("title", title);
            object.set("encrypted_index", "");
        }
        Source::File { index, place: Some(place), .. }
        | Source::Document { index, place: Some(place), .. } => {
            let kind = match place {
                Place::Characters(_) => "char_location",
                Place::Pages(_) => "page_location",
                Place::Blocks(_) => "content_block_location",
            };
            object.set("type", kind);
            object.set("cited_text", quote);
            object.set("document_index", &index.unwrap_or_default());
            object.set("document_title", &title.or(id));
            write_place(&mut object, *place);
            object.set("file_id", &id.filter(|_| matches!(citation.source, Source::File { .. })));
        }
        // Nothing says where in the document: a result of a search has a source and no more.
        Source::File { index, place: None, .. } | Source::Document { index, place: None, .. } => {
            object.set("type", "search_result_location");
            object.set("cited_text", quote);
            object.set("search_result_index", &index.unwrap_or_default());
            object.set("source", id.or(title).unwrap_or_default());
            object.set("title", &title);
            object.set("start_block_index", &0);
            object.set("end_block_index", &1);
        }
        Source::Other => {}
    }
    object.close();
}

#[cfg(test)]
mod tests {
    use sluice_types::citation::Span;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let span = Span { start: 3, end: 9 };
        let document = |place| Source::Document { id: None, title: Some("A".into()), index: Some(1), place };
        let file = |place| Source::File {
            id: "file-1".into(),
            name: Some("a.pdf".into()),
            container: None,
            index: Some(0),
            place,
        };
        for source in [
            Source::Page { url: "https://a.test".into(), title: Some("A".into()) },
            document(Some(Place::Characters(span))),
            document(Some(Place::Blocks(span))),
            file(Some(Place::Pages(span))),
        ] {
            let citation = Citation { span: None, source, quote: Some("words".into()), raw: None };
            let mut out = Vec::new();
            write(&citation, false, &mut out);
            let raw: &RawValue = serde_json::from_slice(&out).unwrap();
            assert_eq!(Citation { raw: None, ..read(raw) }, citation, "{raw}");
        }
        let mut out = Vec::new();
        write(&Citation { span: None, source: file(None), quote: None, raw: None }, false, &mut out);
        let told = String::from_utf8(out).unwrap();
        assert!(told.contains(r#""source":"file-1","title":"a.pdf""#), "{told}");
    }
}
