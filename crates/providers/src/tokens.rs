//! How many tokens a text has, roughly: for reservations before a call, and for bills where no provider counts.
//!
//! Every model counts in its own way, so this is an estimate by kinds of characters, read once and copied nowhere: a
//! Latin word is a token per six letters begun, a number one per three digits, punctuation one per two signs, spaces
//! one where there are several, a Chinese, Japanese or Korean character one, other letters one per three, and signs
//! such as emoji two each. Pictures and documents count flat.
//!
//! The rules come from what is commonly told of byte-pair vocabularies; they have not been fitted to any of them. Expect
//! English prose within a quarter of a provider's count, code and rare scripts within a factor of two. What is
//! estimated is marked so ([`Source::Estimated`]), and a provider's count always wins.
//!
//! [`Source::Estimated`]: sluice_types::usage::Source::Estimated

use sluice_types::{
    answer::Answer,
    chat::{Media, OutputFormat, Part, Request, Tool},
};

/// A picture, whatever its size.
const IMAGE: u64 = 1000;
/// A document whose text is not at hand.
const DOCUMENT: u64 = 3000;
/// What stands around a turn, a tool or a call.
const FRAME: u64 = 4;

/// Tokens of a text.
pub fn text(text: &str) -> u64 {
    let mut counter = Counter::default();
    counter.push_str(text);
    counter.total()
}

/// Tokens of a request: its conversation, its tools and the form it asks for.
pub fn request(request: &Request<'_>) -> u64 {
    let turns = request.turns.iter().map(|turn| FRAME.saturating_add(parts(&turn.parts)));
    let tools = request.tools.iter().map(tool);
    let output = match &request.output {
        OutputFormat::Schema { schema, .. } => text(schema.text()),
        OutputFormat::Text | OutputFormat::Json => 0,
    };
    turns.chain(tools).fold(output, u64::saturating_add)
}

/// Tokens of an answer, all its choices.
pub fn answer(answer: &Answer<'_>) -> u64 {
    answer.choices.iter().map(|choice| parts(&choice.parts)).fold(0, u64::saturating_add)
}

fn parts(all: &[Part<'_>]) -> u64 {
    all.iter().map(part).fold(0, u64::saturating_add)
}

/// Tokens of a piece of a turn.
pub fn part(part: &Part<'_>) -> u64 {
    match part {
        Part::Text { text: said, .. } | Part::Refusal { text: said } | Part::Reasoning { text: said, .. } => {
            text(said)
        }
        Part::Image { .. } => IMAGE,
        Part::Document { source: Media::Base64 { media_type, data }, .. }
            if media_type.starts_with("text/") =>
        {
            // Base64 is a third longer than its text, of which four letters make a token.
            bytes(data) * 3 / 16
        }
        Part::Document { .. } => DOCUMENT,
        // Ten tokens a second, at 48 kilobytes a second in base64.
        Part::Audio { data, .. } => bytes(data) / 6400,
        Part::ToolCall { name, arguments, .. } => {
            FRAME.saturating_add(text(name)).saturating_add(text(arguments))
        }
        Part::ToolResult { parts: result, .. } => FRAME.saturating_add(parts(result)),
        // Sealed bytes are longer than the thought within.
        Part::RedactedReasoning { data } => bytes(data) / 6,
        Part::Other { raw, .. } => text(raw.text()),
    }
}

fn tool(tool: &Tool<'_>) -> u64 {
    let told = match tool {
        Tool::Function { name, description, parameters, .. } => [
            text(name),
            description.as_deref().map_or(0, text),
            parameters.as_ref().map_or(0, |schema| text(schema.text())),
        ],
        Tool::Other { raw, .. } => [text(raw.text()), 0, 0],
    };
    told.into_iter().fold(FRAME, u64::saturating_add)
}

fn bytes(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX / 4)
}

