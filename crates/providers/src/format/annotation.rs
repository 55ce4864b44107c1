//! OpenAI's annotations: in Responses flat objects on a text, in Chat Completions objects with a member of their own name
//! on a message. Offsets are characters.
//!
//! Chat Completions knows pages of the web only, and clients check that: a file is told there as a page at its place below
//! the gateway's own address, with what a file has beside it in `file_citation`, as Responses tells it.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::citation::{Citation, Source, Span};

use super::{
    cite::{self, write_place},
    json::ObjectWriter,
    openai_chat::{Number, Text},
};

/// The members of every kind of annotation.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    start_index: Number,
    end_index: Number,
    index: Number,
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    file_id: Text<'a>,
    #[serde(borrow)]
    filename: Text<'a>,
    #[serde(borrow)]
    container_id: Text<'a>,
    #[serde(borrow)]
    quote: Text<'a>,
    /// OpenRouter: what the page says.
    #[serde(borrow)]
    content: Text<'a>,
    document_index: Number,
    #[serde(flatten)]
    places: cite::Places,
}

/// What Chat Completions has a kind's members in.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Nested<'a> {
    #[serde(borrow)]
    url_citation: Option<&'a RawValue>,
    #[serde(borrow)]
    file_citation: Option<&'a RawValue>,
}

/// Reads an annotation of either format. One that means nothing here is kept as it is.
pub(super) fn read(raw: &RawValue) -> Citation<'_> {
    let nested: Nested<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let inner = nested.file_citation.or(nested.url_citation);
    let outer: Wire<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let wire = match inner.and_then(|inner| serde_json::from_str::<Wire<'_>>(inner.get()).ok()) {
        Some(wire) => Wire { kind: outer.kind, ..wire },
        None => outer,
    };
    let (span, place) = (wire.span(), wire.places.place());
    let quote = wire.quote.said().or(wire.content.said());
    let kind = wire.kind.0.unwrap_or_default();
    let index = wire.document_index.0.map(|number| number as u32);
    let source = match (&*kind, wire.url.said(), wire.file_id.said(), wire.container_id.said()) {
        (
            "url_citation" | "file_citation" | "container_file_citation" | "file_path",
            _,
            Some(id),
            container,
        ) => Source::File { id, name: wire.filename.said(), container, index, place },
        ("url_citation", Some(url), None, _) => Source::Page { url, title: wire.title.said() },
        ("url_citation", None, None, _) => {
            Source::Document { id: None, title: wire.title.said(), index, place }
        }
        _ => Source::Other,
    };
    Citation { span, source, quote, raw: Some(raw.into()) }
}

impl Wire<'_> {
    /// The words cited; a lone index is a point.
    fn span(&self) -> Option<Span> {
        match (self.start_index.0, self.end_index.0, self.index.0) {
            (Some(_), Some(end), _) if 0.0 < end => cite::span(&self.start_index, &self.end_index),
            (None, None, Some(index)) => Some(Span { start: index as u32, end: index as u32 }),
            _ => None,
        }
    }
}

/// Writes an annotation of Responses; `span` are its words within its text.
pub(super) fn write_flat(citation: &Citation<'_>, span: Span, same_format: bool, out: &mut Vec<u8>) {
    if let Some(raw) = citation.raw.as_ref().filter(|_| same_format) {
        return out.extend_from_slice(raw.text().as_bytes());
    }
    let mut object = ObjectWriter::open(out);
    match &citation.source {
        Source::Page { url, title } => {
            object.set("type", "url_citation");
            object.set("start_index", &span.start);
            object.set("end_index", &span.end);
            object.set("url", url);
            object.set("title", title.as_deref().unwrap_or(url));
        }
        Source::File { container: Some(container), .. } => {
            object.set("type", "container_file_citation");
            object.set("container_id", container);
            write_file(citation, span, &mut object);
        }
        Source::File { .. } | Source::Document { .. } | Source::Other => {
            object.set("type", "file_citation");
            object.set("index", &span.end);
            write_file(citation, span, &mut object);
        }
    }
    object.set_some("quote", citation.quote.as_ref());
    object.close();
}

