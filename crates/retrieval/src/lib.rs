//! From a question to passages, and from an answer to what it rests on.
//!
//! Everything here is pure: texts, bytes and numbers in, values out. Nothing stores, fetches, reads a clock or logs, and
//! no module knows where vectors come from: whoever calls embeds.
//!
//! | module | what it holds |
//! |---|---|
//! | [`terms`] | the words of a text as they are searched for; a question's terms |
//! | [`postings`] | which terms stand in which chunks of one file, packed |
//! | [`bm25`] | scores by words |
//! | [`dense`] | chunks' vectors, packed, and scores by meaning |
//! | [`mix`] | both scores made comparable and added |
//! | [`search`] | all of it over the files of a store |
//! | [`rerank`] | a second look at what was found |
//! | [`mmr`] | passages that do not repeat each other |
//! | [`rewrite`] | what a follow-up turn asks for |
//! | [`context`] | passages put together for a model |
//! | [`cite`] | citations in an answer, checked |
//! | [`text`] | sentences |

pub mod bm25;
pub mod cite;
pub mod context;
pub mod dense;
pub mod mix;
pub mod mmr;
mod packed;
pub mod postings;
pub mod rerank;
pub mod rewrite;
pub mod search;
pub mod terms;
pub mod text;
