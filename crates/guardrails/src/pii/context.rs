//! Words that name a value to their right.

use crate::{scan::Segment, text};

/// What the words to the left of a value speak of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Topics(u32);

impl Topics {
    pub const PHONE: Self = Self(1);
    pub const SSN: Self = Self(1 << 1);
    pub const TAX: Self = Self(1 << 2);
    pub const HEALTH: Self = Self(1 << 3);
    pub const PESEL: Self = Self(1 << 4);
    pub const CPF: Self = Self(1 << 5);
    pub const AADHAAR: Self = Self(1 << 6);
    pub const BSN: Self = Self(1 << 7);
    pub const PERSONAL: Self = Self(1 << 8);
    pub const SIN: Self = Self(1 << 9);
    pub const TFN: Self = Self(1 << 10);
    pub const ABN: Self = Self(1 << 11);
    pub const NPI: Self = Self(1 << 12);
    pub const PASSPORT: Self = Self(1 << 13);
    pub const LICENSE: Self = Self(1 << 14);
    pub const BIRTH: Self = Self(1 << 15);
    pub const VERSION: Self = Self(1 << 16);
    pub const CARD: Self = Self(1 << 17);
    pub const ACCOUNT: Self = Self(1 << 18);
    pub const IDENTITY: Self = Self(1 << 19);
    pub const DNI: Self = Self(1 << 20);
    pub const NOT_PHONE: Self = Self(1 << 21);
    pub const DRIVER: Self = Self(1 << 22);
    pub const NETWORK: Self = Self(1 << 23);

    /// These and others.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What the words that begin in the last [`super::CONTEXT`] characters before `at` speak of.
pub(super) fn before(segment: &Segment<'_>, at: usize) -> Topics {
    segment.memo.borrow_mut().before(segment.text, at)
}

/// Longest word that may be known, in bytes.
const LONGEST: usize = 40;

/// Words with a topic that were read already: many numbers ask about the same words to their left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memo {
    /// Where each begins and ends, and its topics.
    known: Vec<(usize, usize, u32)>,
    /// From where and up to where words were read.
    since: usize,
    read: usize,
}

impl Memo {
    /// The first `bytes` of the text are gone.
    pub fn moved(&mut self, bytes: usize) {
        self.known.retain(|(start, _, _)| bytes <= *start);
        for (start, end, _) in &mut self.known {
            (*start, *end) = (*start - bytes, *end - bytes);
        }
        self.since = self.since.saturating_sub(bytes);
        self.read = self.read.saturating_sub(bytes);
    }

    /// What the words that begin in the last [`super::CONTEXT`] characters before `at` speak of.
    pub(super) fn before(&mut self, text: &str, at: usize) -> Topics {
        let left = text::back(text, at, super::CONTEXT);
        if left < self.since || self.read < left || 64 < self.known.len() {
            self.known.clear();
            // A little more, for who asks about a place a little before.
            self.since = text::floor(text, left.saturating_sub(16));
            self.read = self.since;
        }
        if self.read < at {
            self.read(text, self.read, at);
        }
        let within = |(start, end, _): &&(usize, usize, u32)| left <= *start && *end <= at;
        let known = self.known.iter().rev().take_while(|(_, end, _)| left <= *end);
        let all = known.filter(within).fold(0, |all, (_, _, topics)| all | topics);
        Topics(all | last_word(text, left, at))
    }