/// Kinds of characters; a run of one kind is counted as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Space,
    Latin,
    Digit,
    Punctuation,
    Ideograph,
    Letter,
    Sign,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' => Self::Latin,
            '0'..='9' => Self::Digit,
            _ if c.is_whitespace() => Self::Space,
            _ if c.is_ascii() => Self::Punctuation,
            '\u{1100}'..='\u{11ff}'
            | '\u{2e80}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7af}'
            | '\u{f900}'..='\u{faff}' => Self::Ideograph,
            '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}' => Self::Ideograph,
            '\u{2010}'..='\u{2027}' => Self::Punctuation,
            _ if c.is_alphabetic() => Self::Letter,
            _ => Self::Sign,
        }
    }

    /// Tokens of a run that weighs so much.
    fn tokens(self, weight: u64) -> u64 {
        match self {
            // A single space goes with the word after it.
            Self::Space => u64::from(1 < weight),
            Self::Latin => weight.div_ceil(6),
            Self::Digit | Self::Letter => weight.div_ceil(3),
            Self::Punctuation => weight.div_ceil(2),
            Self::Ideograph => weight,
            Self::Sign => weight.saturating_mul(2),
        }
    }
}

/// Counts a text that comes piece by piece.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    done: u64,
    kind: Kind,
    /// The weight of the run that goes on.
    weight: u64,
}

impl Counter {
    /// Takes one more character.
    pub fn push(&mut self, c: char) {
        let kind = Kind::of(c);
        // A letter with an accent is rarely part of a longer token; a line's end is one by itself.
        let heavy = (kind == Kind::Latin && !c.is_ascii()) || c == '\n';
        self.run(kind, if heavy { 2 } else { 1 });
    }

    /// Takes more of the text.
    pub fn push_str(&mut self, text: &str) {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let length = match first {
                // Most text is words in plain letters: they are taken whole.
                'a'..='z' | 'A'..='Z' => {
                    let length = rest.bytes().position(|b| !b.is_ascii_alphabetic()).unwrap_or(rest.len());
                    self.run(Kind::Latin, u64::try_from(length).unwrap_or(u64::MAX));
                    length
                }
                ' ' => {
                    self.run(Kind::Space, 1);
                    1
                }
                _ => {
                    self.push(first);
                    first.len_utf8()
                }
            };
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    fn run(&mut self, kind: Kind, weight: u64) {
        if kind != self.kind {
            *self = Self { done: self.total(), kind, weight: 0 };
        }
        self.weight = self.weight.saturating_add(weight);
    }

    /// Tokens so far.
    pub fn total(&self) -> u64 {
        self.done.saturating_add(self.kind.tokens(self.weight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_about_a_token_a_word() {
        assert_eq!(text(""), 0);
        assert_eq!(text("The quick brown fox jumps over the lazy dog."), 10);
        assert_eq!(text("internationalisation"), 4);
        assert_eq!(text("1234567"), 3);
    }

    #[test]
    fn scripts_differ() {
        assert_eq!(text("今日は天気"), 5);
        assert_eq!(text("привет"), 2);
        assert_eq!(text("🙂🙂"), 4);
        assert_eq!(text("a\nb"), 3);
    }

    #[test]
    fn pieces_count_as_the_whole() {
        let whole = "Ein längerer Satz,\n  mit 12345 Zeichen; 你好!";
        let mut counter = Counter::default();
        for piece in whole.split_inclusive(' ') {
            counter.push_str(piece);
        }
        assert_eq!(counter.total(), text(whole));
    }

    #[test]
    fn a_request_counts_all_that_is_sent() {
        let body = br#"{"model":"m","max_tokens":9,"system":"Be brief.","tools":[{"name":"f","input_schema":{"type":"object"}}],
            "messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image","source":{"type":"url","url":"u"}}]}]}"#;
        let request = crate::format::anthropic_messages::read_request(body).unwrap();
        let counted = super::request(&request);
        assert!((1010..1040).contains(&counted), "{counted}");
    }
}
