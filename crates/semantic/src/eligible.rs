//! Which turns may be answered by meaning. What is refused here can still be answered by exact match.

use crate::model::{Counts, Model, Piece};

/// Fewest pieces a turn must have: shorter ones ("why?") mean what the turns before them say.
pub const MIN_PIECES: u32 = 3;
/// Most pieces: longer texts come out alike whatever they ask.
pub const MAX_PIECES: u32 = 64;
/// Largest share of unknown pieces: past it the vector says little, and other scripts all come out alike.
pub const MAX_UNKNOWN: f32 = 0.10;

/// Why a turn is not answered by meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Fewer than [`MIN_PIECES`].
    TooShort,
    /// More than [`MAX_PIECES`]; a text with a quoted context is one of these, or [`Refusal::Context`].
    TooLong,
    /// More than [`MAX_UNKNOWN`] unknown, or letters of a script the model does not read.
    Script,
    /// It carries a passage or code to work on, which would outweigh what is asked about it.
    Context,
    /// What is asked changes with time ("today", "latest"); allowed where the entry's life is short.
    Dated,
    /// It asks about the asker ("my order"); allowed where the scope is one user.
    Personal,
}

impl Refusal {
    /// The word for it in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Script => "script",
            Self::Context => "context",
            Self::Dated => "dated",
            Self::Personal => "personal",
        }
    }
}

/// What the caller's scope makes safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Entries are one end user's own.
    pub one_user: bool,
    /// Entries live an hour at most.
    pub short_lived: bool,
}

const DATED: &[&str] = &[
    "today",
    "tonight",
    "tomorrow",
    "yesterday",
    "now",
    "currently",
    "latest",
    "newest",
    "nowadays",
    "recent",
    "recently",
    "upcoming",
];
/// Words that introduce a passage to work on.
const CONTEXT: &[&str] = &[
    "context:",
    "passage:",
    "document:",
    "documents:",
    "text:",
    "article:",
    "source:",
    "sources:",
    "excerpt:",
    "following text",
    "following passage",
    "based on the",
    "according to the text",
    "according to the passage",
    "given the following",
    "use the following",
    "below:",
    "above text",
];

/// Whether `text` may be answered by meaning within `scope`.
///
/// # Errors
///
/// The first [`Refusal`] that applies.
pub fn check(model: &Model<'_>, text: &str, scope: Scope) -> Result<Counts, Refusal> {
    // Not worth cutting into pieces: no piece is longer than its text.
    if (MAX_PIECES as usize) * 24 < text.len() {
        return Err(Refusal::TooLong);
    }
    let counts = model.tokenize(text, |_: Piece| ());
    let lower = text.to_lowercase();
    let has = |list: &[&str]| {
        lower.split(|c: char| !c.is_alphanumeric() && c != '\'').any(|word| list.contains(&word))
    };
    if !is_readable(text, counts) {
        Err(Refusal::Script)
    } else if MAX_PIECES < counts.pieces {
        Err(Refusal::TooLong)
    } else if counts.pieces < MIN_PIECES {
        Err(Refusal::TooShort)
    } else if text.contains("```")
        || 2 < text.trim().lines().count()
        || text.contains("\n\n")
        || CONTEXT.iter().any(|c| lower.contains(c))
    {
        Err(Refusal::Context)
    } else if !scope.short_lived && has(DATED) {
        Err(Refusal::Dated)
    } else if !scope.one_user && has(PERSONAL) && !GENERIC.iter().any(|opening| lower.contains(opening)) {
        Err(Refusal::Personal)
    } else {
        Ok(counts)
    }
}

/// Whether the model can say what `text`, cut as `counts`, is about: its words are known, its letters Latin. All other
/// scripts come out alike.
#[must_use]
pub fn is_readable(text: &str, counts: Counts) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let foreign = text.chars().filter(|c| c.is_alphabetic() && !is_latin(*c)).count();
    counts.unknown_share() <= MAX_UNKNOWN && 10 * foreign <= letters
}

const PERSONAL: &[&str] = &["my", "mine", "our", "ours"];
/// Openings under which "my" is anyone's: how a thing is done does not depend on who asks.
const GENERIC: &[&str] = &[
    "how do i ",
    "how can i ",
    "how to ",
    "how should i ",
    "how would i ",
    "what should i ",
    "can i ",
    "what is the best way",
];

/// Letters of the Latin blocks.
fn is_latin(c: char) -> bool {
    matches!(u32::from(c), 0x41..=0x24F | 0x1E00..=0x1EFF | 0xFB00..=0xFB06 | 0xFF21..=0xFF5A)
}
