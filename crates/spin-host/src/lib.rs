//! What Spin does around a component, as far as it can be said without running one.
//!
//! The program in `main.rs` runs the component; it is apart so that these are quick to test.

pub mod allowed_hosts;
pub mod manifest;
pub mod routes;
pub mod store;
pub mod variables;
