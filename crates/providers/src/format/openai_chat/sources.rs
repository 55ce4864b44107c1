//! Sources told beside an answer instead of on its words: Perplexity's and xAI's `citations` and `search_results`. Marks in
//! the text, such as `[2]`, say which words rest on which; without any mark all of the text rests on all of them.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    citation::{Citation, Source, Span, characters},
    json::Str,
};

use super::wire::{Many, Text};

/// Marks beyond these are not looked for.
const MAX_MARKS: usize = 500;

/// Where a text's marks are, found as it comes.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Characters told so far.
    told: u32,
    open: Option<Open>,
    /// The numbers found, each with where its mark is.
    found: Vec<(u32, Span)>,
}

/// A bracket that may become a mark.
#[derive(Clone, Copy, Debug)]
struct Open {
    start: u32,
    digits: u32,
    number: u32,
}

impl Marks {
    /// Goes on with `text`.
    pub(super) fn push(&mut self, text: &str) {
        if self.open.is_none() && memchr::memchr(b'[', text.as_bytes()).is_none() {
            self.told = self.told.saturating_add(characters(text));
            return;
        }
        for c in text.chars() {
            self.open = match (self.open, c, c.to_digit(10)) {
                (_, '[', _) => Some(Open { start: self.told, digits: 0, number: 0 }),
                (Some(open), _, Some(digit)) if open.digits < 3 => {
                    Some(Open { digits: open.digits + 1, number: open.number * 10 + digit, ..open })
                }
                (Some(open), ']', _) if 0 < open.digits && self.found.len() < MAX_MARKS => {
                    let span = Span { start: open.start, end: self.told.saturating_add(1) };
                    self.found.push((open.number, span));
                    None
                }
                _ => None,
            };
            self.told = self.told.saturating_add(1);
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Found<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    snippet: Text<'a>,
}

/// What `citations` and `search_results` say of a text with these marks.
pub(super) fn read<'a>(
    citations: Option<&'a RawValue>,
    search_results: Option<&'a RawValue>,
    marks: &Marks,
) -> Vec<Citation<'a>> {
    let results = search_results.and_then(|raw| serde_json::from_str::<Many<Found<'a>>>(raw.get()).ok());
    let results: Vec<(Str<'a>, Option<Str<'a>>, Option<Str<'a>>)> = results
        .unwrap_or_default()
        .0
        .into_iter()
        .filter_map(|found| Some((found.url.said()?, found.title.said(), found.snippet.said())))
        .collect();
    let urls = citations.and_then(|raw| serde_json::from_str::<Many<Text<'a>>>(raw.get()).ok());
    let mut urls: Vec<Str<'a>> = urls.unwrap_or_default().0.into_iter().filter_map(Text::said).collect();
    if urls.is_empty() {
        urls = results.iter().map(|(url, ..)| url.clone()).collect();
    }
    let citation = |url: &Str<'a>, span| {
        let known = results.iter().find(|(known, ..)| known == url);
        Citation {
            span,
            source: Source::Page { url: url.clone(), title: known.and_then(|(_, title, _)| title.clone()) },
            quote: known.and_then(|(.., snippet)| snippet.clone()),
            raw: None,
        }
    };
    let marked: Vec<_> = marks
        .found
        .iter()
        .filter_map(|(number, span)| {
            let url = urls.get((*number as usize).checked_sub(1)?)?;
            Some(citation(url, Some(*span)))
        })
        .collect();
    if marked.is_empty() { urls.iter().map(|url| citation(url, None)).collect() } else { marked }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(texts: &[&str]) -> Vec<(u32, u32, u32)> {
        let mut marks = Marks::default();
        texts.iter().for_each(|text| marks.push(text));
        marks.found.into_iter().map(|(number, span)| (number, span.start, span.end)).collect()
    }

    #[test]
    fn marks_are_found_however_cut() {
        let text = "Känguru[1][12], [a], [] [1234] a[3";
        let whole = told(&[text, "]"]);
        assert_eq!(whole, [(1, 7, 10), (12, 10, 14), (3, 32, 35)]);
        let letters: Vec<String> = text.chars().chain([']']).map(String::from).collect();
        assert_eq!(told(&letters.iter().map(String::as_str).collect::<Vec<_>>()), whole);
    }

    #[test]
    fn without_marks_all_rests_on_all() {
        let urls: &RawValue = serde_json::from_str(r#"["https://a.test","https://b.test",7]"#).unwrap();
        let results: &RawValue =
            serde_json::from_str(r#"[{"url":"https://b.test","title":"B"},{"title":"no address"}]"#).unwrap();
        let mut marks = Marks::default();
        let all = read(Some(urls), Some(results), &marks);
        assert_eq!(all.iter().map(|citation| citation.span).collect::<Vec<_>>(), [None, None]);
        assert_eq!(all[1].source.names(), (Some("https://b.test"), Some("B")));
        marks.push("so[2] and [9]");
        let one = read(Some(urls), Some(results), &marks);
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].span, Some(Span { start: 2, end: 5 }));
        assert!(read(None, None, &marks).is_empty());
    }
}