/// Writes an annotation of Chat Completions; `span` are its words within the message.
pub(super) fn write_nested(citation: &Citation<'_>, span: Span, same_format: bool, out: &mut Vec<u8>) {
    if let Some(raw) = citation.raw.as_ref().filter(|_| same_format) {
        return out.extend_from_slice(raw.text().as_bytes());
    }
    let (address, title) = citation.source.names();
    let url = match &citation.source {
        Source::Page { url, .. } => url.to_string(),
        Source::File { id, .. } => format!("/v1/files/{id}/content"),
        Source::Document { .. } | Source::Other => address.unwrap_or_default().to_owned(),
    };
    let mut object = ObjectWriter::open(out);
    object.set("type", "url_citation");
    let mut inner = ObjectWriter::open(object.member("url_citation"));
    inner.set("start_index", &span.start);
    inner.set("end_index", &span.end);
    inner.set("url", &url);
    inner.set("title", title.or(address).unwrap_or_default());
    inner.set_some("content", citation.quote.as_ref());
    inner.close();
    if !matches!(citation.source, Source::Page { .. }) {
        let mut file = ObjectWriter::open(object.member("file_citation"));
        file.set("index", &span.end);
        write_file(citation, span, &mut file);
        file.set_some("quote", citation.quote.as_ref());
        file.close();
    }
    object.close();
}

/// Writes what an annotation says of a file, or of a document as if it were one.
fn write_file(citation: &Citation<'_>, span: Span, object: &mut ObjectWriter<'_>) {
    let (id, name) = citation.source.names();
    let (Source::File { index, place, .. } | Source::Document { index, place, .. }) = &citation.source else {
        return;
    };
    let made_up = || format!("document_{}", index.unwrap_or_default());
    object.set("file_id", &id.map_or_else(made_up, str::to_owned));
    object.set("filename", name.or(id).unwrap_or_default());
    object.set("start_index", &span.start);
    object.set("end_index", &span.end);
    object.set_some("document_index", index.as_ref());
    if let Some(place) = place {
        write_place(object, *place);
    }
}

#[cfg(test)]
mod tests {
    use sluice_types::citation::Place;

    use super::*;

    fn parsed(json: &str) -> Citation<'_> {
        read(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn every_kind_is_read_from_both_formats() {
        let flat =
            r#"{"type":"url_citation","start_index":2,"end_index":5,"url":"https://a.test","title":"A"}"#;
        let nested = r#"{"type":"url_citation","url_citation":{"start_index":2,"end_index":5,"url":"https://a.test","title":"A"}}"#;
        let (flat, nested) = (parsed(flat), parsed(nested));
        assert_eq!((&flat.source, flat.span), (&nested.source, nested.span));
        let file = parsed(r#"{"type":"file_citation","index":7,"file_id":"file-1","filename":"a.txt"}"#);
        assert_eq!(file.span, Some(Span { start: 7, end: 7 }));
        assert!(matches!(file.source, Source::File { container: None, .. }));
        let other = r#"{"type":"file","file":{"hash":"x"}}"#;
        assert_eq!(parsed(other).source, Source::Other);
        assert!(cite::is_told(&parsed(other), true) && !cite::is_told(&parsed(other), false));
        assert_eq!(parsed("7").source, Source::Other);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let source = Source::File {
            id: "file-1".into(),
            name: Some("a.pdf".into()),
            container: None,
            index: None,
            place: Some(Place::Pages(Span { start: 2, end: 3 })),
        };
        let span = Span { start: 1, end: 4 };
        let citation = Citation { span: Some(span), source, quote: Some("words".into()), raw: None };
        for write in [write_flat, write_nested] {
            let mut out = Vec::new();
            write(&citation, span, false, &mut out);
            let text = String::from_utf8(out).unwrap();
            let again = Citation { raw: None, ..parsed(&text) };
            assert_eq!(again, citation, "{text}");
        }
    }
}