    /// Reads the words from `from` on that end before `to`.
    fn read(&mut self, text: &str, from: usize, to: usize) {
        let bytes = text.as_bytes();
        let mut start = from;
        // The rest of a word whose beginning is not read is none.
        let mut inside = text::char_before(text, from).is_some_and(text::alphanumeric);
        let mut lower_before = text::char_before(text, from).is_some_and(char::is_lowercase);
        let mut at = from;
        while at < to {
            let byte = text::byte(bytes, at);
            let (width, alphanumeric, upper, lower) = match SORTS.get(usize::from(byte)) {
                Some(sort) => (1, *sort != SIGN, *sort == UPPER, *sort == LOWER),
                None => {
                    let Some(character) = text::char_at(text, at) else { break };
                    let letter = text::alphanumeric(character);
                    (
                        character.len_utf8(),
                        letter,
                        letter && character.is_uppercase(),
                        letter && character.is_lowercase(),
                    )
                }
            };
            if !alphanumeric || upper && lower_before {
                if !inside && start < at && may_be_known(bytes.get(start..at).unwrap_or_default()) {
                    self.add(text, start, at);
                }
                inside = false;
                start = if alphanumeric { at } else { at + width };
            }
            lower_before = lower;
            at += width;
        }
        // A word that goes on is read again with what follows, unless it is too long to be known.
        self.read = if to.saturating_sub(start) <= LONGEST { start.min(to) } else { to };
    }

    fn add(&mut self, text: &str, start: usize, end: usize) {
        let topics = topics(text::part(text, start, end));
        if topics != 0 && self.known.last().is_none_or(|(_, last, _)| *last <= start) {
            self.known.push((start, end, topics));
        }
    }
}

/// The topics of a word that ends right at `at`, where a letter stands there: `SIN046454286`.
fn last_word(text: &str, left: usize, at: usize) -> u32 {
    let mut start = at;
    for character in
        text::part(text, 0, at).chars().rev().take_while(|character| text::alphanumeric(*character))
    {
        start -= character.len_utf8();
        let turns = || text::char_before(text, start).is_some_and(char::is_lowercase);
        if LONGEST < at - start || character.is_uppercase() && turns() {
            break;
        }
    }
    if start < left || LONGEST < at - start || start == at {
        return 0;
    }
    topics(text::part(text, start, at))
}

/// What a word speaks of, in any case.
fn topics(word: &str) -> u32 {
    if LONGEST < word.len() || word.is_ascii() && !may_be_known(word.as_bytes()) {
        0
    } else if word.is_ascii() {
        topic(word)
    } else {
        topic(&word.to_lowercase())
    }
}

/// Whether a word may be known, by its length, first and last byte: few are. In other letters than ASCII's case changes bytes.
fn may_be_known(word: &[u8]) -> bool {
    let ([first, ..], [.., last]) = (word, word) else { return false };
    let lengths = |table: &[u64; 128], byte: &u8| {
        table.get(usize::from(byte.to_ascii_lowercase())).copied().unwrap_or(u64::MAX)
    };
    lengths(&FIRST, first) & lengths(&LAST, last) & 1 << word.len().min(63) != 0
}

/// The lengths of the known words that begin with each byte, and of those that end with it, as bits.
static FIRST: [u64; 128] = lengths(false);
static LAST: [u64; 128] = lengths(true);

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn lengths(last: bool) -> [u64; 128] {
    let mut all = [0; 128];
    let mut at = 0;
    while at < WORDS.len() {
        let word = WORDS[at].0.as_bytes();
        let byte = word[if last { word.len() - 1 } else { 0 }];
        if byte < 128 {
            all[byte as usize] |= 1 << word.len();
        }
        at += 1;
    }
    all
}

const SIGN: u8 = 0;
const DIGIT: u8 = 1;
const LOWER: u8 = 2;
const UPPER: u8 = 3;

/// What each byte of ASCII is to a word.
static SORTS: [u8; 128] = {
    let mut table = [SIGN; 128];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "at compile time")]
        {
            table[byte as usize] = match byte {
                b'0'..=b'9' => DIGIT,
                b'a'..=b'z' => LOWER,
                b'A'..=b'Z' => UPPER,
                _ => SIGN,
            };
        }
        byte += 1;
    }
    table
};

/// What the last two words before `at` speak of.
pub(super) fn close(segment: &Segment<'_>, at: usize) -> Topics {
    let words: Vec<String> = text::words(segment.left_of(at, 24)).collect();
    words.iter().rev().take(2).fold(Topics::default(), |all, word| Topics(all.0 | topic(word)))
}

