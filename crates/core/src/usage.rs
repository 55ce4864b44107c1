//! What requests used and cost, grouped: by tenant, model, provider, key, user, day and tags.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice_types::{json::from_bytes, money::NanoUsd, usage::Usage};

use crate::cost_log::{Beside, Sum};

/// What a number is split by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The tenant.
    Tenant,
    /// The day in UTC.
    Day,
    /// The model the caller named.
    Model,
    /// The provider that answered, or was tried last.
    Provider,
    /// The virtual key's id.
    Key,
    /// The end user.
    User,
    /// A tag's value.
    Tag(String),
}

impl By {
    /// What is allowed.
    pub const ALLOWED: &str = "tenant, day, model, provider, key, user and tag:NAME, parted by commas";

    /// Reads a list such as `model,tag:team`; `None` if a name is unknown.
    pub fn parse(list: &str) -> Option<Vec<Self>> {
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        names
            .map(|name| {
                Some(match name {
                    "tenant" => Self::Tenant,
                    "day" => Self::Day,
                    "model" => Self::Model,
                    "provider" => Self::Provider,
                    "key" => Self::Key,
                    "user" => Self::User,
                    _ => Self::Tag(name.strip_prefix("tag:").filter(|tag| !tag.is_empty())?.to_owned()),
                })
            })
            .collect()
    }

    /// Its name, as it is asked for.
    pub fn name(&self) -> String {
        match self {
            Self::Tenant => "tenant".to_owned(),
            Self::Day => "day".to_owned(),
            Self::Model => "model".to_owned(),
            Self::Provider => "provider".to_owned(),
            Self::Key => "key".to_owned(),
            Self::User => "user".to_owned(),
            Self::Tag(tag) => format!("tag:{tag}"),
        }
    }
}

/// Requests of one day that are alike in everything they may be split by, and their sum.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Kind {
    /// The model the caller named.
    pub model: String,
    /// The provider that answered, or was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The virtual key's id.
    pub key: String,
    /// The end user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// A day of one tenant: what is stored as its roll-up, and what rows add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Sums by kind.
    pub groups: Vec<(Kind, Sum)>,
    /// Lines that could not be read.
    #[serde(default)]
    pub unreadable: u64,
    /// The last of the keys whose rows are in it; all before it are in it as well.
    #[serde(default)]
    pub through: String,
    /// How many keys these are.
    #[serde(default)]
    pub keys: u64,
    /// Whether the day was over, and had been for a while, when its last rows were read.
    #[serde(default)]
    pub whole: bool,
}

impl Day {
    /// Where to go on with all of the day's `keys`, in order: with this day and the keys after the last that is in it. Where
    /// another one has come in before that, with an empty day and all of them.
    pub fn resumed<K: AsRef<str>>(self, keys: &[K]) -> (Self, &[K]) {
        let known = keys.partition_point(|key| key.as_ref() <= self.through.as_str());
        match keys.split_at_checked(known) {
            Some((_, new)) if 0 < known && self.keys == known as u64 => (self, new),
            _ => (Self::default(), keys),
        }
    }

    /// How many requests are in it.
    pub fn requests(&self) -> u64 {
        self.groups.iter().map(|(_, sum)| sum.requests).sum()
    }
}

/// What is read back of a row.
#[derive(Debug, Deserialize)]
struct Row {
    key: String,
    #[serde(rename = "gen_ai.request.model")]
    model: String,
    #[serde(rename = "gen_ai.provider.name", default)]
    provider: Option<String>,
    #[serde(rename = "error.type", default)]
    error: Option<String>,
    usage: Usage,
    cost_nano_usd: Option<NanoUsd>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(flatten)]
    beside: Beside,
}

/// Adds up a day's rows, key by key; the same rows give the same day, however often it is stored in between.
#[derive(Debug, Default)]
pub struct Summing {
    groups: BTreeMap<Kind, Sum>,
    unreadable: u64,
    through: String,
    keys: u64,
}

