//! Gemini `generateContent` and `streamGenerateContent`, as callers speak it and as providers do: AI Studio and Vertex share
//! the body.
//!
//! In scope: text, pictures, documents, sound, functions, thoughts with their signatures, structured output. What is
//! unknown here (tools that Google runs, their parts, new members) is kept as it was written and given to this format
//! only. Names are read in camel case, as documented, and in snake case, as Google reads them too; they are written in
//! camel case. Members of `generationConfig` and `toolConfig` that are unknown here are `extra` by their whole path, such
//! as `generationConfig.responseModalities`.
//!
//! A signature sits on a part here; elsewhere it is an empty thought right before that part (see `sluice_types::seal`).
//! Signatures must be base64 here, so callers are told other makers' seals wrapped in it, and none of those is ever sent
//! to a provider.
//!
//! Told differently from the provider's own service: an answer may carry a top-level member `sluice`, an error the member
//! `error.sluice`; a stream's call is told whole and no earlier than the next part; and a call whose arguments were cut
//! off is told with empty `args` and `finishReason: MAX_TOKENS`, because half a JSON object cannot be written.

mod answer;
mod error;
mod finish;
mod grounding;
mod ids;
mod names;
mod parts;
mod request;
mod schema;
mod seal;
mod stream;
mod usage;
mod wire;

pub use self::{
    answer::{read_answer, write_answer},
    error::{read_error, write_error, write_stream_error},
    request::{patch_request, read_request, write_request},
    stream::{Reader, Writer, heartbeat},
};
