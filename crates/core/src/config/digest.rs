//! Which version of the configuration this is.

use sha2::{Digest, Sha256};

use super::document::Document;

/// The first 16 bytes of the SHA-256 of the document's canonical JSON, in hexadecimal.
///
/// Canonical: members in the order of their types, names sorted, what equals its default left out. So neither
/// comments nor the order of sections nor a spelled-out default make a new version.
pub fn version(document: &Document) -> String {
    let json = serde_json::to_vec(document).unwrap_or_default();
    Sha256::digest(json).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
