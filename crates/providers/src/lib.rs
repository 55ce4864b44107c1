//! Wire formats and the catalogue of providers: bytes in, values out. Nothing here waits, sends or reads a clock.

pub mod builtin;
pub mod format;
pub mod sse;
