//! Calls and answers of an object that keeps vectors: a head in JSON, and vectors behind it.
//!
//! ```text
//! 2 (u8: a call or answer of vectors), length of the head (u32, little-endian), head, vectors (f32 each)
//! ```

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sluice_types::{
    json::from_bytes,
    knowledge::{Attributes, Filter},
};

use super::Near;

/// What a call or an answer begins with.
pub const VECTORS: u8 = 2;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Points, each in the place of the one with its id. Their vectors follow.
    Upsert {
        /// The namespace.
        space: String,
        /// How many numbers a vector has.
        dims: u16,
        /// What is known of them.
        points: Vec<Entry>,
    },
    /// Remove points.
    Remove {
        /// The namespace.
        space: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// The nearest to the vector that follows.
    Nearest {
        /// The namespace.
        space: String,
        /// How many.
        count: u32,
        /// Which are looked at.
        filter: Option<Filter>,
        /// Whether their texts are wanted.
        texts: bool,
    },
}

/// A point but for its vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// Its text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Its labels.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub labels: Attributes,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was done.
    Done,
    /// The nearest first.
    Near(Vec<Near>),
    /// It was not done: the namespace's vectors have another length.
    Dims(u16),
}

/// The bytes of a head and vectors.
///
/// # Errors
///
/// If the head cannot be written as JSON.
pub fn frame<'v>(
    head: &impl Serialize,
    vectors: impl IntoIterator<Item = &'v [f32]>,
) -> Result<Bytes, serde_json::Error> {
    let head = serde_json::to_vec(head)?;
    let mut out = vec![VECTORS];
    out.extend_from_slice(&(head.len() as u32).to_le_bytes());
    out.extend_from_slice(&head);
    for value in vectors.into_iter().flatten() {
        out.extend_from_slice(&value.to_le_bytes());
    }
    Ok(out.into())
}

/// The head, and the numbers of all vectors.
///
/// # Errors
///
/// What is wrong with the bytes.
pub fn open<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, Vec<f32>), String> {
    let rest = bytes.strip_prefix(&[VECTORS]).ok_or("not a frame")?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or("cut off")?;
    let (head, after) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or("cut off")?;
    let head = from_bytes(head).map_err(|error| error.to_string())?;
    let number = |bytes: &[u8]| bytes.first_chunk::<4>().map_or(0.0, |bytes| f32::from_le_bytes(*bytes));
    Ok((head, after.chunks_exact(4).map(number).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_opened_as_they_were_made() {
        let call = Call::Remove { space: "a".to_owned(), ids: vec!["1".to_owned()] };
        let bytes = frame(&call, [&[1.5, -2.0][..], &[0.25]]).unwrap();
        assert_eq!(open::<Call>(&bytes), Ok((call, vec![1.5, -2.0, 0.25])));
        for end in 0..bytes.len() - 12 {
            assert!(open::<Call>(&bytes[..end]).is_err(), "{end}");
        }
    }
}
