//! The sections that hold for all models: embeddings, guardrails, tenants, limits, cors.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, IntoDeserializer, MapAccess, Visitor},
};

use super::{quota::Quotas, seconds};
use crate::config::text::{Origin, Period, Reference, Size};

/// Embeddings that Sluice itself makes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Embeddings {
    /// The model that makes them. Default: `builtin/static`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Reference>,
}

/// Checks of prompts and of answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Guardrail {
    /// Run on what callers send, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<Check>,
    /// Run on what models answer, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<Check>,
}

/// One check: its name, or its name and what to do with what it finds (`pii: redact`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is looked for.
    pub name: CheckName,
    /// What is done with what is found. Default: deny.
    pub action: Action,
}

/// What a check looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// Attempts to talk the model out of its instructions.
    Injection,
    /// Personal data.
    Pii,
    /// Keys and passwords.
    Secrets,
}

/// What is done with what a check finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is only noted.
    Allow,
    /// It is blacked out.
    Redact,
    /// The request or the answer is refused.
    #[default]
    Deny,
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.action == Action::default() {
            return self.name.serialize(serializer);
        }
        BTreeMap::from([(self.name, self.action)]).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Check {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Check;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a check, or one name and its action")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Check, E> {
                let name = CheckName::deserialize(text.into_deserializer())?;
                Ok(Check { name, action: Action::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Check, A::Error> {
                let one = "an object with one check and its action";
                let Some((name, action)) = map.next_entry()? else {
                    return Err(A::Error::invalid_length(0, &one));
                };
                match map.next_key::<CheckName>()? {
                    Some(_) => Err(A::Error::invalid_length(2, &one)),
                    None => Ok(Check { name, action }),
                }
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Check {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Check".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let action = generator.subschema_for::<Action>();
        schemars::json_schema!({
            "description": "One check: its name (what it finds is then denied), or its name and its action.",
            "anyOf": [
                generator.subschema_for::<CheckName>(),
                {
                    "type": "object",
                    "properties": { "injection": action, "pii": action, "secrets": action },
                    "additionalProperties": false,
                    "minProperties": 1,
                    "maxProperties": 1,
                },
            ],
            "errorMessage": "must be the name of a check (injection, pii, secrets), or one name and its action, \
                             such as `pii: redact`",
        })
    }
}

/// Tenants and their keys live in KV; here is what holds for all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Tenants {
    /// What a tenant has whose record says nothing else.
    pub defaults: Quotas,
}

/// Limits on what callers send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest body.
    pub max_body: Size,
    /// How long a body may take to come in.
    pub body_timeout: Period,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_body: Size(20_000_000), body_timeout: seconds(30) }
    }
}

/// Which websites may call from a browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// The websites: `*` for any (keys still decide what a caller may do), or scheme and host of each. An empty
    /// list allows none.
    pub origins: Vec<Origin>,
    /// How long a browser may keep the answer to its preflight request.
    pub max_age: Period,
}

impl Default for Cors {
    fn default() -> Self {
        Self { origins: "*".parse().into_iter().collect(), max_age: seconds(7_200) }
    }
}
