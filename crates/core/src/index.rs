//! The index of a store of knowledge: its chunks' texts, words and vectors, and what is known of each file.
//!
//! One exact object per store (see [`Counters`](crate::port::Counters), owner [`Place::owner`]), so that a search is one
//! call. Here is what it means, pure; [`gateway::index`](crate::gateway::index) asks it, `gateway::index_object` answers.
//!
//! ```text
//! cells   i/meta                 [`meta::Meta`]: the model, the pages, which versions of files are not to be seen
//!         f/{file}               which version of a file is seen, which is coming, or since when it is removed
//!         n/{number}             a version of a file: its name, attributes, segments
//!         x/{version}            its number, by what the ids of its chunks begin with
//!         t/{number}/{ordinal}   a chunk as JSON
//! pages   p/{page}               which words stand where: segments of `retrieval::postings` in a [`bundle`]
//!         v/{space}/{page}       vectors: segments of `retrieval::dense` in a bundle
//! ```
//!
//! Chunks of a file come in batches; each batch is a *segment*, which never changes. Segments of a version that is not
//! whole, or no more wanted, stand in `meta` as hidden: whoever reads sees all of a file or nothing, and a file's new
//! version takes the place of its old one at once.

pub mod bundle;
pub mod given;
pub mod memory;
pub mod meta;
pub mod wire;

use std::fmt;

use serde::{Deserialize, Serialize};
use sluice_retrieval::{dense::Vector, mix::Mix, terms::Query as Words};
use sluice_types::{
    knowledge::{Attributes, Chunk, Filter},
    time::Timestamp,
};

use crate::key;

/// The most numbers that all vectors of a chunk may have together: a segment of 64 chunks must stay below 1 MB.
pub const NUMBERS: usize = 12_288;

/// A page takes segments until it has so many bytes. Hosts keep rows of up to 2 MB.
pub const PAGE: usize = 500_000;

/// The most chunks of one call.
pub const BATCH: usize = 64;

/// The most candidates of a search.
pub const CANDIDATES: usize = 100;

/// Where an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The tenant, from the authenticated record.
    pub tenant: &'a str,
    /// The store: `vs_…`.
    pub store: &'a str,
}

impl Place<'_> {
    /// The owner of its object.
    pub fn owner(&self) -> String {
        format!("~index/{}/{}", self.tenant, self.store)
    }
}

/// What made vectors: only those of the same model and length can be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// The embeddings model, with its version where it has one.
    pub model: String,
    /// How many numbers a vector has.
    pub dims: u32,
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} dimensions)", self.model, self.dims)
    }
}

/// A version of a file in a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// Its id: `file-…`.
    pub id: String,
    /// SHA-256 over its bytes and whatever decides about its chunks, in hexadecimal. Putting the same version again
    /// changes nothing; another version takes the place of the one there, once it is whole.
    pub version: String,
    /// The name it was uploaded with.
    pub filename: String,
    /// What the operator says of it.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// When it was attached to the store. A removal after that wins, however late the put comes.
    pub attached_at: Timestamp,
    /// How many chunks it has in all.
    pub chunks: u32,
}

/// A chunk to be put.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The chunk; its ordinals count from 0 to [`File::chunks`].
    pub chunk: Chunk,
    /// The whole chunk's vector first, then those of its windows; none where vectors are kept elsewhere. Windows beyond
    /// [`NUMBERS`] are left out.
    pub vectors: Vec<Vector>,
}

/// How far a file has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Runs of ordinals that are missing: the first, and the first no more.
    pub missing: Vec<(u32, u32)>,
    /// Chunks that are there, of [`File::chunks`].
    pub received: u32,
    /// Whether this version is what searches see.
    pub live: bool,
    /// Whether old chunks wait to be taken out: see [`wire::Call::Tidy`].
    pub untidy: bool,
}

/// What is searched for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Its words.
    pub words: Words,
    /// Its nearness to chunks.
    pub dense: Dense,
    /// Which files are looked at.
    pub filter: Option<Filter>,
    /// The most candidates wanted, at most [`CANDIDATES`].
    pub most: u32,
    /// The dense side's share of the order in which candidates are chosen, `0.0..=1.0`: see `retrieval::mix`.
    pub weight: f32,
}

