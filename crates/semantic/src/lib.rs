//! Meaning at the edge: a small embedding model inside the bundle, and what is decided with it.
//!
//! Everything here is pure: bytes, texts and numbers in, values out. Nothing stores, fetches, reads a clock or logs.
//!
//! | module | what it holds |
//! |---|---|
//! | [`model`] | the weights' file, pieces of text and their vectors (`builtin/static`) |
//! | [`vector`] | int8 vectors as they are stored, pages of them, exact nearest neighbours |
//! | [`canonical`] | the last user turn in the form that exact match compares |
//! | [`eligible`] | which turns may be answered by meaning at all |
//! | [`verify`] | whether an earlier question asks the same: vetoes, features, trees, score |
//! | [`calibration`] | tolerated rate of wrong hits → threshold |
//! | [`feedback`] | tightening that threshold from what was seen |
//! | [`decide`] | the whole decision: candidates in, hit or miss out |
//! | [`route`] | routes by examples, with abstention |
//!
//! The cache's key (tenant, model, system prompt, earlier turns, tools, parameters …) is not made here: a candidate is
//! only ever compared within one such scope.

mod analysis;
mod aspect;
pub mod calibration;
pub mod canonical;
pub mod decide;
pub mod eligible;
mod features;
pub mod feedback;
mod lexicon;
pub mod model;
mod normal;
mod order;
mod rest;
pub mod route;
pub mod topic;
mod trees;
mod unicode;
pub mod vector;
pub mod verify;
mod veto;
