//! Wire formats and the catalogue of providers: bytes in, values out. Nothing here waits, sends or reads a clock.

pub mod auth;
pub mod builtin;
pub mod catalog;
pub mod collect;
pub mod event_stream;
pub mod forced_tool;
pub mod form;
pub mod format;
pub mod frames;
pub mod lines;
pub mod operation;
pub mod percent;
pub mod prices;
pub mod replay;
pub mod sse;
pub mod tokens;
pub mod tool_names;
