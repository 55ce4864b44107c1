//! Server-sent events, read from bytes cut anywhere.
