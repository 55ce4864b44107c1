//! Citations of an answer that was given numbered passages: marks such as `[2]` are taken out of its text as it comes; those
//! whose passage says what they stand behind are told as citations, others are dropped and counted.
//!
//! Text is held back only while it may be a mark, and the blanks before one. What other citations say of places in the
//! provider's own text is forgotten: the text has become another.

use std::rc::Rc;

use sluice_providers::{collect::Collector, replay};
use sluice_retrieval::{
    cite::{Out, Reader, Tally, Written},
    context,
};
use sluice_types::{
    answer::Answer,
    citation::{Citation, Place, Source, Span},
    event::{Delta, Event},
};

use super::Grounds;

/// The most characters of a passage that a citation quotes.
const QUOTED: usize = 400;

/// A stream whose citations are read.
pub struct Stream {
    grounds: Rc<Grounds>,
    choices: Vec<(u32, Reader<'static>)>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream({} choices)", self.choices.len())
    }
}

/// The whole `answer`, its citations read.
pub fn answer(grounds: &Rc<Grounds>, answer: &Answer<'_>) -> Answer<'static> {
    let mut stream = Stream::new(grounds.clone());
    let mut collector = Collector::new(usize::MAX);
    replay::events(answer, &mut |event| stream.event(event, &mut |event| collector.event(&event)));
    let mut cited = collector.answer().unwrap_or_default();
    cited.usage = answer.usage;
    cited
}

impl Stream {
    /// A stream of an answer that was given these.
    pub fn new(grounds: Rc<Grounds>) -> Self {
        grounds.fared(Tally::default());
        Self { grounds, choices: Vec::new() }
    }

    /// Tells `emit` what becomes of `event`.
    pub fn event(&mut self, event: Event<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        match event {
            Event::Delta { choice, delta: Delta::Text(text) } => {
                let out = self.reader(choice).push(&text);
                self.tell(choice, out, emit);
            }
            Event::Delta { choice, delta: Delta::Citation(mut citation) } => {
                citation.unplace();
                emit(Event::Delta { choice, delta: Delta::Citation(citation) });
            }
            Event::Delta { choice, delta } => {
                self.settle(choice, emit);
                emit(Event::Delta { choice, delta });
            }
            Event::Finish { choice, finish } => {
                self.settle(choice, emit);
                emit(Event::Finish { choice, finish });
            }
            Event::Start { .. } | Event::Usage(_) | Event::End | Event::Failed(_) => emit(event),
        }
    }

    fn reader(&mut self, choice: u32) -> &mut Reader<'static> {
        let at = self.choices.iter().position(|(known, _)| *known == choice).unwrap_or_else(|| {
            let reader = Reader::new(self.grounds.compared.clone(), Written::Removed);
            self.choices.push((choice, reader));
            self.choices.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found or put there just now")]
        &mut self.choices[at].1
    }

    /// Tells what is held back.
    fn settle(&mut self, choice: u32, emit: &mut dyn FnMut(Event<'_>)) {
        if self.choices.iter().any(|(known, _)| *known == choice) {
            let out = self.reader(choice).finish();
            self.tell(choice, out, emit);
        }
    }

    fn tell(&self, choice: u32, out: Vec<Out>, emit: &mut dyn FnMut(Event<'_>)) {
        for out in out {
            let delta = match out {
                Out::Text(text) if text.is_empty() => continue,
                Out::Text(text) => Delta::Text(text.into()),
                Out::Citation(cited) => {
                    let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
                    let span =
                        Span { start: number(cited.start.characters), end: number(cited.end.characters) };
                    let Some(source) = self.grounds.sources().get(cited.passage) else { continue };
                    let Some(citation) = citation(&self.grounds, source, span) else { continue };
                    Delta::Citation(Box::new(citation))
                }
            };
            emit(Event::Delta { choice, delta });
        }
        let fared = self.choices.iter().fold(Tally::default(), |sum, (_, reader)| {
            let tally = reader.tally();
            Tally {
                kept: sum.kept + tally.kept,
                unsupported: sum.unsupported + tally.unsupported,
                unknown: sum.unknown + tally.unknown,
            }
        });
        self.grounds.fared(fared);
    }
}

/// A citation of a numbered passage.
fn citation(grounds: &Grounds, source: &context::Source, span: Span) -> Option<Citation<'static>> {
    let passage = grounds.passage(source)?;
    let mut files: Vec<&str> = Vec::new();
    for source in grounds.sources() {
        let file = grounds.passage(source).map_or("", |passage| &passage.file);
        if !files.contains(&file) {
            files.push(file);
        }
    }
    let index = files.iter().position(|file| *file == passage.file).and_then(|at| u32::try_from(at).ok());
    let quote: String = source.text.trim().chars().take(QUOTED).collect();
    Some(Citation {
        span: Some(span),
        source: Source::File {
            id: passage.file.clone().into(),
            name: Some(passage.filename.clone().into()),
            container: None,
            index,
            place: Some(Place::Characters(Span { start: source.start, end: source.end })),
        },
        quote: Some(quote.into()),
        raw: None,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use sluice_types::{
        answer::{Choice, Finish, FinishReason},
        chat::Part,
        json::Members,
        knowledge::{Attributes, Chunk, Passage},
    };

    use super::*;

    /// Grounds of two files.
    pub(crate) fn grounds() -> Rc<Grounds> {
        let texts = [
            ("file-1", "The lighthouse of Skagen was built in 1858. It is 46 metres high."),
            ("file-2", "Annual plans can be refunded within thirty days of the purchase."),
        ];
        let passages = texts.iter().zip([0.9, 0.8]).map(|((file, text), score)| Passage {
            store: "vs_1".to_owned(),
            file: (*file).to_owned(),
            filename: format!("{file}.md"),
            chunk: Chunk {
                ordinal: 0,
                text: (*text).to_owned(),
                headings: Vec::new(),
                page: None,
                start: 10,
                end: 10 + text.chars().count() as u32,
            },
            attributes: Attributes::new(),
            score,
        });
        let query = "How high is the lighthouse?".to_owned();
        Rc::new(Grounds::new(passages.collect(), query, 4_000, vec!["vs_1".to_owned()], 0))
    }

    const SAID: &str =
        "Äh, the lighthouse of Skagen is 46 metres high [1]. Penguins guard its golden door [2] [9].";

    #[test]
    fn what_holds_is_cited_with_its_file_and_place_and_the_rest_counted() {
        let grounds = grounds();
        let said = Choice {
            index: 0,
            parts: vec![Part::text(SAID)],
            finish: Finish::plain(FinishReason::Stop),
            extra: Members::default(),
        };
        let cited = answer(&grounds, &Answer { id: "a".into(), choices: vec![said], ..Answer::default() });
        let [Part::Text { text, citations, .. }] = &cited.choices[0].parts[..] else { panic!("a text") };
        assert_eq!(
            text.to_string(),
            "Äh, the lighthouse of Skagen is 46 metres high. Penguins guard its golden door."
        );
        let [citation] = &citations[..] else { panic!("one citation: {citations:?}") };
        assert_eq!(citation.span, Some(Span { start: 0, end: 46 }));
        let place = Some(Place::Characters(Span { start: 10, end: 75 }));
        let name = Some("file-1.md".into());
        let source = Source::File { id: "file-1".into(), name, container: None, index: Some(0), place };
        assert_eq!(citation.source, source);
        let told = grounds.told();
        assert_eq!((told.cited, told.dropped), (1, 2));
        assert_eq!(told.header(true), "passages=2; cited=1; dropped=2");
    }

    proptest! {
        #[test]
        fn a_stream_says_the_same_however_cut(cuts in proptest::collection::vec(0_usize..92, 0..20)) {
            let whole = run(&[SAID]);
            let characters: Vec<char> = SAID.chars().collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(characters.len())).collect();
            cuts.extend([0, characters.len()]);
            cuts.sort_unstable();
            let pieces: Vec<String> =
                cuts.windows(2).map(|cut| characters[cut[0]..cut[1]].iter().collect()).collect();
            prop_assert_eq!(run(&pieces.iter().map(String::as_str).collect::<Vec<_>>()), whole);
        }
    }

    /// The text, and each citation.
    fn run(pieces: &[&str]) -> (String, Vec<Citation<'static>>) {
        let mut stream = Stream::new(grounds());
        let (mut text, mut citations) = (String::new(), Vec::new());
        let mut emit = |event: Event<'_>| match event {
            Event::Delta { delta: Delta::Text(piece), .. } => text.push_str(&piece),
            Event::Delta { delta: Delta::Citation(citation), .. } => citations.push(citation.into_owned()),
            _ => {}
        };
        for piece in pieces {
            stream.event(Event::Delta { choice: 0, delta: Delta::Text((*piece).into()) }, &mut emit);
        }
        let finish = Finish::plain(FinishReason::Stop);
        stream.event(Event::Finish { choice: 0, finish }, &mut emit);
        (text, citations)
    }
}