/// Where a search has the nearness of chunks from.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Dense {
    /// It goes by words only.
    #[default]
    None,
    /// The index compares.
    Vector {
        /// What made the vector.
        space: Space,
        /// The query's vector.
        vector: Vector,
    },
    /// Another service has compared: the ids of chunks and their cosine.
    Found(Vec<(String, f32)>),
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Candidates, the best first by the mixed score; not yet told apart, reranked or cut off.
    pub candidates: Vec<Candidate>,
    /// How the scores of all chunks looked at lie.
    pub mix: Mix,
    /// How much each term of the query weighs.
    pub weights: Vec<f32>,
    /// The score BM25 could have given at most.
    pub most: f32,
    /// Which state of the index it was.
    pub generation: u64,
}

/// A chunk that may be what was searched for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The file.
    pub file: String,
    /// Its name.
    pub filename: String,
    /// What is said of it.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// The chunk.
    pub chunk: Chunk,
    /// Its BM25 score; 0 where it has none of the words.
    pub lexical: f32,
    /// Its cosine, the mean of the whole chunk's and of its best window's; 0 where it was not compared.
    pub dense: f32,
    /// Both mixed: see `retrieval::mix`.
    pub mixed: f32,
}

/// What an index has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What made its vectors; `None` while nothing was put.
    pub space: Option<Space>,
    /// Counts the spaces it had: part of the name under which another service keeps its vectors.
    pub space_number: u32,
    /// What it is being embedded anew with.
    pub next: Option<Space>,
    /// The number that space will have.
    pub next_number: u32,
    /// Chunks that have no vector of it yet.
    pub pending: u64,
    /// The last number of a space.
    pub spaces: u32,
    /// Files that are seen.
    pub files: u64,
    /// Their chunks.
    pub chunks: u64,
    /// Bytes of their chunks' texts.
    pub bytes: u64,
    /// Grows with every change: a part of what answers depend on.
    pub generation: u64,
    /// Whether chunks wait to be taken out.
    pub untidy: bool,
}

/// Why an index does not do what it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Its vectors were made with something else.
    OtherSpace {
        /// What they were made with.
        has: Space,
        /// What was brought.
        got: Space,
    },
    /// The file was removed after it was attached.
    Removed,
    /// The call makes no sense: what is wrong with it.
    Wrong(String),
    /// The next space is not whole yet: so many chunks have no vector of it.
    Pending(u64),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherSpace { has, got } => write!(
                f,
                "the store's vectors were made with {has}, these with {got}: use the same embeddings model, or \
                 embed the store anew"
            ),
            Self::Removed => f.write_str("the file was removed from the store"),
            Self::Wrong(what) => f.write_str(what),
            Self::Pending(count) => {
                write!(f, "{count} chunks have no vector of the new embeddings model yet")
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// What the ids of a version's chunks begin with in another service: 32 hexadecimal digits.
pub fn version_id(file: &File) -> String {
    let mut id = key::hex(&key::digest(&format!("{}\n{}", file.id, file.version)));
    id.truncate(32);
    id
}

/// The id of a chunk in another service: at most 43 bytes.
pub fn chunk_id(version_id: &str, ordinal: u32) -> String {
    format!("{version_id}-{ordinal}")
}

/// The version and the ordinal that a chunk's id names.
pub fn of_chunk_id(id: &str) -> Option<(&str, u32)> {
    let (version, ordinal) = id.split_once('-')?;
    Some((version, ordinal.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_ids_are_short_and_of_one_version() {
        let file = |version: &str| File {
            id: "file-1".to_owned(),
            version: version.to_owned(),
            filename: String::new(),
            attributes: Attributes::new(),
            attached_at: Timestamp(0),
            chunks: 1,
        };
        let id = chunk_id(&version_id(&file("a")), u32::MAX);
        assert_eq!(id.len(), 43);
        assert_eq!(of_chunk_id(&id), Some((version_id(&file("a")).as_str(), u32::MAX)));
        assert_ne!(version_id(&file("a")), version_id(&file("b")));
    }
}
