//! Citations, as far as the formats have them in common: offsets from one unit to another, texts cut where they are cited.

mod ruler;

use std::cmp::Ordering;

use serde::Deserialize;
use sluice_types::{
    chat::Part,
    citation::{Citation, Place, Source, Span, characters},
};

pub(crate) use self::ruler::Ruler;
use super::{json::ObjectWriter, openai_chat::Number};

/// The members that say where in a document the cited words stand.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Places {
    start_char_index: Number,
    end_char_index: Number,
    start_page_number: Number,
    end_page_number: Number,
    start_block_index: Number,
    end_block_index: Number,
}

impl Places {
    /// Where in its document the words of a citation stand.
    pub(crate) fn place(&self) -> Option<Place> {
        span(&self.start_char_index, &self.end_char_index)
            .map(Place::Characters)
            .or_else(|| span(&self.start_page_number, &self.end_page_number).map(Place::Pages))
            .or_else(|| span(&self.start_block_index, &self.end_block_index).map(Place::Blocks))
    }
}

/// From one number to another, if both are there.
pub(in crate::format) fn span(start: &Number, end: &Number) -> Option<Span> {
    Some(Span { start: start.0? as u32, end: end.0? as u32 })
}

/// Whether the citation can be told: those that mean nothing here only to callers of the format that they came in.
pub(crate) fn is_told(citation: &Citation<'_>, same_format: bool) -> bool {
    same_format && citation.raw.is_some() || citation.source != Source::Other
}

/// Puts `citation`, whose span counts all text of an answer, on the text among `parts` that its end lies in; all of it
/// is the last. Gives it back where there is no text.
pub(crate) fn attach<'a>(parts: &mut [Part<'a>], mut citation: Citation<'a>) -> Option<Citation<'a>> {
    let mut begin = 0_u32;
    let mut last = None;
    for part in parts {
        let Part::Text { text, citations, .. } = part else { continue };
        let length = characters(text);
        let end = begin.saturating_add(length);
        match &mut citation.span {
            Some(span) if span.end <= end => {
                span.start = span.start.saturating_sub(begin).min(length);
                span.end = span.end.saturating_sub(begin);
                citations.push(citation);
                return None;
            }
            _ => last = Some((citations, begin, length)),
        }
        begin = end;
    }
    let Some((citations, begin, length)) = last else { return Some(citation) };
    // Where the offsets point behind the text, they are not in the unit they should be in.
    citation.span = citation.span.map(|span| Span {
        start: span.start.saturating_sub(begin).min(length),
        end: span.end.saturating_sub(begin).min(length),
    });
    citations.push(citation);
    None
}

/// Every citation on `parts`, its span counting all text of the answer, and never left open.
pub(crate) fn all<'p, 'a>(parts: &'p [Part<'a>]) -> impl Iterator<Item = (&'p Citation<'a>, Span)> {
    let mut begin = 0_u32;
    parts.iter().flat_map(move |part| {
        let (citations, from, length) = match part {
            Part::Text { text, citations, .. } => (&citations[..], begin, characters(text)),
            _ => (&[][..], begin, 0),
        };
        begin = begin.saturating_add(length);
        citations.iter().map(move |citation| {
            let span = citation.span.unwrap_or(Span { start: 0, end: length });
            (citation, span.shifted(from))
        })
    })
}

