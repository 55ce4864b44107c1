//! Requests: read from callers, patched for providers of the same format, written for others.

mod content;
mod items;
mod patch;
mod read;
mod write;
mod write_items;

pub use self::{patch::patch_request, read::read_request, write::write_request};

use crate::format::Target;

/// What is included of thoughts so that they can come back to a provider that has kept nothing.
const SEALED_THOUGHTS: &str = "reasoning.encrypted_content";

/// Which thoughts a target takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thoughts {
    /// None: the model does not think, and OpenAI refuses thoughts that are sent to it.
    None,
    /// Sealed ones: OpenAI looks others up by their ids, and finds nothing.
    Sealed,
    /// Those told in full as well. Providers of open models seal nothing; their dialect drops `include`.
    Told,
}

impl Thoughts {
    fn of(target: &Target<'_>) -> Self {
        match target.dialect.name("include") {
            None => Self::Told,
            Some(_) if tells_sealed_thoughts(target.model) => Self::Sealed,
            Some(_) => Self::None,
        }
    }
}

/// Whether `model` can be asked for sealed thoughts. OpenAI refuses a request that asks it of a model that does not think,
/// so models known for that are not asked; all others are, for most think unasked.
fn tells_sealed_thoughts(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let silent = ["gpt-3", "gpt-4", "chatgpt-"].iter().any(|prefix| name.starts_with(prefix));
    !silent && !name.contains("-chat")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_that_do_not_think_are_not_asked_for_thoughts() {
        for model in ["gpt-5", "o3", "openai/gpt-5-mini", "my-deployment", "grok-4"] {
            assert!(tells_sealed_thoughts(model), "{model}");
        }
        for model in ["gpt-4o", "openai/gpt-4.1-mini", "gpt-5-chat-latest", "chatgpt-4o-latest"] {
            assert!(!tells_sealed_thoughts(model), "{model}");
        }
    }
}
