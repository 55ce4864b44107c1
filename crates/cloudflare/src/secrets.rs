//! `Secrets`: the Worker's secrets and variables, which are members of its environment.

use sluice_core::port::Secrets;
use sluice_types::secret::Secret;

use crate::Worker;

impl Secrets for Worker {
    async fn secret(&self, name: &str) -> Option<Secret> {
        let value = js_sys::Reflect::get(&self.env, &name.into()).ok()?.as_string()?;
        (!value.is_empty()).then(|| Secret::new(value))
    }
}
