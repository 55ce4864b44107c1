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

/// What the last [`super::CONTEXT`] characters before `at` speak of.
pub(super) fn before(segment: &Segment<'_>, at: usize) -> Topics {
    of(segment.left_of(at, super::CONTEXT))
}

/// What a text speaks of.
pub(super) fn of(text: &str) -> Topics {
    if text.is_ascii() {
        return of_ascii(text.as_bytes());
    }
    text::words(text).fold(Topics::default(), |all, word| Topics(all.0 | topic(&word)))
}

/// The same of ASCII, without a copy of its words: this is asked of every number.
fn of_ascii(text: &[u8]) -> Topics {
    let mut all = 0;
    let (mut word, mut length, mut lower_before) = ([0_u8; 32], 0, false);
    for byte in text.iter().chain(b" ") {
        if !byte.is_ascii_alphanumeric() || byte.is_ascii_uppercase() && lower_before {
            let known = word.get(..length).filter(|word| may_be_known(word));
            all |= known.and_then(|word| std::str::from_utf8(word).ok()).map_or(0, topic);
            length = 0;
        }
        if byte.is_ascii_alphanumeric() {
            if let Some(place) = word.get_mut(length) {
                *place = byte.to_ascii_lowercase();
            }
            length += 1;
        }
        lower_before = byte.is_ascii_lowercase();
    }
    Topics(all)
}

/// Whether a known word begins with the letter of `word` and is as long.
fn may_be_known(word: &[u8]) -> bool {
    let letter = word.first().map(|first| usize::from(first.wrapping_sub(b'a')));
    let lengths = letter.and_then(|letter| LENGTHS.get(letter)).copied().unwrap_or(0);
    lengths >> word.len().min(31) & 1 == 1
}

/// The lengths of the known words that begin with each letter, as bits.
static LENGTHS: [u32; 26] = lengths();

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn lengths() -> [u32; 26] {
    let mut all = [0; 26];
    let mut at = 0;
    while at < WORDS.len() {
        let word = WORDS[at].0.as_bytes();
        if word[0].is_ascii_lowercase() {
            all[(word[0] - b'a') as usize] |= 1 << word.len();
        }
        at += 1;
    }
    all
}

/// What the last two words before `at` speak of.
pub(super) fn close(segment: &Segment<'_>, at: usize) -> Topics {
    let words: Vec<String> = text::words(segment.left_of(at, 24)).collect();
    words.iter().rev().take(2).fold(Topics::default(), |all, word| Topics(all.0 | topic(word)))
}

/// What one word speaks of.
fn topic(word: &str) -> u32 {
    let at = WORDS.binary_search_by(|(known, _)| (*known).cmp(word));
    at.ok().and_then(|at| WORDS.get(at)).map_or(0, |(_, topics)| *topics)
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
            assert_ne!(of(&format!("x {word} y")), Topics::default(), "{word}");
        }
    }

    proptest::proptest! {
        #[test]
        fn words_of_ascii_are_read_like_others(text in "([a-zA-Z0-9 _.-]{0,3}(phone|SSN|homePhone|birth|ip|v)?){0,6}") {
            let slowly = text::words(&text).fold(0, |all, word| all | topic(&word));
            proptest::prop_assert_eq!(of(&text), Topics(slowly));
        }
    }
}
