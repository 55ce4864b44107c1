//! Citations in an answer: read from its text as it comes, checked, and told with their places.
//!
//! A mark stands behind the statement it is for. The statement is the text since the sentence began, or since the mark
//! before where a sentence has several; a mark at the very beginning of a sentence is for the one before. A citation whose passage does not support its
//! statement is dropped and counted, and so is one of a passage that was not given. Text is never held back, but for
//! what may be the beginning of a mark and the blank before it.

pub mod marks;
mod opposites;
pub mod support;

use std::rc::Rc;

use marks::{Marks, Piece};
use support::{KEPT, Passages};

use crate::text::sentences;

/// Longest text that is looked back at, in bytes.
const LONGEST: usize = 4_000;

/// What becomes of the marks in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// They are taken out: the protocol tells citations apart from the text.
    Removed,
    /// Those of kept citations stay, as `[1]`.
    Kept,
}

/// A place in the answer's text as it is handed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// In bytes.
    pub bytes: usize,
    /// In characters.
    pub characters: usize,
}

/// A citation that holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Citation {
    /// The passage, counted from 0.
    pub passage: usize,
    /// Where the statement begins.
    pub start: Place,
    /// Where it ends, which is where the mark is or was.
    pub end: Place,
    /// How well the passage supports it, 0 to 1.
    pub support: f32,
}

/// What comes of a piece of the answer, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    /// Text to hand on.
    Text(String),
    /// A citation of the text before.
    Citation(Citation),
}

/// How citations fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Kept.
    pub kept: u32,
    /// Dropped: the passage does not say so.
    pub unsupported: u32,
    /// Dropped: no such passage was given.
    pub unknown: u32,
}

/// Reads an answer's citations.
#[derive(Debug)]
pub struct Reader<'e> {
    passages: Rc<Passages<'e>>,
    written: Written,
    marks: Marks,
    tally: Tally,
    /// Text of the sentence that goes on, and of the one before.
    recent: String,
    /// Where `recent` begins.
    recent_at: Place,
    /// Where the statement that goes on begins, in `recent`.
    statement: usize,
    /// The statement that the last mark was for, for marks that follow it at once.
    last: Option<std::ops::Range<usize>>,
    at: Place,
    /// Blanks held back, which go where a mark behind them does.
    blanks: String,
    /// Whether a mark was taken out behind those blanks.
    taken_out: bool,
}

impl<'e> Reader<'e> {
    /// A reader of an answer that was given these passages, numbered from 1 in this order.
    #[must_use]
    pub fn new(passages: Rc<Passages<'e>>, written: Written) -> Self {
        Self {
            passages,
            written,
            marks: Marks::default(),
            tally: Tally::default(),
            recent: String::new(),
            recent_at: Place::default(),
            statement: 0,
            last: None,
            at: Place::default(),
            blanks: String::new(),
            taken_out: false,
        }
    }

    /// Takes the next piece of the answer.
    pub fn push(&mut self, text: &str) -> Vec<Out> {
        let pieces = self.marks.push(text);
        self.take(pieces)
    }

    /// The end of the answer.
    pub fn finish(&mut self) -> Vec<Out> {
        let rest = self.marks.finish();
        let mut out = self.take(rest);
        let blanks = std::mem::take(&mut self.blanks);
        if !self.taken_out {
            self.emit(&blanks, &mut out);
        }
        out
    }

