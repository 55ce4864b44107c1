//! Members by their names, which Google reads in camel case and in snake case.

use std::borrow::Cow;

use serde_json::value::RawValue;
use sluice_types::{
    error::Failure,
    json::{Members, Raw, Str},
};

use crate::format::json::{Object, Value};

/// `name` in camel case.
pub(super) fn camel(name: &str) -> Cow<'_, str> {
    if !name.contains('_') || name.starts_with('_') {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len());
    let mut raised = false;
    for c in name.chars() {
        match c {
            '_' => raised = true,
            _ if raised => {
                raised = false;
                out.push(c.to_ascii_uppercase());
            }
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// The member `name` of `object`, in either spelling; `null` is as good as absent.
///
/// # Errors
///
/// That it is given twice: the provider might not take the one that was checked.
pub(super) fn get<'a, 'p>(object: &Object<'a, 'p>, name: &'p str) -> Result<Option<Value<'a, 'p>>, Failure> {
    let mut found = object.fields().iter().filter(|(key, raw)| camel(key) == name && raw.get() != "null");
    let value = found.next().map(|(_, raw)| Value { raw, path: object.path.member(name) });
    match found.next() {
        Some(_) => Err(object.path.member(name).invalid("is given twice")),
        None => Ok(value),
    }
}

/// The member `name`, which must be there.
///
/// # Errors
///
/// As [`get`], and that it is missing.
pub(super) fn require<'a, 'p>(object: &Object<'a, 'p>, name: &'p str) -> Result<Value<'a, 'p>, Failure> {
    get(object, name)?.ok_or_else(|| object.path.member(name).invalid("is required"))
}

/// The text of the member `name`.
///
/// # Errors
///
/// As [`get`], and that it is no text.
pub(super) fn string<'a, 'p>(object: &Object<'a, 'p>, name: &'p str) -> Result<Option<Str<'a>>, Failure> {
    get(object, name)?.map(|value| value.string()).transpose()
}

/// The truth of the member `name`.
///
/// # Errors
///
/// As [`get`], and that it is neither true nor false.
pub(super) fn boolean<'p>(object: &Object<'_, 'p>, name: &'p str) -> Result<Option<bool>, Failure> {
    get(object, name)?.map(|value| value.boolean()).transpose()
}

/// The items of a list; an object alone is a list of one, as Google reads it.
///
/// # Errors
///
/// That it is neither.
pub(super) fn items<'a>(value: &Value<'a, '_>) -> Result<Vec<&'a RawValue>, Failure> {
    if value.is_object() { Ok(vec![value.raw]) } else { value.list() }
}

/// The members of `object` but the `known` ones, under their names in camel case.
pub(super) fn rest<'a>(object: &Object<'a, '_>, known: &[&str]) -> Members<'a> {
    let members = object.fields().iter().filter(|(_, raw)| raw.get() != "null");
    let members = members.map(|(name, raw)| (camel(name).into_owned(), raw));
    let unknown = members.filter(|(name, _)| !known.contains(&name.as_str()));
    Members(unknown.map(|(name, raw)| (Str::from(name), Raw::from(*raw))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one_name() {
        for (told, name) in [
            ("inline_data", "inlineData"),
            ("inlineData", "inlineData"),
            ("max_output_tokens", "maxOutputTokens"),
            ("text", "text"),
            ("a_", "a"),
            ("_private", "_private"),
        ] {
            assert_eq!(camel(told), name);
        }
    }
}
