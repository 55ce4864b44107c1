//! What is asked of every character beyond ASCII, worked out once a character: the standard library's and the
//! normalisation's own tables take some fifty times as long.
//!
//! A page of 256 characters is filled when the first of them is met. What is kept are facts of Unicode, never text.

use std::sync::{LazyLock, OnceLock};

use unicode_normalization::{
    IsNormalized,
    char::{canonical_combining_class, is_combining_mark},
    is_nfkc_quick,
};

use crate::{canonical, text};

/// Facts about one character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traits(u16);

impl Traits {
    /// A letter or a digit.
    pub const ALPHANUMERIC: Self = Self(1);
    /// A letter.
    pub const ALPHABETIC: Self = Self(1 << 1);
    /// An accent or a vowel sign.
    pub const MARK: Self = Self(1 << 2);
    /// Belongs to the character before it.
    pub const CONTINUES: Self = Self(1 << 3);
    /// Another character's lower case.
    pub const UPPER: Self = Self(1 << 4);
    /// Shows nothing, or stands for something plainer.
    pub const CHANGES: Self = Self(1 << 5);
    /// As [`Self::CONTINUES`], and nothing becomes of the two together.
    pub const KEEPS: Self = Self(1 << 6);
    /// A Latin letter beyond ASCII.
    pub const LATIN: Self = Self(1 << 7);
    /// A Latin letter with an accent.
    pub const ACCENTED: Self = Self(1 << 8);
    /// Looks like a Latin letter.
    pub const ALIKE: Self = Self(1 << 9);
    /// An accent of no script of its own, which any letter may be decorated with.
    pub const DECORATES: Self = Self(1 << 10);

    /// A picture that letters may be split with.
    pub const PICTURE: Self = Self(1 << 11);

    const IDEOGRAPH: Self = Self(Self::ALPHANUMERIC.0 | Self::ALPHABETIC.0);

    /// Whether it is any of these.
    pub fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Those of all characters of a text that are beyond ASCII, together.
    pub fn within(text: &str) -> Self {
        let (mut all, mut at) = (Self::default(), 0);
        while let Some(wide) = text::wide(text, at) {
            let rest = text.get(wide..).unwrap_or_default();
            let mut width = 0;
            for character in rest.chars().take_while(|character| !character.is_ascii()) {
                all.0 |= traits(character).0;
                width += character.len_utf8();
            }
            at = wide + width;
        }
        all
    }

    fn of(character: char) -> Self {
        let alone = std::iter::once(character);
        let stable = is_nfkc_quick(alone) == IsNormalized::Yes;
        let continues = canonical::continues(character);
        let facts = [
            (Self::ALPHANUMERIC, character.is_alphanumeric()),
            (Self::ALPHABETIC, character.is_alphabetic()),
            (Self::MARK, is_combining_mark(character)),
            (Self::CONTINUES, continues),
            (Self::UPPER, !character.to_lowercase().eq([character])),
            (Self::CHANGES, !stable || canonical::stands_for_other(character)),
            (Self::KEEPS, continues && stable && canonical_combining_class(character) == 0),
            (Self::LATIN, canonical::is_latin(character)),
            (Self::ACCENTED, canonical::latin_base(character) != character),
            (Self::ALIKE, canonical::look_alike(character).is_some()),
            (Self::DECORATES, canonical::decorates(character)),
            (Self::PICTURE, canonical::is_picture(character)),
        ];
        facts.into_iter().filter(|(_, holds)| *holds).fold(Self(0), |all, (fact, _)| Self(all.0 | fact.0))
    }
}

type Page = Box<[Traits; 256]>;

/// The pages of alphabets, by the character's number without its last eight bits.
static ALPHABETS: [OnceLock<Page>; 0x40] = [const { OnceLock::new() }; 0x40];

/// All pages, in the same order.
static PAGES: LazyLock<Vec<OnceLock<Page>>> =
    LazyLock::new(|| (0..=u32::from(char::MAX) >> 8).map(|_| OnceLock::new()).collect());

/// The facts about a character.
#[inline]
pub(crate) fn traits(character: char) -> Traits {
    // Too many for pages, and all alike.
    if matches!(character, '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}') {
        return Traits::IDEOGRAPH;
    }
    let number = u32::from(character);
    let (page, place) = ((number >> 8) as usize, (number & 255) as usize);
    let Some(page) = ALPHABETS.get(page).or_else(|| PAGES.get(page)) else { return Traits::default() };
    page.get_or_init(|| fill(number & !255)).get(place).copied().unwrap_or_default()
}

#[cold]
fn fill(first: u32) -> Page {
    let one = |place: usize| u32::try_from(place).ok().and_then(|place| char::from_u32(first | place));
    Box::new(std::array::from_fn(|place| one(place).map_or(Traits(0), Traits::of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortcuts_say_what_the_tables_say() {
        for character in ('\u{4E00}'..='\u{9FFF}').chain('\u{AC00}'..='\u{D7A3}') {
            assert_eq!(traits(character), Traits::of(character), "{character:?}");
        }
    }
}