/// What one word speaks of, in lower case but for letters of ASCII.
fn topic(word: &str) -> u32 {
    let first = word.bytes().next().unwrap_or(0).to_ascii_lowercase();
    let from = STARTS.get(usize::from(first)).copied().unwrap_or(0);
    let same_letter = WORDS
        .get(from..)
        .into_iter()
        .flatten()
        .take_while(|(known, _)| known.as_bytes().first() == Some(&first));
    same_letter
        .filter(|(known, _)| known.eq_ignore_ascii_case(word))
        .map(|(_, topics)| *topics)
        .next()
        .unwrap_or(0)
}

/// Where the known words that begin with each byte begin.
static STARTS: [usize; 256] = starts();

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn starts() -> [usize; 256] {
    let mut all = [WORDS.len(); 256];
    let mut at = WORDS.len();
    while 0 < at {
        at -= 1;
        all[WORDS[at].0.as_bytes()[0] as usize] = at;
    }
    all
}

const PHONE: u32 = Topics::PHONE.0;
const SSN: u32 = Topics::SSN.0;
const TAX: u32 = Topics::TAX.0;
const HEALTH: u32 = Topics::HEALTH.0;
const PERSONAL: u32 = Topics::PERSONAL.0;
const PASSPORT: u32 = Topics::PASSPORT.0;
const LICENSE: u32 = Topics::LICENSE.0;
const BIRTH: u32 = Topics::BIRTH.0;
const VERSION: u32 = Topics::VERSION.0;
const CARD: u32 = Topics::CARD.0;
const ACCOUNT: u32 = Topics::ACCOUNT.0;
const IDENTITY: u32 = Topics::IDENTITY.0;
const NOT_PHONE: u32 = Topics::NOT_PHONE.0;
const DRIVER: u32 = Topics::DRIVER.0;
const NETWORK: u32 = Topics::NETWORK.0;

