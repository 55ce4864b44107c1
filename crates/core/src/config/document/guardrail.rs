//! `guardrails`: named lists of checks, by stage.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{
        DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor,
        value::{MapAccessDeserializer, StringDeserializer},
    },
};

use super::{Hook, OneOrMore, is_default};
use crate::config::number::Share;

/// Checks of what callers send and of what models answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Guardrail {
    /// Run on what callers send.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<Check>,
    /// Run on what tools told, in the place of the checks of `input`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_result: Vec<Check>,
    /// Run on passages that were retrieved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retrieved: Vec<Check>,
    /// Run on what models answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<Check>,
    /// Whether findings are only noted, whatever the actions. Default: false.
    #[serde(skip_serializing_if = "is_default")]
    pub dry_run: bool,
}

impl Guardrail {
    /// Its stages with their names.
    pub fn stages(&self) -> [(Stage, &[Check]); 4] {
        [
            (Stage::Input, &self.input),
            (Stage::ToolResult, &self.tool_result),
            (Stage::Retrieved, &self.retrieved),
            (Stage::Output, &self.output),
        ]
    }
}

/// Where a check runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// What callers send.
    Input,
    /// What tools told.
    ToolResult,
    /// Passages that were retrieved.
    Retrieved,
    /// What models answer.
    Output,
}

impl Stage {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::ToolResult => "tool_result",
            Self::Retrieved => "retrieved",
            Self::Output => "output",
        }
    }
}

/// One check: its name, its name and what to do with what it finds (`pii: redact`), or all about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Check(pub Spelled);

/// All about a check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Spelled {
    /// What is looked for.
    pub check: CheckName,
    /// What is done with what is found. Default: `deny`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub action: Action,
    /// `injection`: how readily a text is called an attack. Default: `balanced`, about 1 in 100 harmless ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// `pii`: the kinds looked for. Default: all that have a form or a check digit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// `pii`: values let pass, and domains as `@example.com`. `links`: hosts that may be linked to. `policy`: phrases let
    /// pass although a denied one is part of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// `policy`: words and phrases that must not be said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// `policy`: regular expressions that must not match. `pii`: those of values let pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<String>,
    /// `policy`: languages that may be spoken, such as `en`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub languages: Option<OneOrMore<String>>,
    /// `policy`: the most characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_characters: Option<usize>,
    /// `policy`: the most words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_words: Option<usize>,
    /// `grounding`: the least share of support, from 0 to 1, that is enough. Default: 0.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Share>,
    /// `hook`: who is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<Box<Hook>>,
}

/// What a check looks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// Attempts to talk the model out of its instructions.
    #[default]
    Injection,
    /// Personal data.
    Pii,
    /// Keys and passwords.
    Secrets,
    /// The system prompt in an answer.
    Leak,
    /// Pictures and links in an answer that would carry data to hosts not allowed.
    Links,
    /// JSON that does not follow the schema that was asked for.
    Schema,
    /// How far an answer rests on the passages its request brought.
    Grounding,
    /// Words, patterns, languages and lengths that are not wanted.
    Policy,
    /// What a guardrail somewhere else says.
    Hook,
}

impl CheckName {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Injection,
        Self::Pii,
        Self::Secrets,
        Self::Leak,
        Self::Links,
        Self::Schema,
        Self::Grounding,
        Self::Policy,
        Self::Hook,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Injection => "injection",
            Self::Pii => "pii",
            Self::Secrets => "secrets",
            Self::Leak => "leak",
            Self::Links => "links",
            Self::Schema => "schema",
            Self::Grounding => "grounding",
            Self::Policy => "policy",
            Self::Hook => "hook",
        }
    }
}

/// How readily a text is called an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// About 3 in 1,000 harmless texts are taken for one.
    Quiet,
    /// About 1 in 100.
    Balanced,
    /// About 2 in 100.
    Strict,
}

/// What is done with what a check finds; the later, the stricter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is noted.
    Flag,
    /// It is blacked out for the provider, and back in the answer. In an answer: blacked out.
    Redact,
    /// It is blacked out for good.
    Mask,
    /// The next target is asked.
    Retry,
    /// The request or the answer is refused.
    #[default]
    Deny,
}

impl Action {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Redact => "redact",
            Self::Mask => "mask",
            Self::Retry => "retry",
            Self::Deny => "deny",
        }
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Spelled { check, action, .. } = self.0;
        let short = self.0 == Spelled { check, action, ..Spelled::default() };
        match (short, action == Action::default()) {
            (true, true) => check.serialize(serializer),
            (true, false) => BTreeMap::from([(check, action)]).serialize(serializer),
            (false, _) => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Check {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Check;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a check, one name and its action, or `check` and more about it")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Check, E> {
                let check = CheckName::deserialize(text.into_deserializer())?;
                Ok(Check(Spelled { check, ..Spelled::default() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Check, A::Error> {
                let one = "one check and its action";
                let Some(first) = map.next_key::<String>()? else {
                    return Err(A::Error::invalid_length(0, &one));
                };
                let Some(check) = CheckName::ALL.into_iter().find(|check| check.name() == first) else {
                    let all = Resumed { first: Some(first), map };
                    return Spelled::deserialize(MapAccessDeserializer::new(all)).map(Check);
                };
                let action = map.next_value()?;
                match map.next_key::<String>()? {
                    Some(_) => Err(A::Error::invalid_length(2, &one)),
                    None => Ok(Check(Spelled { check, action, ..Spelled::default() })),
                }
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// A map whose first key has been read already.
struct Resumed<A> {
    first: Option<String>,
    map: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Resumed<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.first.take() {
            Some(first) => {
                let key: StringDeserializer<A::Error> = first.into_deserializer();
                seed.deserialize(key).map(Some)
            }
            None => self.map.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Check {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Check".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let action = generator.subschema_for::<Action>();
        let named: serde_json::Map<String, serde_json::Value> = CheckName::ALL
            .into_iter()
            .map(|check| (check.name().to_owned(), action.clone().to_value()))
            .collect();
        schemars::json_schema!({
            "description": "One check: its name (what it finds is then denied), its name and its action, or all about it.",
            "anyOf": [
                generator.subschema_for::<CheckName>(),
                {
                    "type": "object",
                    "properties": named,
                    "additionalProperties": false,
                    "minProperties": 1,
                    "maxProperties": 1,
                },
                generator.subschema_for::<Spelled>(),
            ],
            "errorMessage": "must be the name of a check (injection, pii, secrets, leak, links, schema, grounding, policy, hook), one name and \
                             its action, such as `pii: redact`, or `check` and more about it",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_written_in_three_ways() {
        for (json, check, action, kinds) in [
            (r#""secrets""#, CheckName::Secrets, Action::Deny, 0),
            (r#"{"pii":"redact"}"#, CheckName::Pii, Action::Redact, 0),
            (r#"{"check":"pii","action":"mask","kinds":["email"]}"#, CheckName::Pii, Action::Mask, 1),
        ] {
            let read: Check = serde_json::from_str(json).unwrap();
            assert_eq!((read.0.check, read.0.action, read.0.kinds.len()), (check, action, kinds));
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
        for wrong in [
            r#""odd""#,
            "{}",
            r#"{"pii":"odd"}"#,
            r#"{"pii":"redact","secrets":"deny"}"#,
            r#"{"action":"deny"}"#,
        ] {
            assert!(serde_json::from_str::<Check>(wrong).is_err(), "{wrong}");
        }
    }
}
