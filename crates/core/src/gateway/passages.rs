//! Stores that do not answer while something is searched for in them.

use sluice_types::error::{ErrorKind, Failure};

use super::index::IndexError;
use crate::port::CountersError;

/// The failure that a silent index is.
pub(super) fn index_down(error: IndexError) -> Failure {
    Failure::new(ErrorKind::StoreUnavailable, format!("the vector store cannot be searched: {error}"))
}

/// The failure that a silent library is.
pub(super) fn library_down(error: CountersError) -> Failure {
    Failure::new(ErrorKind::StoreUnavailable, format!("the tenant's vector stores cannot be read: {error}"))
}
