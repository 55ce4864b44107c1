//! Sluice on Spin.
