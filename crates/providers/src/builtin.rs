//! The provider that is compiled in: it makes the first command work and is the last resort.