    /// How citations fared so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn take(&mut self, pieces: impl IntoIterator<Item = Piece>) -> Vec<Out> {
        let mut out = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    let blanks = std::mem::take(&mut self.blanks);
                    // "so [1]." and "so [1] and": where the mark is gone, the blank before it is one too many.
                    let one_too_many =
                        std::mem::take(&mut self.taken_out) && text.starts_with(follows_at_once);
                    let text = if one_too_many { text } else { blanks + &text };
                    let solid = text.trim_end_matches(' ').len();
                    let (solid, blanks) = text.split_at_checked(solid).unwrap_or((&text, ""));
                    self.emit(solid, &mut out);
                    blanks.clone_into(&mut self.blanks);
                }
                Piece::Mark { numbers, .. } => self.mark(&numbers, &mut out),
            }
        }
        out
    }

    fn emit(&mut self, text: &str, out: &mut Vec<Out>) {
        if text.is_empty() {
            return;
        }
        self.recent.push_str(text);
        self.at.bytes += text.len();
        self.at.characters += text.chars().count();
        match out.last_mut() {
            Some(Out::Text(last)) => last.push_str(text),
            _ => out.push(Out::Text(text.to_owned())),
        }
        if text.chars().any(char::is_alphanumeric) {
            self.last = None;
        }
        self.forget();
    }

    /// Keeps the last two sentences, and of a text without sentences the last part.
    fn forget(&mut self) {
        let sentences = sentences(&self.recent);
        let second_last =
            sentences.len().checked_sub(2).and_then(|at| sentences.get(at)).map_or(0, |range| range.start);
        let start = if self.recent.len() - second_last <= LONGEST {
            second_last
        } else {
            let cut = self.recent.len() - LONGEST / 2;
            (cut..self.recent.len()).find(|at| self.recent.is_char_boundary(*at)).unwrap_or(self.recent.len())
        };
        if start == 0 {
            return;
        }
        let gone: String = self.recent.drain(..start).collect();
        self.recent_at.bytes += gone.len();
        self.recent_at.characters += gone.chars().count();
        self.statement = self.statement.saturating_sub(start);
        self.last = self.last.take().and_then(|last| Some(last.start.checked_sub(start)?..last.end - start));
    }

    fn mark(&mut self, numbers: &[u32], out: &mut Vec<Out>) {
        let statement = self.cited();
        let text = without_marks(self.recent.get(statement.clone()).unwrap_or_default());
        let (start, end) = (self.place(statement.start), self.place(statement.end));
        let mut kept = Vec::new();
        for number in numbers {
            let passage = (*number as usize).checked_sub(1).filter(|passage| *passage < self.passages.len());
            let Some(passage) = passage else {
                self.tally.unknown += 1;
                continue;
            };
            let support = self.passages.support(&text, passage);
            if support < KEPT {
                self.tally.unsupported += 1;
            } else {
                self.tally.kept += 1;
                kept.push((number, Citation { passage, start, end, support }));
            }
        }
        if self.written == Written::Kept && !kept.is_empty() {
            let blanks = std::mem::take(&mut self.blanks);
            let marks: String = kept.iter().map(|(number, _)| format!("[{number}]")).collect();
            self.emit(&(blanks + &marks), out);
            self.taken_out = false;
        }
        self.taken_out |= self.written == Written::Removed || kept.is_empty();
        out.extend(kept.into_iter().map(|(_, citation)| Out::Citation(citation)));
        self.statement = self.recent.len();
        self.last = Some(statement);
    }

    /// What a mark here is for, in `recent`.
    fn cited(&self) -> std::ops::Range<usize> {
        if let Some(last) = &self.last {
            return last.clone();
        }
        let ranges = sentences(&self.recent);
        let Some(sentence) = ranges.last() else { return 0..0 };
        // A sentence without a telling word of its own, such as a lone full stop, belongs to the one before.
        let telling = |range: &std::ops::Range<usize>| {
            self.recent.get(range.clone()).is_some_and(|text| {
                text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count() >= 3
            })
        };
        let since = self.statement.max(sentence.start)..sentence.end;
        if telling(&since) {
            return since;
        }
        if telling(sentence) {
            return sentence.clone();
        }
        let before = ranges
            .len()
            .checked_sub(2)
            .and_then(|at| ranges.get(at))
            .map_or(sentence.start, |range| range.start);
        before..sentence.end
    }

    fn place(&self, at: usize) -> Place {
        let before = self.recent.get(..at).unwrap_or_default();
        Place {
            bytes: self.recent_at.bytes + before.len(),
            characters: self.recent_at.characters + before.chars().count(),
        }
    }
}

/// Signs and blanks that stand right behind a word.
fn follows_at_once(character: char) -> bool {
    character.is_whitespace() || matches!(character, '.' | ',' | ';' | ':' | '!' | '?' | ')' | '。' | '，')
}

