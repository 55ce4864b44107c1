//! What an answer's text rests on: sources, and which of its words they stand behind.
//!
//! Offsets into an answer are counted in characters (Unicode scalar values), whatever the format they came in counts in.

use serde::{Deserialize, Serialize};

use crate::json::{Raw, Str};

/// A source that stands behind some of a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Citation<'a> {
    /// Which words it stands behind: of the part it belongs to, or in a stream of all text told of that answer. `None` is
    /// all of it. An empty one is a point: it stands behind what was said before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// What is cited.
    #[serde(borrow)]
    pub source: Source<'a>,
    /// The source's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Str<'a>>,
    /// The citation as the provider wrote it; only a caller of the same format gets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Raw<'a>>,
}

/// A stretch of a text, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// Its first character.
    pub start: u32,
    /// The first character that is no longer its own.
    pub end: u32,
}

/// What is cited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source<'a> {
    /// A page of the web.
    Page {
        /// Its address.
        #[serde(borrow)]
        url: Str<'a>,
        /// Its title.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<Str<'a>>,
    },
    /// A file that was uploaded.
    File {
        /// Its id.
        id: Str<'a>,
        /// Its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Str<'a>>,
        /// The container it lies in, where a tool of the provider's made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        container: Option<Str<'a>>,
        /// Which of the request's documents it is, counted from 0, where the provider says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index: Option<u32>,
        /// Where in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<Place>,
    },
    /// A document that came with the request, or that the provider found elsewhere than in the web.
    Document {
        /// Its id, or what else it is called by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<Str<'a>>,
        /// Its title.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<Str<'a>>,
        /// Which of the request's documents it is, counted from 0, where the provider says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index: Option<u32>,
        /// Where in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<Place>,
    },
    /// Something that means nothing here; only a caller of the same format gets it.
    Other,
}

/// Where in a document: from the first to the one behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Characters, counted from 0.
    Characters(Span),
    /// Pages, counted from 1.
    Pages(Span),
    /// Blocks, counted from 0.
    Blocks(Span),
}

impl Span {
    /// The same stretch, told from `by` characters further on.
    #[must_use]
    pub fn shifted(self, by: u32) -> Self {
        Self { start: self.start.saturating_add(by), end: self.end.saturating_add(by) }
    }
}

impl Citation<'_> {
    /// The same, owned.
    pub fn into_owned(self) -> Citation<'static> {
        Citation {
            span: self.span,
            source: self.source.into_owned(),
            quote: self.quote.map(Str::into_owned),
            raw: self.raw.map(Raw::into_owned),
        }
    }

    /// The same, borrowed from this one.
    pub fn borrowed(&self) -> Citation<'_> {
        Citation {
            span: self.span,
            source: self.source.borrowed(),
            quote: self.quote.as_ref().map(Str::borrowed),
            raw: self.raw.clone(),
        }
    }

    /// Forgets which words it stands behind, for the text has become another.
    pub fn unplace(&mut self) {
        self.span = None;
        self.raw = None;
    }
}

impl Source<'_> {
    /// The same, owned.
    pub fn into_owned(self) -> Source<'static> {
        let owned = |text: Option<Str<'_>>| text.map(Str::into_owned);
        match self {
            Self::Page { url, title } => Source::Page { url: url.into_owned(), title: owned(title) },
            Self::File { id, name, container, index, place } => Source::File {
                id: id.into_owned(),
                name: owned(name),
                container: owned(container),
                index,
                place,
            },
            Self::Document { id, title, index, place } => {
                Source::Document { id: owned(id), title: owned(title), index, place }
            }
            Self::Other => Source::Other,
        }
    }

    /// The same, borrowed from this one.
    pub fn borrowed(&self) -> Source<'_> {
        fn of<'s>(text: &'s Option<Str<'_>>) -> Option<Str<'s>> {
            text.as_ref().map(Str::borrowed)
        }
        match self {
            Self::Page { url, title } => Source::Page { url: url.borrowed(), title: of(title) },
            Self::File { id, name, container, index, place } => Source::File {
                id: id.borrowed(),
                name: of(name),
                container: of(container),
                index: *index,
                place: *place,
            },
            Self::Document { id, title, index, place } => {
                Source::Document { id: of(id), title: of(title), index: *index, place: *place }
            }
            Self::Other => Source::Other,
        }
    }

    /// Its address or id, and its title or name, whichever there are.
    pub fn names(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::Page { url, title } => (Some(url), title.as_deref()),
            Self::File { id, name, .. } => (Some(id), name.as_deref()),
            Self::Document { id, title, .. } => (id.as_deref(), title.as_deref()),
            Self::Other => (None, None),
        }
    }
}

/// How many characters `text` has, as offsets count them.
pub fn characters(text: &str) -> u32 {
    // Every character has one byte that does not continue another.
    let count = text.bytes().filter(|byte| byte & 0xc0 != 0x80).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_as_iterated() {
        for text in ["", "abc", "naïve", "漢字", "🐈 cat", "e\u{301}"] {
            assert_eq!(characters(text) as usize, text.chars().count(), "{text}");
        }
    }

    #[test]
    fn a_citation_is_stored_and_read_as_it_was() {
        let place = Some(Place::Pages(Span { start: 2, end: 3 }));
        let citation = Citation {
            span: Some(Span { start: 4, end: 9 }),
            source: Source::File {
                id: "file-1".into(),
                name: Some("a.pdf".into()),
                container: None,
                index: Some(0),
                place,
            },
            quote: Some("words".into()),
            raw: None,
        };
        let text = serde_json::to_string(&citation).unwrap();
        assert_eq!(serde_json::from_str::<Citation<'_>>(&text).unwrap(), citation);
        assert_eq!(citation.borrowed().into_owned(), citation);
    }
}
