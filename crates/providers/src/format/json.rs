//! JSON read and written member by member: errors that name the place, no trees, no copies of what is only passed on.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use sluice_types::{
    error::{ErrorKind, Failure},
    json::{Members, Raw, Str},
};

/// Where a value stands in a request, such as `messages[2].content[0].image_url.url`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'p> {
    /// The body itself.
    Root,
    /// A member of an object.
    Member(&'p Path<'p>, &'p str),
    /// An item of a list.
    Item(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    /// The member `name` of what stands here.
    pub(crate) fn member(&'p self, name: &'p str) -> Self {
        Self::Member(self, name)
    }

    /// The item `index` of what stands here.
    pub(crate) fn item(&'p self, index: usize) -> Self {
        Self::Item(self, index)
    }

    /// A failure for what stands here.
    pub(crate) fn invalid(&self, predicate: impl fmt::Display) -> Failure {
        match self {
            Self::Root => Failure::new(ErrorKind::InvalidRequest, format!("the body {predicate}")),
            Self::Member(..) | Self::Item(..) => Failure::invalid(self.to_string(), predicate),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(Self::Root, name) => f.write_str(name),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A value that is being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a, 'p> {
    /// The value as it was written.
    pub(crate) raw: &'a RawValue,
    /// Where it stands.
    pub(crate) path: Path<'p>,
}

impl<'a, 'p> Value<'a, 'p> {
    fn expected(&self, what: &str) -> Failure {
        self.path.invalid(format!("must be {what}, not {}", kind(self.raw.get())))
    }

    pub(crate) fn read<T: Deserialize<'a>>(&self, what: &str) -> Result<T, Failure> {
        // Values are syntactically valid here; what is left are escapes that mean nothing and numbers too large.
        serde_json::from_str(self.raw.get())
            .map_err(|_| self.path.invalid(format!("cannot be read as {what}")))
    }

    /// Whether it is text.
    pub(crate) fn is_string(&self) -> bool {
        self.raw.get().starts_with('"')
    }

    /// Whether it is an object.
    pub(crate) fn is_object(&self) -> bool {
        self.raw.get().starts_with('{')
    }

    /// The text it must be.
    pub(crate) fn string(&self) -> Result<Str<'a>, Failure> {
        if self.is_string() { self.read("text") } else { Err(self.expected("a string")) }
    }

    /// The truth it must be.
    pub(crate) fn boolean(&self) -> Result<bool, Failure> {
        serde_json::from_str(self.raw.get()).map_err(|_| self.expected("true or false"))
    }

    /// The number it must be; `None` if `T` cannot hold it.
    pub(crate) fn number<T: Deserialize<'a>>(&self) -> Result<Option<T>, Failure> {
        match kind(self.raw.get()) {
            "a number" => Ok(serde_json::from_str(self.raw.get()).ok()),
            _ => Err(self.expected("a number")),
        }
    }

    /// The count it must be, also written as `256.0`; `None` if it is negative, broken or too large.
    pub(crate) fn count(&self) -> Result<Option<u32>, Failure> {
        let whole = |number: &f64| number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number);
        Ok(self.number::<f64>()?.filter(whole).map(|number| number as u32))
    }

    /// The items of the list it must be.
    pub(crate) fn list(&self) -> Result<Vec<&'a RawValue>, Failure> {
        if self.raw.get().starts_with('[') { self.read("a list") } else { Err(self.expected("a list")) }
    }

    /// The object it must be.
    pub(crate) fn object(&'p self) -> Result<Object<'a, 'p>, Failure> {
        if !self.is_object() {
            return Err(self.expected("an object"));
        }
        Ok(Object { fields: self.read::<Fields<'a>>("an object")?.0, path: &self.path })
    }
}

/// An object that is being read.
#[derive(Debug)]
pub(crate) struct Object<'a, 'p> {
    fields: Vec<(Str<'a>, &'a RawValue)>,
    /// Where it stands.
    pub(crate) path: &'p Path<'p>,
}

impl<'a, 'p> Object<'a, 'p> {
    /// The member `name`; `null` is as good as absent. A member given twice is refused: the provider might not
    /// take the one that was checked.
    pub(crate) fn get(&self, name: &'p str) -> Result<Option<Value<'a, 'p>>, Failure> {
        let mut found = self.fields.iter().filter(|(key, raw)| *key == *name && raw.get() != "null");
        let value = found.next().map(|(_, raw)| Value { raw, path: self.path.member(name) });
        match found.next() {
            Some(_) => Err(self.path.member(name).invalid("is given twice")),
            None => Ok(value),
        }
    }

    /// The member `name`, which must be there.
    pub(crate) fn require(&self, name: &'p str) -> Result<Value<'a, 'p>, Failure> {
        self.get(name)?.ok_or_else(|| self.path.member(name).invalid("is required"))
    }

    /// The text of the member `name`.
    pub(crate) fn string(&self, name: &'p str) -> Result<Option<Str<'a>>, Failure> {
        self.get(name)?.map(|value| value.string()).transpose()
    }

    /// The truth of the member `name`.
    pub(crate) fn boolean(&self, name: &'p str) -> Result<Option<bool>, Failure> {
        self.get(name)?.map(|value| value.boolean()).transpose()
    }

    /// The member `name` as it was written.
    pub(crate) fn raw(&self, name: &'p str) -> Result<Option<Raw<'a>>, Failure> {
        Ok(self.get(name)?.map(|value| Raw::from(value.raw)))
    }

    /// The members that are not `known`, in order.
    pub(crate) fn rest(&self, known: impl Fn(&str) -> bool) -> Members<'a> {
        let unknown = self.fields.iter().filter(|(name, _)| !known(name));
        Members(unknown.map(|(name, raw)| (name.clone(), Raw::from(*raw))).collect())
    }

    /// The members, in order.
    pub(crate) fn fields(&self) -> &[(Str<'a>, &'a RawValue)] {
        &self.fields
    }
}

/// Reads a caller's body, which must be an object.
pub(crate) fn body(bytes: &[u8]) -> Result<Object<'_, 'static>, Failure> {
    let wrong = |message: String| Failure::new(ErrorKind::InvalidRequest, message);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| wrong(format!("the body is not valid UTF-8 at byte {}", error.valid_up_to())))?;
    if text.trim_ascii().is_empty() {
        return Err(wrong("the body is empty: send a JSON object".to_owned()));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
        let what =
            if is_cut_off(&error, bytes) { "the body is cut off" } else { "the body is not valid JSON" };
        wrong(format!("{what}: {error}"))
    })?;
    if !raw.get().starts_with('{') {
        return Err(wrong(format!("the body must be a JSON object, not {}", kind(raw.get()))));
    }
    let fields: Fields<'_> = serde_json::from_str(raw.get())
        .map_err(|error| wrong(format!("the body cannot be read: {error}")))?;
    Ok(Object { fields: fields.0, path: &Path::Root })
}

