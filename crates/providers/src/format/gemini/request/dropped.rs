//! What a request asks for and this format cannot say.

use sluice_types::{
    chat::Request,
    error::{ErrorKind, Failure},
    json::{Raw, Str},
};

/// The names of what is left out.
#[derive(Debug)]
pub(super) struct Dropped {
    names: Vec<String>,
    strict: bool,
}

impl Dropped {
    pub(super) fn new(strict: bool) -> Self {
        Self { names: Vec::new(), strict }
    }

    /// Leaves `name` out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] if the target is strict.
    pub(super) fn add(&mut self, name: &str) -> Result<(), Failure> {
        if self.strict {
            let message = format!("`{name}` cannot be said in Gemini's format here, and the model is strict");
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

    /// Leaves out the members of the caller's format that are unknown here, and who the end user is.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub(super) fn add_foreign(&mut self, request: &Request<'_>) -> Result<(), Failure> {
        self.add_if(request.user.is_some(), "user")?;
        for (name, value) in &request.extra.0 {
            self.add_if(!is_neutral(name, value), name)?;
        }
        Ok(())
    }

    /// The names, in the order they were found.
    pub(super) fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// Whether a member asks for nothing: left out, nothing is lost.
fn is_neutral(name: &str, value: &Raw<'_>) -> bool {
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
