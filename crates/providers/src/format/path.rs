//! Model names in addresses.

use sluice_types::error::{ErrorKind, Failure};

use crate::percent;

/// `model` as one segment of a path, percent-encoded.
pub(super) fn segment(model: &str) -> Result<String, Failure> {
    encode(model, "")
}

/// `model` as segments of a path: its slashes stay, and the at sign of `@cf/…`.
pub(super) fn segments(model: &str) -> Result<String, Failure> {
    encode(model, "/@")
}

fn encode(model: &str, kept: &str) -> Result<String, Failure> {
    let dots = model.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    if dots {
        let message = format!("`{model}` is not the name of a model: it would change the provider's address");
        return Err(Failure {
            param: Some("model".to_owned()),
            ..Failure::new(ErrorKind::InvalidRequest, message)
        });
    }
    Ok(percent::encode_but(model, kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_within_its_segment() {
        assert_eq!(segment("us.anthropic.claude-3:0").unwrap(), "us.anthropic.claude-3%3A0");
        assert_eq!(segment("a/b?c#d%2F é").unwrap(), "a%2Fb%3Fc%23d%252F%20%C3%A9");
        assert_eq!(segments("@cf/meta/llama?x").unwrap(), "@cf/meta/llama%3Fx");
        for wrong in ["", "..", "a/../b", "a//b", "/a", "a/.", "a/"] {
            assert!(segment(wrong).is_err() && segments(wrong).is_err(), "{wrong}");
        }
    }
}
