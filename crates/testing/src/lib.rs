//! What Sluice is tested with.
