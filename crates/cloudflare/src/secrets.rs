//! `Secrets`: the Worker's secrets and variables, which are members of its environment: texts, or entries of a Secrets
//! Store, which have to be asked for.

use sluice_core::port::{Log, Secrets};
use sluice_types::secret::Secret;

use crate::{Worker, js};

impl Secrets for Worker {
    async fn secret(&self, name: &str) -> Option<Secret> {
        let member = js::binding(&self.env, name)?;
        let value = match member.as_string() {
            Some(text) => text,
            None => match js::stored(&member).ok()?.await {
                Ok(value) => value?.as_string()?,
                Err(error) => {
                    self.log(&format!("the secret {name} cannot be read: {}", js::text_of(&error)));
                    return None;
                }
            },
        };
        (!value.is_empty()).then(|| Secret::new(value))
    }
}
