//! What a request asks for and a provider's format cannot say.

use sluice_types::{
    chat::{Part, Request},
    error::{ErrorKind, Failure},
    json::{Raw, Str},
};

/// The names of what is left out.
#[derive(Debug)]
pub(super) struct Dropped {
    names: Vec<String>,
    strict: bool,
    /// Where it cannot be said, such as `in Bedrock Converse`.
    place: &'static str,
}

impl Dropped {
    /// Nothing yet; `place` ends the sentence that something cannot be said.
    pub(super) fn new(place: &'static str, strict: bool) -> Self {
        Self { names: Vec::new(), strict, place }
    }

    /// Leaves `name` out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] if the target is strict.
    pub(super) fn add(&mut self, name: &str) -> Result<(), Failure> {
        if self.strict {
            let message = format!("`{name}` cannot be said {} here, and the model is strict", self.place);
            return Err(Failure {
                param: Some(name.to_owned()),
                ..Failure::new(ErrorKind::Unsupported, message)
            });
        }
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
        Ok(())
    }

    /// The same for `name` if it was asked for.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub(super) fn add_if(&mut self, asked: bool, name: &str) -> Result<(), Failure> {
        if asked { self.add(name) } else { Ok(()) }
    }

    /// Leaves out the members of the caller's format that are unknown here, unless they ask for nothing, as those called
    /// `neutral` never do here.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub(super) fn add_extra(&mut self, request: &Request<'_>, neutral: &[&str]) -> Result<(), Failure> {
        for (name, value) in &request.extra.0 {
            self.add_if(!neutral.contains(&&**name) && !is_neutral(name, value), name)?;
        }
        Ok(())
    }

    /// The names, in the order they were found.
    pub(super) fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// What a part is called when it is left out.
pub(super) fn kind<'p>(part: &'p Part<'_>) -> &'p str {
    match part {
        Part::Text { .. } => "text",
        Part::Image { .. } => "image_url",
        Part::Document { .. } => "file",
        Part::Audio { .. } => "input_audio",
        Part::ToolCall { .. } => "tool_calls",
        Part::ToolResult { .. } => "tool",
        Part::Reasoning { .. } | Part::RedactedReasoning { .. } => "reasoning",
        Part::Refusal { .. } => "refusal",
        Part::Other { kind, .. } => kind,
    }
}

/// Whether a member asks for nothing: left out, nothing is lost.
pub(super) fn is_neutral(name: &str, value: &Raw<'_>) -> bool {
    match value.text() {
        "null" | "false" | "{}" | "[]" | "0" => true,
        // How OpenAI's frames are padded; whether they tell usage is read.
        _ if name == "stream_options" => true,
        _ if name == "modalities" => {
            value.read::<Vec<Str<'_>>>().is_ok_and(|all| all.iter().all(|modality| *modality == "text"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strict_target_is_told_everything() {
        let failure = Dropped::new("to Ollama", true).add("n").unwrap_err();
        assert_eq!((failure.kind, failure.param.as_deref()), (ErrorKind::Unsupported, Some("n")));
    }
}
