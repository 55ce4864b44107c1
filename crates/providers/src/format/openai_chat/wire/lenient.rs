//! Values that may be of any type: what is not of the expected one counts as absent.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;
use sluice_types::json::Str;

/// Text, or nothing.
#[derive(Default)]
pub(in crate::format) struct Text<'a>(pub(in crate::format) Option<Str<'a>>);

impl<'a> Text<'a> {
    /// The text, unless there is none of it.
    pub(in crate::format) fn said(self) -> Option<Str<'a>> {
        self.0.filter(|text| !text.is_empty())
    }
}

/// A number, or nothing.
#[derive(Default)]
pub(in crate::format) struct Number(pub(in crate::format) Option<f64>);

impl Number {
    /// The number as an index; 0 if there is none.
    pub(in crate::format) fn index(&self) -> u32 {
        self.0.map_or(0, |number| number as u32)
    }

    /// The number as a count.
    pub(in crate::format) fn count(&self) -> Option<u64> {
        self.0.filter(|number| 0.0 <= *number).map(|number| number as u64)
    }
}

/// A message's content.
#[derive(Default)]
pub(in crate::format) enum Content<'a> {
    /// None, or of a type that means nothing.
    #[default]
    Nothing,
    /// Text.
    Text(Str<'a>),
    /// A list of parts.
    Parts(Vec<&'a RawValue>),
}

/// A list that mostly holds one item, for which it needs no memory of its own.
pub(in crate::format) struct Few<T> {
    first: Option<T>,
    rest: Vec<T>,
}

impl<T> Few<T> {
    /// Whether there are no items.
    pub(in crate::format) fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, rest: Vec::new() }
    }
}

impl<T> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            match self.first {
                None => self.first = Some(item),
                Some(_) => self.rest.push(item),
            }
        }
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

/// An object, or nothing.
pub(in crate::format) struct Object<T>(pub(in crate::format) Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// A list that is mostly absent.
pub(in crate::format) struct Many<T>(pub(in crate::format) Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Extend<T> for Many<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        self.0.extend(items);
    }
}

/// Skips what is of a type that means nothing, and gives the default; objects too where a lifetime is given.
macro_rules! nothing_else {
    ($life:lifetime) => {
        nothing_else!();

        fn visit_map<A: MapAccess<$life>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Default::default())
        }
    };
    () => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("anything")
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(Default::default())
        }

        fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    };
}

macro_rules! no_text {
    () => {
        fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    };
}

macro_rules! no_number {
    () => {
        fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }

        fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }

        fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    };
}

macro_rules! no_list {
    ($life:lifetime) => {
        fn visit_seq<A: SeqAccess<$life>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Default::default())
        }
    };
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;

            nothing_else!('de);
            no_number!();
            no_list!('de);

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Some(text.into())))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Some(text.to_owned().into())))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Number;

            nothing_else!('de);
            no_text!();
            no_list!('de);

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Number(Some(number as f64)))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Number(Some(number as f64)))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Number(Some(number)))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Content<'de>;

            nothing_else!('de);
            no_number!();

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Content::Text(text.into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Content::Text(text.to_owned().into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = seq.next_element()? {
                    parts.push(part);
                }
                Ok(Content::Parts(parts))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = Object<T>;

            nothing_else!();
            no_text!();
            no_number!();
            no_list!('de);

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|object| Object(Some(object)))
            }
        }

        deserializer.deserialize_any(Any(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyList(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyList(PhantomData))
    }
}

/// Reads a list `L` of `T`.
struct AnyList<T, L>(PhantomData<(T, L)>);

impl<'de, T: Deserialize<'de>, L: Default + Extend<T>> Visitor<'de> for AnyList<T, L> {
    type Value = L;

    nothing_else!('de);
    no_text!();
    no_number!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = L::default();
        while let Some(item) = seq.next_element()? {
            list.extend([item]);
        }
        Ok(list)
    }
}