/// Words in lower case, sorted.
#[rustfmt::skip]
const WORDS: &[(&str, u32)] = &[
    ("aadhaar", Topics::AADHAAR.0 | IDENTITY), ("aadhar", Topics::AADHAAR.0 | IDENTITY), ("abn", Topics::ABN.0),
    ("account", ACCOUNT), ("acct", ACCOUNT), ("anrufen", PHONE), ("answering", PHONE), ("birth", BIRTH),
    ("birthdate", BIRTH), ("birthday", BIRTH), ("born", BIRTH), ("bsn", Topics::BSN.0 | IDENTITY),
    ("burgerservicenummer", Topics::BSN.0 | IDENTITY), ("business", Topics::ABN.0), ("call", PHONE),
    ("called", PHONE), ("calling", PHONE), ("card", CARD), ("carte", CARD), ("cc", CARD), ("cell", PHONE),
    ("cellphone", PHONE), ("celular", PHONE), ("client", NETWORK), ("commit", VERSION), ("connect", NETWORK),
    ("conta", ACCOUNT), ("contact", PHONE), ("cpf", Topics::CPF.0 | IDENTITY), ("credit", CARD), ("cuenta", ACCOUNT),
    ("dial", PHONE), ("dni", Topics::DNI.0 | IDENTITY), ("dns", NETWORK), ("dob", BIRTH), ("driver", DRIVER),
    ("drivers", DRIVER), ("driving", DRIVER), ("fax", PHONE), ("firewall", NETWORK), ("fiscal", TAX),
    ("fiscale", TAX), ("fødselsdato", BIRTH), ("führerschein", LICENSE | DRIVER), ("gateway", NETWORK),
    ("geboren", BIRTH), ("geburtsdatum", BIRTH), ("geburtstag", BIRTH), ("gsm", PHONE), ("handy", PHONE),
    ("handynummer", PHONE), ("health", HEALTH), ("host", NETWORK), ("identification", IDENTITY),
    ("identity", IDENTITY), ("identité", IDENTITY), ("insee", SSN | PERSONAL), ("insurance", SSN | Topics::SIN.0),
    ("invoice", NOT_PHONE), ("ip", NETWORK), ("isbn", NOT_PHONE), ("itin", TAX | SSN), ("kimlik", IDENTITY),
    ("konto", ACCOUNT), ("kontonummer", ACCOUNT), ("korean", IDENTITY), ("land", PHONE), ("licence", LICENSE),
    ("license", LICENSE), ("medical", HEALTH), ("mobil", PHONE), ("mobile", PHONE), ("mobiltelefon", PHONE),
    ("nacido", BIRTH), ("nacimiento", BIRTH), ("naissance", BIRTH), ("nascimento", BIRTH), ("nata", BIRTH),
    ("national", IDENTITY), ("nato", BIRTH), ("nhs", HEALTH), ("nir", SSN | PERSONAL), ("npi", Topics::NPI.0),
    ("né", BIRTH), ("née", BIRTH), ("office", PHONE), ("order", NOT_PHONE), ("pasaporte", PASSPORT),
    ("passaporte", PASSPORT), ("passaporto", PASSPORT), ("passeport", PASSPORT), ("passnummer", PASSPORT),
    ("passport", PASSPORT), ("patient", HEALTH), ("permis", LICENSE | DRIVER), ("personal", PERSONAL),
    ("personnummer", PERSONAL | IDENTITY), ("pesel", Topics::PESEL.0 | IDENTITY), ("phone", PHONE), ("phones", PHONE),
    ("ping", NETWORK), ("portable", PHONE), ("provider", Topics::NPI.0), ("proxy", NETWORK), ("quantity", NOT_PHONE),
    ("reach", PHONE), ("reisepass", PASSPORT), ("release", VERSION), ("router", NETWORK), ("rrn", IDENTITY),
    ("rufnummer", PHONE), ("security", SSN), ("serial", NOT_PHONE), ("server", NETWORK), ("sin", Topics::SIN.0),
    ("sms", PHONE), ("social", SSN | Topics::SIN.0 | PERSONAL), ("sofi", Topics::BSN.0 | IDENTITY), ("ssn", SSN),
    ("steuer", TAX), ("steuerid", TAX), ("steueridentifikationsnummer", TAX), ("steuernummer", TAX),
    ("subnet", NETWORK), ("sécu", SSN | PERSONAL), ("tax", TAX), ("taxpayer", TAX), ("tckn", IDENTITY),
    ("tel", PHONE), ("telefon", PHONE), ("telefone", PHONE), ("telefonnummer", PHONE), ("telefono", PHONE),
    ("telephone", PHONE), ("teléfono", PHONE), ("text", PHONE), ("tfn", Topics::TFN.0 | TAX), ("tin", TAX),
    ("tracking", NOT_PHONE), ("téléphone", PHONE), ("v", VERSION), ("ver", VERSION), ("version", VERSION),
    ("versions", VERSION), ("visa", CARD), ("whatsapp", PHONE), ("идентификационный", IDENTITY),
    ("паспорт", PASSPORT), ("родился", BIRTH), ("рождения", BIRTH), ("телефон", PHONE),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted_so_that_they_are_found() {
        let mut sorted: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>(), sorted);
        for word in sorted {
            assert!(word.len() <= LONGEST);
            let text = format!("x {word} y");
            assert_ne!(Memo::default().before(&text, text.len()), Topics::default(), "{word}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_asked_before_changes_no_answer(
            text in "([a-zA-Zéж0-9 _.-]{0,9}(phone|SSN|homePhone|birth|ip|v|телефон)?){0,12}",
            asked in proptest::collection::vec(0..160_usize, 0..6),
        ) {
            let mut memo = Memo::default();
            for at in asked {
                let at = text::floor(&text, at);
                let left = text::back(&text, at, crate::pii::CONTEXT);
                // Slowly: the words up to there but for those that begin too early.
                let early = text::words(text::part(&text, 0, left)).count();
                let slowly = text::words(text::part(&text, 0, at)).skip(early).fold(0, |all, word| all | topic(&word));
                proptest::prop_assert_eq!(memo.before(&text, at), Topics(slowly), "{:?} at {}", text, at);
            }
        }
    }
}
