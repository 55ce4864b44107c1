//! Citation marks in a text that comes in pieces, cut anywhere.
//!
//! `[1]`, `[1, 3]`, `[2-4]`, `[^1]` and `【1†source】` are marks. Code, between backticks, holds none: `list[1]` there is
//! an index. Neither do brackets with anything else in them, nor numbers of three digits and more (`[2024]`).

/// What a text was taken apart into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text that is no mark.
    Text(String),
    /// A mark.
    Mark {
        /// As it was written.
        written: String,
        /// The numbers it names, ascending.
        numbers: Vec<u32>,
    },
}

/// Longest mark, in bytes; what goes on longer is text.
const LONGEST: usize = 48;
/// Most numbers that a range may name.
const WIDEST: u32 = 20;

/// Takes a text apart as it comes.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// What may become a mark, from its bracket on.
    held: String,
    /// Backticks that opened the code the text is in; 0 outside.
    code: usize,
    /// Backticks just read.
    ticks: usize,
}

impl Marks {
    /// Takes the next piece of the text. What may be the beginning of a mark is held back.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        let mut out = Vec::new();
        let mut plain = String::new();
        for character in text.chars() {
            self.read(character, &mut plain, &mut out);
        }
        flush(&mut plain, &mut out);
        out
    }

    /// What was still held back, at the end of the text.
    pub fn finish(&mut self) -> Option<Piece> {
        self.ticks = 0;
        self.code = 0;
        (!self.held.is_empty()).then(|| Piece::Text(std::mem::take(&mut self.held)))
    }

    fn read(&mut self, character: char, plain: &mut String, out: &mut Vec<Piece>) {
        if self.held.is_empty() {
            self.count_ticks(character);
            if self.code == 0 && self.ticks == 0 && matches!(character, '[' | '【') {
                self.held.push(character);
            } else {
                plain.push(character);
            }
            return;
        }
        let wide = self.held.starts_with('【');
        if character == if wide { '】' } else { ']' } {
            self.held.push(character);
            let written = std::mem::take(&mut self.held);
            match numbers(&written) {
                Some(numbers) => {
                    flush(plain, out);
                    out.push(Piece::Mark { written, numbers });
                }
                None => plain.push_str(&written),
            }
            return;
        }
        let may_stand = character.is_ascii_digit()
            || matches!(character, ',' | ' ' | '-' | '–' | '^' | ';' | '†' | ':')
            || self.held.contains('†') && !character.is_control();
        if may_stand && self.held.len() < LONGEST {
            self.held.push(character);
        } else {
            plain.push_str(&std::mem::take(&mut self.held));
            self.read(character, plain, out);
        }
    }

    /// Code begins with one or more backticks and ends with as many; inline code does not outlive its paragraph's line.
    fn count_ticks(&mut self, character: char) {
        if character == '`' {
            self.ticks += 1;
            return;
        }
        match (self.ticks, self.code) {
            (0, _) => {}
            // Two at once are empty code.
            (2, 0) => {}
            (ticks, 0) => self.code = ticks,
            (ticks, open) if ticks == open => self.code = 0,
            _ => {}
        }
        self.ticks = 0;
        if character == '\n' && self.code < 3 {
            self.code = 0;
        }
    }
}

fn flush(plain: &mut String, out: &mut Vec<Piece>) {
    if !plain.is_empty() {
        out.push(Piece::Text(std::mem::take(plain)));
    }
}

/// The numbers of a whole mark; `None` where it is none.
fn numbers(written: &str) -> Option<Vec<u32>> {
    let inner = written.trim_matches(['[', ']', '【', '】']);
    // 【4:0†file.pdf】 and 【1†source】: the first number is the passage's.
    let inner = match inner.split_once('†') {
        Some((number, _)) => number.split(':').next().unwrap_or(number),
        None => inner,
    };
    let mut out = Vec::new();
    for part in inner.split([',', ';']) {
        let part = part.trim().trim_start_matches('^');
        let number = |text: &str| {
            let text = text.trim();
            (1..=2).contains(&text.len()).then(|| text.parse::<u32>().ok()).flatten()
        };
        match part.split_once(['-', '–']) {
            Some((from, to)) => {
                let (from, to) = (number(from)?, number(to)?);
                if to < from || from + WIDEST < to {
                    return None;
                }
                out.extend(from..=to);
            }
            None => out.push(number(part)?),
        }
    }
    out.sort_unstable();
    out.dedup();
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Marks as `<1,3>`, the text around them as it is.
    fn shown(pieces: &[Piece]) -> String {
        let one = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Mark { numbers, .. } => {
                let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                format!("<{}>", numbers.join(","))
            }
        };
        pieces.iter().map(one).collect()
    }

    fn taken(parts: &[&str]) -> String {
        let mut marks = Marks::default();
        let mut pieces: Vec<Piece> = parts.iter().flat_map(|part| marks.push(part)).collect();
        pieces.extend(marks.finish());
        shown(&pieces)
    }

    #[test]
    fn marks_are_told_from_other_brackets() {
        for (text, expected) in [
            ("A [1]. B [1, 3]; C[2][4].", "A <1>. B <1,3>; C<2><4>."),
            ("【1】 and 【2†source】 and 【4:0†a file.pdf】", "<1> and <2> and <4>"),
            ("[2-4] [1–2] [^3] [3,1,3]", "<2,3,4> <1,2> <3> <1,3>"),
            ("[2024] [a] [] [x](y) [1.5] [1", "[2024] [a] [] [x](y) [1.5] [1"),
            ("[[1]] [ 2 ]", "[<1>] < 2 >".replace("< 2 >", "<2>").as_str()),
            ("`list[1]` [1]", "`list[1]` <1>"),
            ("```\na[1]\n``b[2]``\n```\nso [1]", "```\na[1]\n``b[2]``\n```\nso <1>"),
            ("an odd ` tick\n[1]", "an odd ` tick\n<1>"),
            ("[4-2] [1-99]", "[4-2] [1-99]"),
        ] {
            assert_eq!(taken(&[text]), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(text in "[ab \\[\\]0-9,`\n【】†^-]{0,60}", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            let characters: Vec<char> = text.chars().collect();
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(characters.len() + 1)).collect();
            places.extend([0, characters.len()]);
            places.sort_unstable();
            let parts: Vec<String> = places.windows(2).map(|pair| characters[pair[0]..pair[1]].iter().collect()).collect();
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            prop_assert_eq!(taken(&parts), taken(&[&text]));
        }

        #[test]
        fn nothing_is_lost(text in "[ab \\[\\]0-9,`\n【】†^-]{0,60}") {
            let mut marks = Marks::default();
            let mut pieces = marks.push(&text);
            pieces.extend(marks.finish());
            let written: String = pieces
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text,
                    Piece::Mark { written, .. } => written,
                })
                .collect();
            prop_assert_eq!(written, text);
        }
    }
}
