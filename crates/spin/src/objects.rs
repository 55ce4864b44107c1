//! `Objects`: pages in the key-value store.

use bytes::Bytes;
use sluice_core::port::{Kv, Objects, ObjectsError};

use crate::Spin;

impl Objects for Spin {
    async fn load(&self, key: &str) -> Result<Option<Bytes>, ObjectsError> {
        Ok(self.get(key).await?)
    }

    async fn save(&self, key: &str, value: Bytes) -> Result<(), ObjectsError> {
        Ok(self.put(key, value, None).await?)
    }

    async fn discard(&self, key: &str) -> Result<(), ObjectsError> {
        Ok(self.delete(key).await?)
    }
}
