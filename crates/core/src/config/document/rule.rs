//! `models.*.targets[].when`: which requests a target is for.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::OneOrMore;
use crate::config::number::Share;

/// Which requests a target is for. All that is given must hold; lists name alternatives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Each of these must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<Rule>,
    /// One of these must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<Rule>,
    /// This must not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Rule>>,
    /// The model the caller asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<OneOrMore<Pattern>>,
    /// Tags of the request (`sluice-tags`), by name: the value each must have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, OneOrMore<Pattern>>,
    /// The end user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<OneOrMore<Pattern>>,
    /// The prompt has at least so many tokens, by our estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_prompt_tokens: Option<u64>,
    /// The prompt has at most so many tokens, by our estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_prompt_tokens: Option<u64>,
    /// Whether the model may call tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<bool>,
    /// Whether there are pictures in the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<bool>,
    /// Whether the answer is streamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// The language of the last prompt, as ISO 639-1 has it (`de`); told from its script and its commonest words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<OneOrMore<Language>>,
    /// The time of day in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// The day of the week in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<OneOrMore<Day>>,
    /// Where the caller is: the header `sluice-region`, else the country that the host tells (`DE`). Case does not matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<OneOrMore<Pattern>>,
    /// The prompt is at least so sensitive: by the tag `sensitivity`, else by what is found in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_sensitivity: Option<Sensitivity>,
    /// The prompt is at least so hard, from 0 to 1 (docs/routing.md).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_complexity: Option<Share>,
    /// The prompt is at most so hard, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_complexity: Option<Share>,
}

/// How much harm it does if the prompt gets about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// Nothing is found in it.
    #[default]
    Low,
    /// It has an e-mail address or a telephone number in it.
    Medium,
    /// It has a key, a password, or the number of a card or an account in it.
    High,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// A language that can be told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Arabic.
    Ar,
    /// German.
    De,
    /// Greek.
    El,
    /// English.
    En,
    /// Spanish.
    Es,
    /// French.
    Fr,
    /// Hebrew.
    He,
    /// Hindi.
    Hi,
    /// Italian.
    It,
    /// Japanese.
    Ja,
    /// Korean.
    Ko,
    /// Dutch.
    Nl,
    /// Polish.
    Pl,
    /// Portuguese.
    Pt,
    /// Russian.
    Ru,
    /// Thai.
    Th,
    /// Turkish.
    Tr,
    /// Ukrainian.
    Uk,
    /// Chinese.
    Zh,
}

/// A text, or the beginning of one and `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    open: bool,
}

impl Pattern {
    /// What is allowed.
    pub const ALLOWED: &str = "a text of 1 to 256 bytes, which may end with * for anything";

    /// Whether `text` is meant.
    pub fn matches(&self, text: &str) -> bool {
        if self.open { text.starts_with(&self.text) } else { text == self.text }
    }

    /// The same, where case does not matter.
    pub fn matches_any_case(&self, text: &str) -> bool {
        let head = if self.open { text.get(..self.text.len()) } else { Some(text) };
        head.is_some_and(|head| head.eq_ignore_ascii_case(&self.text))
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let open = written.ends_with('*');
        let text = written.strip_suffix('*').unwrap_or(written);
        if text.contains('*') || !(1..=256).contains(&written.len()) {
            return Err(format!("`{written}` must be {}", Self::ALLOWED));
        }
        Ok(Self { text: text.to_owned(), open })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.open { "*" } else { "" })
    }
}

crate::config::text::text!(Pattern, r"^[^*]{0,256}\*?$", "search-*");

/// A part of the day in UTC, in minutes since midnight; over midnight where the end is before the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The first minute.
    pub from: u16,
    /// The first minute after.
    pub to: u16,
}

impl Hours {
    /// What is allowed.
    pub const ALLOWED: &str = "two times of day in UTC, such as 08:00-18:30; 22:00-06:00 goes over midnight";

    /// Whether the minute of the day is within.
    pub fn contains(self, minute: u16) -> bool {
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            self.from <= minute || minute < self.to
        }
    }
}

impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = |text: &str| {
            let (hour, minute) = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2)?;
            let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
            let minutes = hour * 60 + minute;
            (minute < 60 && minutes <= 1_440).then_some(minutes)
        };
        let parse = || {
            let (from, to) = text.split_once('-')?;
            Some(Self { from: time(from).filter(|from| *from < 1_440)?, to: time(to)? })
        };
        parse()
            .filter(|hours| hours.from != hours.to)
            .ok_or_else(|| format!("`{text}` must be {}", Self::ALLOWED))
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

crate::config::text::text!(Hours, "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$", "08:00-18:30");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_may_be_open_at_the_end() {
        let pattern: Pattern = "search-*".parse().unwrap();
        assert!(pattern.matches("search-web") && !pattern.matches("searcher"));
        assert!("EU".parse::<Pattern>().unwrap().matches_any_case("eu"));
        assert!("*".parse::<Pattern>().unwrap().matches(""));
        assert!("a*b".parse::<Pattern>().is_err() && "".parse::<Pattern>().is_err());
    }

    #[test]
    fn hours_may_go_over_midnight() {
        let day: Hours = "08:00-18:30".parse().unwrap();
        assert!(day.contains(480) && !day.contains(1_110));
        let night: Hours = "22:00-06:00".parse().unwrap();
        assert!(night.contains(1_439) && night.contains(0) && !night.contains(360));
        assert_eq!(night.to_string(), "22:00-06:00");
        for wrong in ["8:00-18:00", "08:00", "08:60-09:00", "24:00-01:00", "08:00-24:01", "08:00-08:00"] {
            assert!(wrong.parse::<Hours>().is_err(), "{wrong}");
        }
    }
}