/// Whether `error` came of reading JSON that breaks off: also in the midst of a number, which the parser calls invalid.
pub(crate) fn is_cut_off(error: &serde_json::Error, json: &[u8]) -> bool {
    let in_number = json.last().is_some_and(|last| last.is_ascii_digit() || b".eE+-".contains(last));
    error.is_eof() || error.is_syntax() && in_number
}

/// What kind of value `json` is, in words.
fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a truth value",
        Some(b'n') | None => "null",
        Some(_) => "a number",
    }
}

struct Fields<'a>(Vec<(Str<'a>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Fields(Vec::new()))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// An object that is being written.
pub(crate) struct ObjectWriter<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> ObjectWriter<'o> {
    /// Opens an object at the end of `out`.
    pub(crate) fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Writes `name`; the value is to be written to what is given back.
    pub(crate) fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        write(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// A member and its value.
    pub(crate) fn set<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        write(self.member(name), value);
    }

    /// A member and its value, if there is one.
    pub(crate) fn set_some<T: Serialize>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// A member whose value is JSON text already.
    pub(crate) fn raw(&mut self, name: &str, json: &str) {
        self.member(name).extend_from_slice(json.as_bytes());
    }

    /// Closes the object.
    pub(crate) fn close(self) {
        self.out.push(b'}');
    }
}

/// Writes a value that cannot fail to be JSON: text, numbers, raw values.
pub(crate) fn write<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let written = serde_json::to_writer(&mut *out, value);
    debug_assert!(written.is_ok(), "text, numbers and raw values can be written");
}

/// Writes `items` as a list, each by `write_item`.
pub(crate) fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write_item: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (i, item) in items.into_iter().enumerate() {
        if 0 < i {
            out.push(b',');
        }
        write_item(out, item);
    }
    out.push(b']');
}

/// Writes `text` as it stands inside a JSON string, without the quotes.
pub(crate) fn write_inside(out: &mut Vec<u8>, text: &str) {
    if !text.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\') {
        return out.extend_from_slice(text.as_bytes());
    }
    let mut quoted = Vec::with_capacity(text.len() + 16);
    write(&mut quoted, text);
    out.extend_from_slice(quoted.get(1..quoted.len() - 1).unwrap_or_default());
}

/// A call's arguments as the object they must be, as they were written.
///
/// # Errors
///
/// [`InvalidRequest`](ErrorKind::InvalidRequest) if they are something else.
pub(crate) fn arguments<'s>(id: &str, arguments: &'s str) -> Result<&'s str, Failure> {
    match arguments.trim() {
        "" | "null" => Ok("{}"),
        text if text.starts_with('{') && Raw::parse(text).is_some() => Ok(text),
        _ => {
            let predicate = format!("has a tool call `{id}` whose arguments are not a JSON object");
            Err(Failure::invalid("messages", predicate))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_become_an_object_unread() {
        assert_eq!(arguments("a", " {\"q\" : 1.0} ").unwrap(), "{\"q\" : 1.0}");
        assert_eq!(arguments("a", "").unwrap(), "{}");
        for broken in ["{\"q\":", "[1]", "\"x\"", "{} {}"] {
            assert!(arguments("call_7", broken).unwrap_err().message.contains("call_7"));
        }
    }
}
