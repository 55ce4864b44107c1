//! Which version of the configuration this is.
//!
//! Two ways to the same digest: from the JSON a gateway reads, by leaving out its white space, and from a document, by
//! writing that JSON. So the bundles need no code that writes documents.

use sha2::{Digest, Sha256};

use super::document::Document;

/// The first 16 bytes of the SHA-256 of the document's canonical JSON, in hexadecimal.
///
/// Canonical: members in the order of their types, names sorted, what equals its default left out. So neither
/// comments nor the order of sections nor a spelled-out default make a new version of a file.
pub fn of_document(document: &Document) -> String {
    hex(Sha256::new_with_prefix(serde_json::to_vec(document).unwrap_or_default()))
}

/// The same, from JSON that `sluice config compile` wrote. JSON of another make has a version too, which then depends
/// on its spelling.
pub fn of_json(json: &[u8]) -> String {
    let mut hasher = Sha256::new();
    let (mut in_text, mut escaped) = (false, false);
    for &byte in json {
        if in_text {
            (in_text, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_text = byte == b'"';
        }
        hasher.update([byte]);
    }
    hex(hasher)
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_in_texts_counts_and_elsewhere_does_not() {
        assert_eq!(of_json(br#"{"a b\\" : [ "\" x" ]}"#), of_json(b"{\n  \"a b\\\\\":[\"\\\" x\"]\t}\n"));
        assert_ne!(of_json(br#"{"a b":1}"#), of_json(br#"{"ab":1}"#));
        assert_ne!(of_json(br#""\" ""#), of_json(br#""\"""#));
    }

    #[test]
    fn an_empty_document_has_one_version() {
        assert_eq!(of_document(&Document::default()), of_json(b" {\n} "));
    }
}
