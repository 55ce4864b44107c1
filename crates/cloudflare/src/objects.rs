//! `Objects`: R2, binding `DOCUMENTS`; pages in Workers KV where it is not bound.

use bytes::Bytes;
use sluice_core::port::{Kv, Objects, ObjectsError};
use wasm_bindgen::JsValue;

use crate::{Worker, js};

/// The binding's name in wrangler.toml.
const BINDING: &str = "DOCUMENTS";

fn failed(error: &JsValue) -> ObjectsError {
    ObjectsError(js::text_of(error))
}

impl Worker {
    fn bucket(&self) -> Option<JsValue> {
        js::binding(&self.env, BINDING)
    }
}

impl Objects for Worker {
    async fn load(&self, key: &str) -> Result<Option<Bytes>, ObjectsError> {
        let Some(bucket) = self.bucket() else { return Ok(self.get(key).await?) };
        let found = js::load(&bucket, key).await.map_err(|error| failed(&error))?;
        // Null, or an array of bytes.
        Ok(found
            .filter(|found| !found.is_null() && !found.is_undefined())
            .map(|found| js::bytes(&found).into()))
    }

    async fn save(&self, key: &str, value: Bytes) -> Result<(), ObjectsError> {
        let Some(bucket) = self.bucket() else { return Ok(self.put(key, value, None).await?) };
        js::save(&bucket, key, &value).await.map_err(|error| failed(&error))?;
        Ok(())
    }

    async fn discard(&self, key: &str) -> Result<(), ObjectsError> {
        let Some(bucket) = self.bucket() else { return Ok(self.delete(key).await?) };
        js::discard(&bucket, key).await.map_err(|error| failed(&error))?;
        Ok(())
    }
}
