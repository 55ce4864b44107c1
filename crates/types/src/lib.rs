//! The vocabulary of Sluice: what every other crate talks about, and no logic to speak of.
//!
//! A request is parsed once into borrowed values ([`chat::Request`]), an answer is either whole ([`answer::Answer`])
//! or a run of [`event::Event`]s; both sides of every wire format meet here. Text borrows from the bytes it was
//! read from wherever JSON allows it.

pub mod answer;
pub mod chat;
pub mod citation;
pub mod embeddings;
pub mod error;
pub mod event;
pub mod json;
pub mod knowledge;
pub mod money;
pub mod quota;
pub mod seal;
pub mod secret;
pub mod time;
pub mod usage;
