//! What a candidate says that its words rest on. `groundingMetadata` has the sources in one list and the words in another, as
//! bytes of a part's text; `citationMetadata` names works that the words were taken from. Both come with the last frame of a
//! stream, and there count all text of the candidate.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    chat::Part,
    citation::{Citation, Place, Source, Span},
    json::{Members, Str},
};

use crate::format::{
    cite::{self, Ruler},
    json::{ObjectWriter, list},
    openai_chat::{Many, Number, Text},
};

/// The candidate's members that are read here.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Grounds<'a> {
    #[serde(borrow)]
    pub(super) grounding_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) citation_metadata: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Grounding<'a> {
    #[serde(borrow)]
    grounding_chunks: Many<Chunk<'a>>,
    #[serde(borrow)]
    grounding_supports: Many<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow)]
    web: Option<Context<'a>>,
    #[serde(borrow)]
    maps: Option<Context<'a>>,
    #[serde(borrow)]
    retrieved_context: Option<Context<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Context<'a> {
    #[serde(borrow)]
    uri: Text<'a>,
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    document_name: Text<'a>,
    rag_chunk: Option<RagChunk>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RagChunk {
    page_span: Option<PageSpan>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PageSpan {
    first_page: Number,
    last_page: Number,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Support {
    segment: Segment,
    grounding_chunk_indices: Many<Number>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Segment {
    part_index: Number,
    start_index: Number,
    end_index: Number,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Cited<'a> {
    #[serde(borrow)]
    citation_sources: Many<&'a RawValue>,
    /// So Vertex calls them.
    #[serde(borrow)]
    citations: Many<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Work<'a> {
    start_index: Number,
    end_index: Number,
    #[serde(borrow)]
    uri: Text<'a>,
    #[serde(borrow)]
    title: Text<'a>,
}

/// A citation and where its words are: in bytes, of a part or of all text.
struct Found<'a> {
    part: usize,
    bytes: Option<(u32, u32)>,
    citation: Citation<'a>,
}

impl<'a> Grounds<'a> {
    fn found(&self) -> Vec<Found<'a>> {
        let read =
            self.grounding_metadata.and_then(|raw| serde_json::from_str::<Grounding<'a>>(raw.get()).ok());
        let grounding = read.unwrap_or_default();
        let sources: Vec<(Source<'a>, Option<Str<'a>>)> =
            grounding.grounding_chunks.0.into_iter().map(Chunk::source).collect();
        let mut found = Vec::new();
        for raw in grounding.grounding_supports.0 {
            let support: Support = serde_json::from_str(raw.get()).unwrap_or_default();
            let segment = support.segment;
            for index in support.grounding_chunk_indices.0 {
                let Some((source, quote)) = sources.get(index.index() as usize) else { continue };
                found.push(Found {
                    part: segment.part_index.index() as usize,
                    bytes: bytes(&segment.start_index, &segment.end_index),
                    citation: Citation {
                        span: None,
                        source: source.clone(),
                        quote: quote.clone(),
                        raw: Some(raw.into()),
                    },
                });
            }
        }
        let read = self.citation_metadata.and_then(|raw| serde_json::from_str::<Cited<'a>>(raw.get()).ok());
        let cited = read.unwrap_or_default();
        for raw in cited.citation_sources.0.into_iter().chain(cited.citations.0) {
            let work: Work<'a> = serde_json::from_str(raw.get()).unwrap_or_default();
            let source = match (work.uri.said(), work.title.said()) {
                (Some(url), title) => Source::Page { url, title },
                (None, title) => Source::Document { id: None, title, index: None, place: None },
            };
            let citation = Citation { span: None, source, quote: None, raw: Some(raw.into()) };
            found.push(Found {
                part: usize::MAX,
                bytes: bytes(&work.start_index, &work.end_index),
                citation,
            });
        }
        found
    }

    /// Puts what was said of a whole candidate on its texts. `places` has the index among `parts` of each of the
    /// candidate's own parts.
    pub(super) fn attach(&self, parts: &mut [Part<'a>], places: &BTreeMap<usize, usize>) {
        let all: String = texts(parts).collect();
        let ruler = Ruler::of(&all);
        for Found { part, bytes, mut citation } in self.found() {
            let at = places.get(&part).and_then(|at| parts.get_mut(*at));
            if let (Some(Part::Text { text, citations, .. }), Some((start, end))) = (at, bytes)
                && end as usize <= text.len()
            {
                let ruler = Ruler::of(text);
                citation.span = Some(Span { start: ruler.character(start), end: ruler.character(end) });
                citations.push(citation);
                continue;
            }
            citation.span =
                bytes.map(|(start, end)| Span { start: ruler.character(start), end: ruler.character(end) });
            cite::attach(parts, citation);
        }
    }

    /// What was said of a candidate whose text so far `ruler` measures.
    pub(super) fn citations(&self, ruler: &Ruler) -> impl Iterator<Item = Citation<'a>> {
        self.found().into_iter().map(|Found { bytes, citation, .. }| {
            let span =
                bytes.map(|(start, end)| Span { start: ruler.character(start), end: ruler.character(end) });
            Citation { span, ..citation }
        })
    }
}

/// The bytes from and to; what starts at 0 need not say so.
fn bytes(start: &Number, end: &Number) -> Option<(u32, u32)> {
    end.0.filter(|end| 0.0 < *end).map(|end| (start.index(), end as u32))
}

fn texts<'p>(parts: &'p [Part<'_>]) -> impl Iterator<Item = &'p str> {
    parts.iter().filter_map(|part| if let Part::Text { text, .. } = part { Some(&**text) } else { None })
}

impl<'a> Chunk<'a> {
    fn source(self) -> (Source<'a>, Option<Str<'a>>) {
        let (found, is_page) = match (self.web.or(self.maps), self.retrieved_context) {
            (Some(page), _) => (page, true),
            (None, Some(context)) => (context, false),
            (None, None) => return (Source::Other, None),
        };
        let quote = found.text.said();
        let pages = found.rag_chunk.and_then(|chunk| chunk.page_span).and_then(|span| {
            Some(Span { start: span.first_page.0? as u32, end: (span.last_page.0? as u32).saturating_add(1) })
        });
        let source = match (is_page, found.uri.said()) {
            (true, url) => Source::Page { url: url.unwrap_or_default(), title: found.title.said() },
            (false, uri) => {
                let id = uri.or(found.document_name.said());
                let (title, place) = (found.title.said(), pages.map(Place::Pages));
                match id.as_deref().and_then(|id| id.strip_prefix("files/")) {
                    Some(file) => Source::File {
                        id: Str::from(file.to_owned()),
                        name: title,
                        container: None,
                        index: None,
                        place,
                    },
                    None => Source::Document { id, title, index: None, place },
                }
            }
        };
        (source, quote)
    }
}

/// Writes a candidate's `groundingMetadata`: `citations` with the part and the bytes of their words, and what else the
/// provider's own says.
pub(super) fn write(
    citations: &[(&Citation<'_>, Words)],
    beside: Option<&Members<'_>>,
    candidate: &mut ObjectWriter<'_>,
) {
    let mut object = ObjectWriter::open(candidate.member("groundingMetadata"));
    let mut sources: Vec<(&Source<'_>, Option<&str>)> = Vec::new();
    let mut supports: Vec<(Words, Vec<usize>)> = Vec::new();
    for (citation, words) in citations {
        let key = (&citation.source, citation.quote.as_deref());
        let at = sources.iter().position(|known| *known == key).unwrap_or_else(|| {
            sources.push(key);
            sources.len() - 1
        });
        match supports.iter_mut().find(|(known, _)| known == words) {
            Some((_, indices)) => indices.push(at),
            None => supports.push((*words, vec![at])),
        }
    }
    list(object.member("groundingChunks"), sources, |out, (source, quote)| write_source(out, source, quote));
    list(object.member("groundingSupports"), supports, |out, (words, indices)| {
        let mut support = ObjectWriter::open(out);
        let mut segment = ObjectWriter::open(support.member("segment"));
        if 0 < words.part {
            segment.set("partIndex", &words.part);
        }
        segment.set("startIndex", &words.start);
        segment.set("endIndex", &words.end);
        segment.close();
        support.set("groundingChunkIndices", &indices);
        support.close();
    });
    for (name, raw) in beside.into_iter().flat_map(|beside| &beside.0) {
        if !matches!(&**name, "groundingChunks" | "groundingSupports") {
            object.raw(name, raw.text());
        }
    }
    object.close();
}

/// Words of a candidate: bytes of the text of one of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) part: usize,
    pub(super) start: u32,
    pub(super) end: u32,
}

fn write_source(out: &mut Vec<u8>, source: &Source<'_>, quote: Option<&str>) {
    let mut chunk = ObjectWriter::open(out);
    let (id, title) = source.names();
    match source {
        Source::Page { url, .. } => {
            let mut web = ObjectWriter::open(chunk.member("web"));
            web.set("uri", url);
            web.set("title", title.unwrap_or(url));
            web.set_some("text", quote.as_ref());
            web.close();
        }
        Source::File { place, .. } | Source::Document { place, .. } => {
            let mut context = ObjectWriter::open(chunk.member("retrievedContext"));
            match (source, id) {
                (Source::File { .. }, Some(id)) => context.set("uri", &format!("files/{id}")),
                (_, id) => context.set_some("uri", id.as_ref()),
            }
            context.set_some("title", title.or(id).as_ref());
            context.set_some("text", quote.as_ref());
            if let Some(Place::Pages(pages)) = place {
                let mut chunk = ObjectWriter::open(context.member("ragChunk"));
                chunk.set("text", quote.unwrap_or_default());
                let mut span = ObjectWriter::open(chunk.member("pageSpan"));
                span.set("firstPage", &pages.start);
                span.set("lastPage", &pages.end.saturating_sub(1).max(pages.start));
                span.close();
                chunk.close();
            }
            context.close();
        }
        Source::Other => {}
    }
    chunk.close();
}
