//! JSON that is kept as it was written: text that borrows, raw values, objects with their order.

use std::{borrow::Cow, fmt, ops::Deref, str::Utf8Error};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, IgnoredAny, MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::value::RawValue;

/// Reads JSON that comes as bytes. They are seen to be UTF-8 once, which takes less time than doing so for each string of them.
///
/// # Errors
///
/// What is wrong with it. Bytes that break off in the midst of a character are an end too soon, as any that break off.
pub fn from_bytes<'a, T: Deserialize<'a>>(json: &'a [u8]) -> serde_json::Result<T> {
    match str::from_utf8(json) {
        Ok(text) => serde_json::from_str(text),
        Err(wrong) => Err(not_utf8(json, wrong)),
    }
}

#[cold]
fn not_utf8(json: &[u8], wrong: Utf8Error) -> serde_json::Error {
    let whole = json.get(..wrong.valid_up_to()).and_then(|whole| str::from_utf8(whole).ok());
    let end = whole
        .and_then(|whole| serde_json::from_str::<IgnoredAny>(whole).err())
        .filter(serde_json::Error::is_eof);
    end.filter(|_| wrong.error_len().is_none())
        .unwrap_or_else(|| de::Error::custom(format_args!("not UTF-8 at byte {}", wrong.valid_up_to())))
}

/// Text that borrows from the JSON it was read from unless an escape forced a copy.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Str<'a>(pub Cow<'a, str>);

impl Str<'_> {
    /// The same text, owned.
    pub fn into_owned(self) -> Str<'static> {
        Str(Cow::Owned(self.0.into_owned()))
    }

    /// The same text, borrowed from this one.
    pub fn borrowed(&self) -> Str<'_> {
        Str(Cow::Borrowed(&self.0))
    }
}

impl Deref for Str<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Str<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> From<&'a str> for Str<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Str<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl PartialEq<str> for Str<'_> {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Str<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl Serialize for Str<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Str<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Str<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Str(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Str(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
                Ok(Str(Cow::Owned(text)))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// A JSON value exactly as it was written, spaces and number formats included.
#[derive(Clone)]
pub struct Raw<'a>(Cow<'a, RawValue>);

impl Raw<'_> {
    /// The JSON text.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// The same value, owned.
    pub fn into_owned(self) -> Raw<'static> {
        Raw(Cow::Owned(self.0.into_owned()))
    }

    /// Whether the value is JSON `null`.
    pub fn is_null(&self) -> bool {
        self.text() == "null"
    }

    /// Reads `T` out of the value, borrowing from it.
    ///
    /// # Errors
    ///
    /// As `serde_json::from_str`.
    pub fn read<'s, T: Deserialize<'s>>(&'s self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.text())
    }
}

impl<'a> Raw<'a> {
    /// The value `json` holds; `None` if it is not one valid JSON value.
    pub fn parse(json: &'a str) -> Option<Self> {
        serde_json::from_str::<&RawValue>(json).ok().map(|raw| Self(Cow::Borrowed(raw)))
    }

    /// The value written as JSON; `None` if it cannot be, as with a map whose keys are not strings.
    pub fn write<T: Serialize + ?Sized>(value: &T) -> Option<Raw<'static>> {
        serde_json::value::to_raw_value(value).ok().map(|raw| Raw(Cow::Owned(raw)))
    }
}

impl<'a> From<&'a RawValue> for Raw<'a> {
    fn from(raw: &'a RawValue) -> Self {
        Self(Cow::Borrowed(raw))
    }
}

impl PartialEq for Raw<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(|raw| Self(Cow::Borrowed(raw)))
    }
}

/// A JSON object with its members in the order they came, each value as it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members<'a>(pub Vec<(Str<'a>, Raw<'a>)>);

impl<'a> Members<'a> {
    /// The value of the last member called `name`, as JSON readers have it.
    pub fn value(&self, name: &str) -> Option<&Raw<'a>> {
        self.0.iter().rev().find(|(key, _)| *key == *name).map(|(_, value)| value)
    }

    /// Takes every member called `name` out and gives the last one's value.
    pub fn take(&mut self, name: &str) -> Option<Raw<'a>> {
        let mut taken = None;
        self.0.retain_mut(|(key, value)| {
            let hit = *key == *name;
            if hit {
                taken = Some(value.clone());
            }
            !hit
        });
        taken
    }

    /// Puts `value` where `name` stands, or at the end where there is none.
    pub fn set(&mut self, name: &'a str, value: Raw<'a>) {
        match self.0.iter_mut().find(|(key, _)| *key == *name) {
            Some((_, old)) => *old = value,
            None => self.0.push((Str::from(name), value)),
        }
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    members.push(entry);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf_8() {
        let read = |json: &[u8]| from_bytes::<Str<'_>>(json).map(|text| text.to_string());
        assert_eq!(read("\"é\"".as_bytes()).unwrap(), "é");
        let cut = read(b"\"a\xc3").unwrap_err();
        assert!(cut.is_eof(), "{cut}");
        let broken = read(b"\"a\xc3\"").unwrap_err();
        assert_eq!((broken.is_eof(), broken.to_string().as_str()), (false, "not UTF-8 at byte 2"));
    }

    #[test]
    fn text_borrows_unless_escaped() {
        let plain: Vec<Str<'_>> = serde_json::from_str(r#"["abc", "a\nb"]"#).unwrap();
        assert!(matches!(plain[0].0, Cow::Borrowed("abc")));
        assert!(matches!(plain[1].0, Cow::Owned(_)));
    }

    #[test]
    fn members_keep_order_spacing_and_number_formats() {
        let json = r#"{"b":1.50,"a":{"z": 1,  "y":[2]},"b2":1e3}"#;
        let members: Members<'_> = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&members).unwrap(), json);
    }

    #[test]
    fn members_set_in_place_and_take_all() {
        let mut members: Members<'_> = serde_json::from_str(r#"{"a":1,"b":2,"a":3}"#).unwrap();
        assert_eq!(members.value("a").unwrap().text(), "3");
        assert_eq!(members.take("a").unwrap().text(), "3");
        members.set("b", Raw::parse("9").unwrap());
        members.set("c", Raw::parse("true").unwrap());
        assert_eq!(serde_json::to_string(&members).unwrap(), r#"{"b":9,"c":true}"#);
    }
}
