//! `Kv`: Spin's key-value store `default`. It keeps no summaries, and lists by walking through all keys.

use std::time::Duration;

use bytes::Bytes;
use sluice_core::port::{Kv, KvError, Listed};
use spin_sdk::key_value::{Error, Store};

use crate::Spin;

fn failed(error: Error) -> KvError {
    KvError(error.to_string())
}

impl Kv for Spin {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, KvError> {
        let store = Store::open_default().await.map_err(failed)?;
        Ok(store.get(key).await.map_err(failed)?.map(Bytes::from))
    }

    async fn put(&self, key: &str, value: Bytes, _summary: Option<&str>) -> Result<(), KvError> {
        let store = Store::open_default().await.map_err(failed)?;
        store.set(key, value).await.map_err(failed)
    }

    async fn put_for(&self, key: &str, value: Bytes, _lifetime: Duration) -> Result<(), KvError> {
        self.put(key, value, None).await
    }

    async fn delete(&self, key: &str) -> Result<(), KvError> {
        let store = Store::open_default().await.map_err(failed)?;
        store.delete(key).await.map_err(failed)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, KvError> {
        let store = Store::open_default().await.map_err(failed)?;
        let mut keys = store.get_keys().await;
        let mut listed = Vec::new();
        while let Some(key) = keys.next().await {
            if key.starts_with(prefix) {
                listed.push(Listed { key, summary: None });
            }
        }
        keys.result().await.map_err(failed)?;
        listed.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        Ok(listed)
    }
}
