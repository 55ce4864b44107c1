//! The harness of cases and scenarios.