impl From<Day> for Summing {
    fn from(day: Day) -> Self {
        let Day { groups, unreadable, through, keys, whole: _ } = day;
        Self { groups: groups.into_iter().collect(), unreadable, through, keys }
    }
}

impl Summing {
    /// Adds the lines of the value under `key`, which comes after those before.
    pub fn add(&mut self, key: &str, value: &[u8]) {
        key.clone_into(&mut self.through);
        self.keys += 1;
        for line in value.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Ok(row) = from_bytes::<Row>(line) else {
                self.unreadable += 1;
                continue;
            };
            let sum = Sum::of(row.error.is_some(), &row.usage, row.cost_nano_usd).beside(&row.beside);
            let kind = Kind {
                model: row.model,
                provider: row.provider,
                key: row.key,
                user: row.user,
                tags: row.tags,
            };
            let group = self.groups.entry(kind).or_default();
            *group = group.plus(sum);
        }
    }

    /// The day so far.
    pub fn day(&self) -> Day {
        Day {
            groups: self.groups.iter().map(|(kind, sum)| (kind.clone(), *sum)).collect(),
            unreadable: self.unreadable,
            through: self.through.clone(),
            keys: self.keys,
            whole: false,
        }
    }
}

/// Sums by what was asked for.
#[derive(Debug, Default)]
pub struct Report(BTreeMap<Vec<String>, Sum>);

impl Report {
    /// Adds a tenant's day.
    pub fn add(&mut self, tenant: &str, date: &str, day: &Day, by: &[By]) {
        for (kind, sum) in &day.groups {
            let values = by.iter().map(|by| match by {
                By::Tenant => tenant.to_owned(),
                By::Day => date.to_owned(),
                By::Model => kind.model.clone(),
                By::Provider => kind.provider.clone().unwrap_or_default(),
                By::Key => kind.key.clone(),
                By::User => kind.user.clone().unwrap_or_default(),
                By::Tag(tag) => kind.tags.get(tag).cloned().unwrap_or_default(),
            });
            let group = self.0.entry(values.collect()).or_default();
            *group = group.plus(*sum);
        }
    }

    /// All of it together.
    pub fn total(&self) -> Sum {
        self.0.values().fold(Sum::default(), |total, sum| total.plus(*sum))
    }

    /// Its rows as JSON objects.
    pub fn json(&self, by: &[By]) -> Vec<serde_json::Value> {
        let row = |(values, sum): (&Vec<String>, &Sum)| {
            let mut row = serde_json::Map::new();
            for (by, value) in by.iter().zip(values) {
                row.insert(by.name(), value.clone().into());
            }
            row.insert("cost_usd".to_owned(), sum.cost_nano_usd.to_string().into());
            row.insert("sum".to_owned(), serde_json::to_value(sum).unwrap_or_default());
            serde_json::Value::Object(row)
        };
        self.0.iter().map(row).collect()
    }

    /// Its rows as CSV (RFC 4180), with a head.
    pub fn csv(&self, by: &[By]) -> String {
        let numbers = "requests,errors,unpriced,estimated,input_tokens,output_tokens,cache_read_tokens,\
                       reasoning_tokens,cost_usd,failed_attempts,raced,raced_cost_usd,shadows,shadow_cost_usd";
        let head = by.iter().map(|by| cell(&by.name())).chain([numbers.to_owned()]);
        let mut text = head.collect::<Vec<_>>().join(",");
        text.push_str("\r\n");
        for (values, sum) in &self.0 {
            let numbers = [
                sum.requests,
                sum.errors,
                sum.unpriced,
                sum.estimated,
                sum.input_tokens,
                sum.output_tokens,
                sum.cache_read_tokens,
                sum.reasoning_tokens,
            ];
            let cells = values.iter().map(|value| cell(value)).chain(numbers.iter().map(u64::to_string));
            let cells = cells.chain([
                sum.cost_nano_usd.to_string(),
                sum.failed_attempts.to_string(),
                sum.raced.to_string(),
                sum.raced_cost_nano_usd.to_string(),
                sum.shadows.to_string(),
                sum.shadow_cost_nano_usd.to_string(),
            ]);
            text.push_str(&cells.collect::<Vec<_>>().join(","));
            text.push_str("\r\n");
        }
        text
    }
}

