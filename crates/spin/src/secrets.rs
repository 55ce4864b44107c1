//! `Secrets`: Spin's variables, whose names are lower case. Each must be declared in spin.toml.

use sluice_core::port::Secrets;
use sluice_types::secret::Secret;
use spin_sdk::variables;

use crate::Spin;

impl Secrets for Spin {
    async fn secret(&self, name: &str) -> Option<Secret> {
        let value = variables::get(name.to_ascii_lowercase()).await.ok()?;
        (!value.is_empty()).then(|| Secret::new(value))
    }
}