/// `text` cut so that each piece is cited as a whole: the piece, and by which of `citations`. Pieces of nothing but
/// spaces belong to the one beside them.
pub(crate) fn pieces<'t, 'c, 'a>(
    text: &'t str,
    citations: &'c [Citation<'a>],
) -> Vec<(&'t str, Vec<&'c Citation<'a>>)> {
    let mut placed: Vec<(Span, &Citation<'_>)> =
        citations.iter().filter_map(|citation| Some((citation.span?, citation))).collect();
    placed.sort_by(|(a, _), (b, _)| match a.end.cmp(&b.end) {
        Ordering::Equal => a.start.cmp(&b.start),
        order => order,
    });
    let mut pieces: Vec<(&str, Vec<&Citation<'_>>)> = Vec::new();
    let (mut rest, mut at) = (text, 0_u32);
    let mut placed = placed.into_iter().peekable();
    while let Some((span, first)) = placed.next() {
        let mut start = if span.start == span.end { at } else { span.start.max(at) };
        let mut group = vec![first];
        while let Some((other, citation)) = placed.next_if(|(other, _)| other.end == span.end) {
            start = if other.start == other.end { start } else { start.min(other.start.max(at)) };
            group.push(citation);
        }
        let (before, cited) = split(rest, start.saturating_sub(at));
        let (cited, after) = split(cited, span.end.saturating_sub(start.max(at)));
        if cited.is_empty() {
            // What is cited was cited before.
            match pieces.last_mut() {
                Some((_, citations)) => citations.append(&mut group),
                None => pieces.push(("", group)),
            }
            continue;
        }
        if before.trim().is_empty() {
            pieces.push((split(rest, span.end.saturating_sub(at)).0, group));
        } else {
            pieces.push((before, Vec::new()));
            pieces.push((cited, group));
        }
        (rest, at) = (after, span.end.max(at));
    }
    match pieces.last_mut() {
        // Joined by where they lie in `text`, of which both are pieces.
        Some((last, _)) if rest.trim().is_empty() => {
            *last = text.get(text.len() - rest.len() - last.len()..).unwrap_or(last);
        }
        _ => pieces.push((rest, Vec::new())),
    }
    if let Some((_, last)) = pieces.last_mut() {
        last.extend(citations.iter().filter(|citation| citation.span.is_none()));
    }
    pieces
}

/// `text` cut behind so many characters.
pub(crate) fn split(text: &str, characters: u32) -> (&str, &str) {
    let at = text.char_indices().nth(characters as usize).map_or(text.len(), |(at, _)| at);
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// Writes where in a document a citation is, in the members that Anthropic has for it.
pub(crate) fn write_place(object: &mut ObjectWriter<'_>, place: Place) {
    let (start, end, Span { start: from, end: to }) = match place {
        Place::Characters(span) => ("start_char_index", "end_char_index", span),
        Place::Pages(span) => ("start_page_number", "end_page_number", span),
        Place::Blocks(span) => ("start_block_index", "end_block_index", span),
    };
    object.set(start, &from);
    object.set(end, &to);
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use sluice_types::citation::Source;

    use super::*;

    fn citation(span: Option<(u32, u32)>) -> Citation<'static> {
        let span = span.map(|(start, end)| Span { start, end });
        Citation { span, source: Source::Other, quote: None, raw: None }
    }

    fn cut(text: &str, spans: &[Option<(u32, u32)>]) -> Vec<(String, usize)> {
        let citations: Vec<_> = spans.iter().copied().map(citation).collect();
        pieces(text, &citations).into_iter().map(|(piece, cited)| (piece.to_owned(), cited.len())).collect()
    }

    #[test]
    fn a_text_is_cut_where_it_is_cited() {
        let told = |pieces: &[(&str, usize)]| {
            pieces.iter().map(|(piece, cited)| ((*piece).to_owned(), *cited)).collect::<Vec<_>>()
        };
        assert_eq!(cut("Cats purr.", &[]), told(&[("Cats purr.", 0)]));
        assert_eq!(
            cut("Känguru: Katze. Ende", &[Some((9, 15))]),
            told(&[("Känguru: ", 0), ("Katze.", 1), (" Ende", 0)])
        );
        // Points stand behind what was said before them, and spaces go with their neighbour.
        assert_eq!(cut("One. Two. ", &[Some((4, 4)), Some((9, 9))]), told(&[("One.", 1), (" Two. ", 1)]));
        assert_eq!(cut("One. Two.", &[Some((0, 4)), Some((2, 4)), None]), told(&[("One.", 2), (" Two.", 1)]));
        assert_eq!(cut("One.", &[Some((0, 99)), Some((50, 99))]), told(&[("One.", 2)]));
        assert_eq!(cut("", &[Some((0, 0))]), told(&[("", 1)]));
    }

    #[test]
    fn a_citation_of_the_whole_finds_its_part() {
        let mut parts =
            vec![Part::text("Ein Tür. "), Part::Refusal { text: "no".into() }, Part::text("Zwei.")];
        assert!(attach(&mut parts, citation(Some((9, 14)))).is_none());
        assert!(attach(&mut parts, citation(Some((4, 7)))).is_none());
        let told: Vec<_> = all(&parts).map(|(citation, span)| (citation.span.unwrap(), span)).collect();
        let span = |start, end| Span { start, end };
        assert_eq!(told, [(span(4, 7), span(4, 7)), (span(0, 5), span(9, 14))]);
        assert!(attach(&mut [], citation(None)).is_some());
    }

    proptest! {
        #[test]
        fn pieces_add_up_and_nothing_is_lost(
            text in "[a-cä漢 .]{0,24}",
            spans in vec(proptest::option::of((0_u32..30, 0_u32..30)), 0..6),
        ) {
            let cut = cut(&text, &spans);
            prop_assert_eq!(cut.iter().map(|(piece, _)| piece.as_str()).collect::<String>(), text);
            prop_assert_eq!(cut.iter().map(|(_, cited)| cited).sum::<usize>(), spans.len());
        }
    }
}
