//! A JSON object whose members are taken out one by one, each borrowed from the body it stands in.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use sluice_types::{
    error::Failure,
    json::{Members, Raw, Str},
};

/// The members of an object that have not been taken yet, in order.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(pub(super) Vec<(Str<'a>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Takes every member called `name` out and gives the last one's value; `null` is absent.
    pub(super) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let mut taken = None;
        self.0.retain(|(key, value)| {
            let hit = *key == *name;
            if hit {
                taken = Some(*value);
            }
            !hit
        });
        taken.filter(|value| value.get() != "null")
    }

    /// Takes `name` out and reads it; `None` if it is absent.
    ///
    /// # Errors
    ///
    /// That `param` must be what is `expected`.
    pub(super) fn read<T: Deserialize<'a>>(
        &mut self,
        name: &str,
        param: &str,
        expected: &str,
    ) -> Result<Option<T>, Failure> {
        self.take(name).map(|value| typed(value, param, expected)).transpose()
    }

    /// What has not been taken.
    pub(super) fn rest(self) -> Members<'a> {
        Members(self.0.into_iter().map(|(name, value)| (name, Raw::from(value))).collect())
    }
}

/// Reads `value`, or says that `param` must be what is `expected`.
pub(super) fn typed<'a, T: Deserialize<'a>>(
    value: &'a RawValue,
    param: &str,
    expected: &str,
) -> Result<T, Failure> {
    serde_json::from_str(value.get()).map_err(|_| Failure::invalid(param, expected))
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