fn without_marks(text: &str) -> String {
    let mut marks = Marks::default();
    let pieces = marks.push(text).into_iter().chain(marks.finish());
    pieces.filter_map(|piece| if let Piece::Text(text) = piece { Some(text) } else { None }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXTS: [&str; 2] = [
        "The lighthouse of Skagen was built in 1858. It is 46 metres high and stands north of the town.",
        "Annual plans can be refunded within thirty days of the purchase.",
    ];

    /// The text handed on, and each citation as passage and statement.
    fn read(parts: &[&str], written: Written) -> (String, Vec<(usize, String)>, Tally) {
        let passages = Rc::new(Passages::new(TEXTS, None));
        let mut reader = Reader::new(passages.clone(), written);
        let mut out: Vec<Out> = parts.iter().flat_map(|part| reader.push(part)).collect();
        out.extend(reader.finish());
        let text: String = out
            .iter()
            .filter_map(|one| if let Out::Text(text) = one { Some(text.as_str()) } else { None })
            .collect();
        let cited = out
            .iter()
            .filter_map(|one| if let Out::Citation(citation) = one { Some(citation) } else { None })
            .map(|citation| {
                let characters: Vec<char> = text.chars().collect();
                let statement: String =
                    characters[citation.start.characters..citation.end.characters].iter().collect();
                assert_eq!(text.get(citation.start.bytes..citation.end.bytes), Some(statement.as_str()));
                (citation.passage, statement)
            })
            .collect();
        (text, cited, reader.tally())
    }

    const ANSWER: &str = "Äh: the lighthouse of Skagen is 46 metres high [1]. Annual plans can be refunded within \
thirty days. [2] The lighthouse was built in 1858 [1] [2] and penguins guard its door [1, 7]!";

    #[test]
    fn citations_that_hold_are_told_and_others_dropped() {
        let (text, cited, tally) = read(&[ANSWER], Written::Removed);
        assert_eq!(
            text,
            "Äh: the lighthouse of Skagen is 46 metres high. Annual plans can be refunded within \
thirty days. The lighthouse was built in 1858 and penguins guard its door!"
        );
        let cited: Vec<(usize, &str)> =
            cited.iter().map(|(passage, text)| (*passage, text.as_str())).collect();
        assert_eq!(
            cited,
            [
                (0, "Äh: the lighthouse of Skagen is 46 metres high"),
                (1, "Annual plans can be refunded within thirty days."),
                (0, "The lighthouse was built in 1858"),
            ]
        );
        assert_eq!(tally, Tally { kept: 3, unsupported: 2, unknown: 1 });
    }

    #[test]
    fn marks_may_stay_where_they_hold() {
        let (text, cited, _) = read(&[ANSWER], Written::Kept);
        assert_eq!(
            text,
            "Äh: the lighthouse of Skagen is 46 metres high [1]. Annual plans can be refunded within \
thirty days. [2] The lighthouse was built in 1858 [1] and penguins guard its door!"
        );
        assert_eq!(cited.len(), 3);
    }

    #[test]
    fn an_answer_without_marks_goes_through_as_it_is() {
        for text in ["Plain text, a[b] and `x[1]`. \n\n- item  ", "", "  ", "[1"] {
            assert_eq!(read(&[text], Written::Removed).0, text);
        }
        assert_eq!(read(&["[1] [2]"], Written::Removed).2.kept, 0);
    }

    #[test]
    fn a_text_without_sentences_is_looked_back_at_in_part() {
        let long = "word ".repeat(3_000)
            + "the lighthouse of Skagen is 46 metres high\nIt stands north of the town [1].";
        let parts: Vec<&str> = long.split_inclusive(' ').collect();
        let (text, cited, _) = read(&parts, Written::Removed);
        assert_eq!(text.len(), long.len() - 4);
        assert_eq!(cited, [(0, "It stands north of the town".to_owned())]);
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..30), kept in any::<bool>()) {
            let characters: Vec<char> = ANSWER.chars().collect();
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(characters.len() + 1)).collect();
            places.extend([0, characters.len()]);
            places.sort_unstable();
            let parts: Vec<String> = places.windows(2).map(|pair| characters[pair[0]..pair[1]].iter().collect()).collect();
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let written = if kept { Written::Kept } else { Written::Removed };
            prop_assert_eq!(read(&parts, written), read(&[ANSWER], written));
        }
    }
}
