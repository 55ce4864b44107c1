//! One pass over text for everything that has a place in it: personal data, secrets, placeholders, links.
//!
//! The text is cut into segments by a rule that looks only at the text itself: a run of characters without blanks,
//! joined with what may continue it (groups of a number, words of an address). A detector sees one closed segment and
//! at most [`LEFT`] characters to its left. So a stream and a whole text, which close the same segments, cannot
//! disagree, and what a stream must hold back is its open segment and nothing else.

mod quiet;
mod segment;

use std::{cell::RefCell, ops::Range};

pub(crate) use segment::{Ended, Flags, Segment};

use crate::{exfiltration, pii, redact, secrets, text};

/// Characters to the left of a segment that a detector may read.
pub(crate) const LEFT: usize = 60;

/// Bytes a segment may have before it is cut although it could go on.
pub(crate) const CAP: usize = 256;

/// Bytes of a token that is known to be a secret or a link before it is cut.
pub(crate) const TOKEN_CAP: usize = 4096;

/// What a pass looks for.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Personal data of these kinds; `None` for none.
    pub pii: Option<pii::Settings>,
    /// Keys, tokens, passwords.
    pub secrets: bool,
    /// Placeholders such as `[EMAIL_1]`, or what looks like one.
    pub placeholders: bool,
    /// Whether it matters that a placeholder stands inside a link.
    pub in_links: bool,
    /// Links and images to hosts outside this list.
    pub links: Option<exfiltration::Hosts>,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Personal data.
    Pii(pii::Kind),
    /// A credential, by its kind.
    Secret(&'static str),
    /// A placeholder, or what looks like one; `in_url` where the text around it is a link.
    Placeholder {
        /// Whether it stands inside a link.
        in_url: bool,
    },
    /// A link that may carry data out.
    Link(exfiltration::Reason),
}

impl What {
    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pii(kind) => kind.name(),
            Self::Secret(kind) => kind,
            Self::Placeholder { .. } => "placeholder",
            Self::Link(reason) => reason.name(),
        }
    }

    /// Which of two findings at one place counts; the higher.
    fn rank(self) -> u8 {
        match self {
            Self::Placeholder { .. } => 3,
            Self::Link(_) => 2,
            Self::Secret(_) => 1,
            Self::Pii(_) => 0,
        }
    }
}

/// One thing found, as bytes of the text it was found in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub range: Range<usize>,
    pub what: What,
}

/// What is remembered from one segment to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carry {
    /// Whether the run before the current place belongs to a link.
    in_url: bool,
    /// Which link markup is open.
    markup: exfiltration::Markup,
    /// Bytes of the open segment that were already seen to belong to it.
    seen: usize,
    /// Bytes of a possible private key that were already looked at.
    block_seen: usize,
    /// What the words so far speak of.
    memo: RefCell<pii::Memo>,
}

impl Carry {
    /// The first `bytes` of the text are gone.
    pub fn moved(&mut self, bytes: usize) {
        self.memo.get_mut().moved(bytes);
    }
}

/// How far a pass came.
#[derive(Debug)]
pub(crate) enum Step {
    /// What follows may still grow: nothing can be said yet.
    Wait,
    /// This many bytes are settled.
    Take { bytes: usize, hits: Vec<Hit> },
}