/// A cell of CSV. What a spreadsheet would take for a formula is made text: callers choose users and tags.
fn cell(value: &str) -> String {
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guarded = if formula { format!("'{value}") } else { value.to_owned() };
    if guarded.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = concat!(
        r#"{"id":"1","key":"k","gen_ai.request.model":"m","gen_ai.provider.name":"a","usage":{"input_uncached":10,"output_text":5},"cost_nano_usd":20,"tags":{"team":"x"},"user":"=ann","attempts":[{"target":"t","kind":"x"}],"raced":{"target":"t","cost_nano_usd":7}}"#,
        "\n",
        r#"{"id":"2","key":"k","gen_ai.request.model":"m","gen_ai.provider.name":"b","error.type":"upstream_timeout","usage":{},"cost_nano_usd":null}"#,
        "\n",
        r#"{"id":"3","key":"k","gen_ai.request.model":"m","gen_ai.provider.name":"b","usage":{"output_text":4},"cost_nano_usd":9,"shadow_of":"2"}"#,
        "\nnonsense\n"
    );

    /// A day whose keys are numbers.
    fn day(values: &[&str]) -> Day {
        let mut summing = Summing::default();
        (1..).zip(values).for_each(|(number, value)| summing.add(&format!("{number}"), value.as_bytes()));
        summing.day()
    }

    #[test]
    fn the_same_rows_give_the_same_day_however_they_come() {
        let lines: Vec<&str> = ROWS.lines().rev().collect();
        let backwards = day(&[&lines.join("\n")]);
        assert_eq!(day(&[ROWS]), backwards);
        assert_eq!((backwards.unreadable, backwards.requests(), backwards.keys), (1, 2, 1));
        let text = serde_json::to_string(&day(&lines[..2])).unwrap();
        let mut later = Summing::from(serde_json::from_str::<Day>(&text).unwrap());
        later.add("3", lines[2].as_bytes());
        later.add("4", lines[3].as_bytes());
        assert_eq!(later.day(), day(&lines));
    }

    #[test]
    fn a_day_goes_on_behind_its_last_key_unless_one_came_late() {
        let rolled = || day(&["", "", ""]);
        let resumed = |keys: &[&str]| {
            let (day, new) = rolled().resumed(keys);
            (day == rolled(), new.join(","))
        };
        assert_eq!(resumed(&["1", "2", "3"]), (true, String::new()));
        assert_eq!(resumed(&["1", "2", "3", "4", "5"]), (true, "4,5".to_owned()));
        assert_eq!(resumed(&["1", "15", "2", "3", "4"]), (false, "1,15,2,3,4".to_owned()));
        assert_eq!(resumed(&["1", "3"]), (false, "1,3".to_owned()));
        // A roll-up of a version that did not say how far it came.
        let old = Day { through: String::new(), keys: 0, ..rolled() };
        assert_eq!(old.resumed(&["1", "2"]), (Day::default(), &["1", "2"][..]));
    }

    #[test]
    fn reports_split_by_what_is_asked() {
        let by = By::parse("provider,tag:team,user").unwrap();
        let mut report = Report::default();
        report.add("acme", "2026-11-21", &day(&[ROWS]), &by);
        assert_eq!(report.total().requests, 2);
        let csv = report.csv(&by);
        let lines: Vec<&str> = csv.lines().collect();
        assert!(lines[0].starts_with("provider,tag:team,user,requests"), "{csv}");
        assert_eq!(lines[1], "a,x,'=ann,1,0,0,0,10,5,0,0,0.000000020,1,1,0.000000007,0,0.000000000");
        assert_eq!(lines[2], "b,,,1,1,1,0,0,0,0,0,0.000000000,0,0,0.000000000,1,0.000000009");
        assert_eq!(report.json(&by)[0]["tag:team"], "x");
        assert_eq!(By::parse("model,moon"), None);
        assert_eq!(By::parse("tag:"), None);
    }
}
