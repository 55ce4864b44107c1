//! A whole answer told as a stream, for callers who asked for one: from the builtin provider, from a provider that
//! ignored `stream`, from a store.

use sluice_types::{
    answer::Answer,
    chat::Part,
    citation::{Citation, Span, characters},
    event::{Delta, Event},
    json::Str,
};

use crate::format::cite;

/// The least length of a piece of text, in bytes; pieces end where a word does.
const PIECE: usize = 24;

/// Tells `answer` as events, text in pieces of a few words.
pub fn events(answer: &Answer<'_>, emit: &mut dyn FnMut(Event<'_>)) {
    emit(Event::Start { id: answer.id.borrowed(), model: answer.model.borrowed(), created: answer.created });
    for choice in &answer.choices {
        let mut tell = |delta: Delta<'_>| emit(Event::Delta { choice: choice.index, delta });
        let (mut calls, mut told) = (0, 0);
        for part in &choice.parts {
            match part {
                Part::Text { text, citations, .. } => {
                    text_of(text, citations, told, &mut tell);
                    told = told.saturating_add(characters(text));
                }
                Part::Refusal { text } => pieces(text, |piece| tell(Delta::Refusal(piece))),
                Part::Reasoning { text, signature } => {
                    pieces(text, |piece| tell(Delta::Reasoning(piece)));
                    if let Some(signature) = signature {
                        tell(Delta::Signature(signature.borrowed()));
                    }
                }
                Part::RedactedReasoning { data } => tell(Delta::RedactedReasoning(data.borrowed())),
                Part::ToolCall { id, name, arguments, .. } => {
                    tell(Delta::ToolCall { index: calls, id: id.borrowed(), name: name.borrowed() });
                    tell(Delta::Arguments { index: calls, json: arguments.borrowed() });
                    calls += 1;
                }
                // Not what a model says in a stream.
                Part::Image { .. }
                | Part::Document { .. }
                | Part::Audio { .. }
                | Part::ToolResult { .. }
                | Part::Other { .. } => {}
            }
        }
        emit(Event::Finish { choice: choice.index, finish: choice.finish.clone() });
    }
    if let Some(usage) = answer.usage {
        emit(Event::Usage(usage));
    }
    emit(Event::End);
}

/// Tells a text, and what it rests on as soon as the words are told; `told` characters were told before it.
fn text_of<'t>(text: &'t str, citations: &'t [Citation<'_>], told: u32, tell: &mut impl FnMut(Delta<'t>)) {
    let length = characters(text);
    let mut order: Vec<(Span, &Citation<'_>)> = citations
        .iter()
        .map(|citation| (citation.span.unwrap_or(Span { start: 0, end: length }), citation))
        .collect();
    order.sort_by_key(|(span, _)| span.end);
    let (mut rest, mut at) = (text, 0);
    for (span, citation) in order {
        let (before, after) = cite::split(rest, span.end.saturating_sub(at));
        pieces(before, |piece| tell(Delta::Text(piece)));
        (rest, at) = (after, span.end.max(at));
        let span = Some(span.shifted(told));
        tell(Delta::Citation(Box::new(Citation { span, ..citation.borrowed() })));
    }
    pieces(rest, |piece| tell(Delta::Text(piece)));
}

/// Cuts `text` into pieces of at least [`PIECE`] bytes that end before a space.
fn pieces<'t>(text: &'t str, mut tell: impl FnMut(Str<'t>)) {
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .char_indices()
            .find(|(at, c)| PIECE <= *at && c.is_whitespace())
            .map_or(rest.len(), |(at, _)| at);
        let (piece, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        tell(Str::from(piece));
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_add_up_to_the_text() {
        for text in
            ["", "one", "a few words that are longer than a piece of them ", "漢字漢字漢字漢字漢字漢字 漢字"]
        {
            let mut told = Vec::new();
            pieces(text, |piece| told.push(piece.to_string()));
            assert_eq!(told.concat(), text);
            assert!(told.iter().all(|piece| !piece.is_empty()));
        }
    }
}