impl Search {
    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.pii.is_none() && !self.secrets && !self.placeholders && self.links.is_none()
    }

    /// Settles some bytes of `text` from `from` on. The text before is its left context; `last` says that nothing
    /// follows. With `last` there is always something to take.
    pub(crate) fn step(&self, carry: &mut Carry, text: &str, from: usize, last: bool) -> Step {
        let mut at = from;
        let months = self.months();
        let skips = !self.follows() && !self.reads_words();
        while at < text.len() {
            if skips && carry.seen == 0 && carry.block_seen == 0 {
                at = quiet::dull(text, at, self.secrets, months, self.placeholders);
            }
            let taken = |bytes| if bytes == 0 { Step::Wait } else { Step::Take { bytes, hits: Vec::new() } };
            if at == text.len() {
                break;
            }
            match self.one(carry, text, at, last) {
                One::Plain(end) => {
                    let end = end.max(at + 1);
                    self.pass(carry, text, at, end);
                    at = end;
                }
                One::Open => return taken(at - from),
                One::Segment { end, hits } => {
                    self.pass(carry, text, at, end);
                    if hits.is_empty() {
                        at = end;
                        continue;
                    }
                    return Step::Take { bytes: end - from, hits };
                }
            }
        }
        if from < at { Step::Take { bytes: at - from, hits: Vec::new() } } else { Step::Wait }
    }

    /// Everything found in a whole text, in order and without overlaps.
    pub(crate) fn all(&self, text: &str) -> Vec<Hit> {
        let (mut carry, mut hits, mut at) = (Carry::default(), Vec::new(), 0);
        while let Step::Take { bytes, hits: found } = self.step(&mut carry, text, at, true) {
            hits.extend(found);
            at += bytes;
        }
        hits
    }

    /// Whether a month begins something: a date of birth.
    fn months(&self) -> bool {
        self.pii.as_ref().is_some_and(|settings| settings.kinds.has(pii::Kind::DateOfBirth))
    }

    /// Whether words that stand by themselves matter.
    fn reads_words(&self) -> bool {
        self.pii.as_ref().is_some_and(pii::Settings::reads_words)
    }

    /// Whether it matters which links and tags are open.
    fn follows(&self) -> bool {
        self.placeholders && self.in_links || self.links.is_some()
    }

    /// Remembers what a settled part says about what follows.
    fn pass(&self, carry: &mut Carry, text: &str, from: usize, to: usize) {
        carry.seen = 0;
        carry.block_seen = 0;
        if !self.follows() {
            return;
        }
        let part = text::part(text, from, to);
        carry.markup.pass(part.as_bytes());
        match part.as_bytes() {
            [b' ' | b'\t' | b'\r' | b'\n' | b'<' | b'>'] if !carry.markup.in_tag() => carry.in_url = false,
            _ => carry.in_url |= segment::is_link(part),
        }
    }

    /// The next segment at `at`.
    fn one(&self, carry: &mut Carry, text: &str, at: usize, last: bool) -> One {
        let bytes = text.as_bytes();
        match text::byte(bytes, at) {
            b'[' if self.placeholders => return placeholder(carry.in_url, text, at, last),
            b'\\' => {
                if at + 1 == text.len() && !last {
                    return One::Open;
                }
                let pair = matches!(text::byte(bytes, at + 1), b'n' | b'r' | b't' | b'"' | b'\\');
                return One::Plain(at + 1 + usize::from(pair));
            }
            b'-' if self.secrets => match secrets::key_block(text, at, carry.block_seen, last) {
                secrets::Block::Open(seen) => {
                    carry.block_seen = seen;
                    return One::Open;
                }
                secrets::Block::Found(end) => {
                    return One::Segment {
                        end,
                        hits: vec![Hit { range: at..end, what: What::Secret("private_key") }],
                    };
                }
                secrets::Block::No => {}
            },
            _ => {}
        }
        let mut run = segment::run(text, at, carry.seen, last, if carry.seen == 0 { CAP } else { TOKEN_CAP });
        if carry.seen == 0 && run.is_some_and(|run| run.cut) {
            // A long run is cut after its first bytes, unless those are a token that may go on.
            if let Some(cut) = self.token(carry, text, at) {
                return cut;
            }
            run = segment::run(text, at, 0, last, TOKEN_CAP);
        }
        let Some(run) = run else { return self.open(carry, text, at) };
        if run.end == at {
            let width = text::char_at(text, at).map_or(1, char::len_utf8);
            return One::Plain(at + width);
        }
        if self.plain(run.flags, || text::part(text, at, run.end)) {
            return One::Plain(run.end);
        }
        if !self.reads_words() && self.links.is_none() && quiet::idle(text, at, run, self.months()) {
            return One::Plain(run.end);
        }
        if self.links.is_none() && !run.cut && quiet::is_moment(text::part(text, at, run.end)) {
            return One::Plain(run.end);
        }
        let Some(joined) = segment::joined(self, &carry.memo, text, at, run, last) else {
            // The joins of a segment are bounded, its first run was looked at above.
            return One::Open;
        };
        self.closed(carry, text, at, joined)
    }

    /// An unfinished run: held until it closes or is too long.
    fn open(&self, carry: &mut Carry, text: &str, at: usize) -> One {
        let bytes = text.len() - at;
        if bytes < CAP {
            return One::Open;
        }
        let ended = Ended::cut(text.len());
        if bytes <= TOKEN_CAP && self.token(carry, text, at).is_none() {
            // The last character may be a bracket that waits for the next.
            let seen = text::back(text, text.len(), 1).saturating_sub(at);
            carry.seen = if seen < CAP { 0 } else { seen };
            return One::Open;
        }
        self.closed(carry, text, at, ended)
    }

    /// What to take of a run longer than the cap, from its first bytes alone; nothing where it is one long token.
    fn token(&self, carry: &Carry, text: &str, at: usize) -> Option<One> {
        let end = text::floor(text, at + CAP);
        let head = segment::run(text::part(text, 0, end), at, 0, true, CAP).unwrap_or(Ended::cut(end));
        let head = Ended { end, cut: true, probe: true, ..head };
        let hits = self.detect(carry, text, at, head);
        if hits.last().is_some_and(|hit| hit.range.end == head.end && grows(hit.what)) {
            return None;
        }
        let end = segment::soft_end(text, at, head.end).max(hits.last().map_or(0, |hit| hit.range.end));
        Some(One::Segment { end, hits })
    }

    /// A segment whose end is known, cut to what can be settled.
    fn closed(&self, carry: &Carry, text: &str, at: usize, mut ended: Ended) -> One {
        if at + CAP < ended.end {
            if let Some(cut) = self.token(carry, text, at) {
                return cut;
            }
            if at + TOKEN_CAP < ended.end {
                ended = Ended { end: text::floor(text, at + TOKEN_CAP), cut: true, ..ended };
            }
        }
        let mut hits = self.detect(carry, text, at, ended);
        let mut end = ended.end;
        if ended.window {
            end = segment::settled(text, at, ended.end, hits.first().map(|hit| hit.range.clone()));
            hits.retain(|hit| hit.range.end <= end);
        }
        One::Segment { end, hits }
    }

    /// Whether a run with these characters is of no interest to anyone.
    fn plain<'t>(&self, flags: Flags, run: impl Fn() -> &'t str) -> bool {
        if flags.any(Flags::WANTED) || self.secrets && flags.any(Flags::LONG) {
            return false;
        }
        let words = self.reads_words() || self.months() && pii::is_month(run());
        !(words && flags.any(Flags::UPPER | Flags::LOWER))
    }

    /// Runs every detector over one segment.
    fn detect(&self, carry: &Carry, text: &str, at: usize, ended: Ended) -> Vec<Hit> {
        let segment = Segment::new(text, at, ended, &carry.memo);
        let mut hits = Vec::new();
        // A short run of letters is read for months and names, and is no key.
        if self.secrets && ended.flags.any(Flags::WANTED | Flags::LONG) {
            secrets::detect(&segment, &mut hits);
        }
        if let Some(settings) = &self.pii {
            settings.detect(&segment, &mut hits);
        }
        if let Some(hosts) = &self.links {
            exfiltration::detect(&segment, &carry.markup, hosts, &mut hits);
        }
        if 1 < hits.len() {
            hits.sort_by(|a, b| {
                let length = |hit: &Hit| hit.range.end - hit.range.start;
                b.what
                    .rank()
                    .cmp(&a.what.rank())
                    .then(length(b).cmp(&length(a)))
                    .then(a.range.start.cmp(&b.range.start))
            });
            let mut kept: Vec<Hit> = Vec::new();
            for hit in hits {
                if kept
                    .iter()
                    .all(|other| hit.range.end <= other.range.start || other.range.end <= hit.range.start)
                {
                    kept.push(hit);
                }
            }
            kept.sort_by_key(|hit| hit.range.start);
            hits = kept;
        }
        hits
    }
}

/// One segment, or a stretch that cannot hold anything.
enum One {
    Plain(usize),
    Open,
    Segment { end: usize, hits: Vec<Hit> },
}

/// Whether what was found may go on for as long as the token does.
fn grows(what: What) -> bool {
    match what {
        What::Secret(_) | What::Link(_) => true,
        What::Pii(kind) => kind == pii::Kind::Url,
        What::Placeholder { .. } => false,
    }
}

/// A placeholder or what looks like one, beginning at `[`.
fn placeholder(in_url: bool, text: &str, at: usize, last: bool) -> One {
    match redact::look_alike(text::part(text, at, text.len())) {
        redact::Look::Like(bytes) => {
            let range = at..at + bytes;
            One::Segment { end: at + bytes, hits: vec![Hit { range, what: What::Placeholder { in_url } }] }
        }
        redact::Look::Unfinished if !last => One::Open,
        redact::Look::Unfinished | redact::Look::Unlike => One::Plain(at + 1),
    }
}
