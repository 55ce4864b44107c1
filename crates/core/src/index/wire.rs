//! Calls and answers of an index on their way: a head in JSON, and packed bytes.
//!
//! ```text
//! 1 (u8: a call or answer of an index), length of the head (u32, little-endian), head, packed bytes
//! ```
//!
//! Calls of counter objects are JSON alone, so the first byte tells whose a call is.

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sluice_retrieval::terms::Query as Words;
use sluice_types::{
    json::from_bytes,
    knowledge::{Attributes, Chunk, Filter},
    time::Timestamp,
};

use super::{Candidate, File, Progress, Refusal, Space, State};

/// What a call or an answer of an index begins with.
pub const INDEX: u8 = 1;

/// What is asked of an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Put chunks of a file that follow each other. Their packed postings follow, then their packed vectors.
    Put {
        /// What made the vectors.
        space: Space,
        /// The file.
        file: File,
        /// At most [`BATCH`](super::BATCH) of its chunks; none, to ask how far it has come.
        chunks: Vec<Chunk>,
        /// How many bytes the postings have.
        postings: usize,
    },
    /// Take a file out of what is seen.
    Remove {
        /// Its id.
        file: String,
        /// When it was asked for.
        at: Timestamp,
    },
    /// Say something else of a file.
    Describe {
        /// Its id.
        file: String,
        /// What is said of it from now on.
        attributes: Attributes,
    },
    /// What is known of a file: [`Answer::File`].
    File(String),
    /// Chunks of a file, in order.
    Chunks {
        /// Its id.
        file: String,
        /// The first wanted.
        from: u32,
        /// How many at most.
        most: u32,
    },
    /// Search. The query's vector follows, if there is one.
    Search {
        /// The owner of the index, under whose name its pages are remembered.
        owner: String,
        /// Its words.
        words: Words,
        /// What made the vector.
        space: Option<Space>,
        /// What another service found: ids of chunks, and their cosine.
        found: Option<Vec<(String, f32)>>,
        /// Which files are looked at.
        filter: Option<Filter>,
        /// The most candidates.
        most: u32,
        /// The dense side's share.
        weight: f32,
    },
    /// What there is.
    State,
    /// Versions of files that have chunks, whether they are seen or not: [`Answer::Files`].
    Files {
        /// Only those that wait to be taken out; else those that do not.
        gone: bool,
        /// The number of the first.
        from: u32,
        /// How many at most.
        most: u32,
    },
    /// Begin to embed anew for this space. What was made for another one is dropped.
    Reembed(Space),
    /// Segments that have no vectors of the next space, from a version on.
    Pending {
        /// The number of the first version looked at.
        from: u32,
        /// How many segments at most.
        most: u32,
    },
    /// A segment's vectors of the next space follow.
    Revector {
        /// What made them.
        space: Space,
        /// Whose they are.
        of: SegmentOf,
    },
    /// Use the next space from now on, which must be this one and whole.
    Switch(Space),
    /// Take out some of the chunks that are no more seen.
    Tidy,
    /// Forget everything, a piece at a time.
    Forget,
}

/// A segment by the number of its file's version and its first ordinal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentOf {
    /// The number.
    pub number: u32,
    /// The first ordinal.
    pub first: u32,
}

/// A segment that waits for vectors of the next space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// Which.
    #[serde(flatten)]
    pub of: SegmentOf,
    /// Its file.
    pub file: File,
    /// Its chunks.
    pub chunks: Vec<Chunk>,
}

/// A file as the index knows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// The version that is seen, if one is.
    pub live: Option<File>,
    /// Bytes of its chunks' texts.
    pub bytes: u64,
    /// The version that is coming, and how many of its chunks are there.
    pub coming: Option<(File, u32)>,
}

/// What an index answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To [`Call::Put`].
    Progress(Progress),
    /// To [`Call::Remove`]: the version that was seen and is no more, if one was.
    Removed(Option<File>),
    /// To [`Call::Describe`]: whether the file is there.
    Described(bool),
    /// To [`Call::File`].
    File(Known),
    /// To [`Call::Chunks`]: `None` if the file is not seen.
    Chunks(Option<Vec<Chunk>>),
    /// To [`Call::Search`].
    Found {
        /// The candidates, best first.
        candidates: Vec<Candidate>,
        /// How lexical scores lie: mean and deviation.
        lexical: (f32, f32),
        /// How dense ones do.
        dense: (f32, f32),
        /// The weight of the dense side.
        weight: f32,
        /// How much each term of the query weighs.
        #[serde(default)]
        weights: Vec<f32>,
        /// The score BM25 could have given at most.
        most: f32,
        /// Which state it was.
        generation: u64,
    },
    /// To [`Call::State`], [`Call::Reembed`], [`Call::Revector`], [`Call::Switch`].
    State(State),
    /// To [`Call::Files`].
    Files {
        /// The versions.
        files: Vec<File>,
        /// The number to go on from; `None` at the end.
        next: Option<u32>,
    },
    /// To [`Call::Pending`].
    Pending {
        /// The segments.
        segments: Vec<Waiting>,
        /// The version to go on from; `None` at the end.
        next: Option<u32>,
    },
    /// To [`Call::Tidy`] and [`Call::Forget`]: whether it is to be asked again.
    More(bool),
    /// To any call: it was not done.
    Refused(Refusal),
}

/// The bytes of a head and what follows it.
///
/// # Errors
///
/// If the head cannot be written as JSON.
pub fn frame(head: &impl Serialize, after: &[u8]) -> Result<Bytes, serde_json::Error> {
    let head = serde_json::to_vec(head)?;
    let mut out = Vec::with_capacity(5 + head.len() + after.len());
    out.push(INDEX);
    out.extend_from_slice(&(head.len() as u32).to_le_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(after);
    Ok(out.into())
}

/// The head, and what follows it.
///
/// # Errors
///
/// What is wrong with the bytes.
pub fn open<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), String> {
    let rest = bytes.strip_prefix(&[INDEX]).ok_or("not a frame")?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or("cut off")?;
    let (head, after) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or("cut off")?;
    from_bytes(head).map(|head| (head, after)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_opened_as_they_were_made() {
        let call = Call::Chunks { file: "file-1".to_owned(), from: 0, most: 3 };
        let bytes = frame(&call, b"abc").unwrap();
        assert_eq!(open::<Call>(&bytes), Ok((call, &b"abc"[..])));
        for end in 0..bytes.len() - 3 {
            assert!(open::<Call>(&bytes[..end]).is_err(), "{end}");
        }
    }
}
