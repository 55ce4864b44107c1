//! What a request asks for and this format cannot say.

use sluice_types::{
    chat::Request,
    error::{ErrorKind, Failure},
    json::{Raw, Str},
};

/// The names of what is left out.
#[derive(Debug)]
pub(in crate::format) struct Dropped {
    names: Vec<String>,
    strict: bool,
    /// What the format is called.
    format: &'static str,
}

impl Dropped {
    pub(super) fn new(strict: bool) -> Self {
        Self::of("Anthropic Messages", strict)
    }

    /// The same for another format that goes by this one's rules.
    pub(in crate::format) fn of(format: &'static str, strict: bool) -> Self {
        Self { names: Vec::new(), strict, format }
    }

    /// Leaves `name` out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] if the target is strict.
    pub(in crate::format) fn add(&mut self, name: &str) -> Result<(), Failure> {
        if self.strict {
            let message = format!("`{name}` cannot be said in {} here, and the model is strict", self.format);
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
    pub(in crate::format) fn add_if(&mut self, asked: bool, name: &str) -> Result<(), Failure> {
        if asked { self.add(name) } else { Ok(()) }
    }

    /// Leaves out what this format has no member for, and the members of the caller's format that are unknown here.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub(in crate::format) fn add_foreign(
        &mut self,
        request: &Request<'_>,
        same_format: bool,
    ) -> Result<(), Failure> {
        self.add_if(request.choices.is_some_and(|choices| 1 < choices), "n")?;
        self.add_if(request.seed.is_some(), "seed")?;
        self.add_if(request.frequency_penalty.is_some_and(|penalty| penalty != 0.0), "frequency_penalty")?;
        self.add_if(request.presence_penalty.is_some_and(|penalty| penalty != 0.0), "presence_penalty")?;
        if same_format { Ok(()) } else { self.add_extra(request) }
    }

    /// Leaves out the members of the caller's format that are unknown here, unless they ask for nothing.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub(in crate::format) fn add_extra(&mut self, request: &Request<'_>) -> Result<(), Failure> {
        for (name, value) in &request.extra.0 {
            self.add_if(!is_neutral(name, value), name)?;
        }
        Ok(())
    }

    /// The names, in the order they were found.
    pub(in crate::format) fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// Whether a member asks for nothing: left out, nothing is lost.
fn is_neutral(name: &str, value: &Raw<'_>) -> bool {
    match value.text() {
        "null" | "false" | "{}" | "[]" | "0" => true,
        // How OpenAI's frames are padded; whether they tell usage is read.
        _ if name == "stream_options" => true,
        // Thoughts are told unasked.
        _ if name == "reasoning.summary" => true,
        _ if name == "modalities" => {
            value.read::<Vec<Str<'_>>>().is_ok_and(|all| all.iter().all(|modality| *modality == "text"))
        }
        _ => false,
    }
}
