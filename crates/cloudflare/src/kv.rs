//! `Kv`: Workers KV, binding `KV`.

use std::time::Duration;

use bytes::Bytes;
use sluice_core::port::{Kv, KvError, Listed};
use worker::{Env, kv::KvStore};

use crate::Worker;

/// The binding's name in wrangler.toml.
const BINDING: &str = "KV";

impl Worker {
    fn store(&self) -> Result<KvStore, KvError> {
        self.env.kv(BINDING).map_err(|error| KvError(error.to_string()))
    }
}

fn failed(error: impl std::fmt::Display) -> KvError {
    KvError(error.to_string())
}

/// Writes a value from wherever there is an environment.
pub async fn put(env: &Env, key: &str, value: &[u8], summary: Option<&str>) -> Result<(), KvError> {
    let mut put = env.kv(BINDING).map_err(failed)?.put_bytes(key, value).map_err(failed)?;
    if let Some(summary) = summary {
        put = put.metadata(summary).map_err(failed)?;
    }
    put.execute().await.map_err(failed)
}

impl Kv for Worker {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, KvError> {
        let bytes = self.store()?.get(key).bytes().await.map_err(failed)?;
        Ok(bytes.map(Bytes::from))
    }

    async fn put(&self, key: &str, value: Bytes, summary: Option<&str>) -> Result<(), KvError> {
        put(&self.env, key, &value, summary).await
    }

    async fn put_for(&self, key: &str, value: Bytes, lifetime: Duration) -> Result<(), KvError> {
        let put = self.store()?.put_bytes(key, &value).map_err(failed)?;
        // Workers refuse less than a minute.
        put.expiration_ttl(lifetime.as_secs().max(60)).execute().await.map_err(failed)
    }

    async fn delete(&self, key: &str) -> Result<(), KvError> {
        self.store()?.delete(key).await.map_err(failed)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, KvError> {
        let store = self.store()?;
        let (mut listed, mut cursor) = (Vec::new(), None);
        loop {
            let mut page = store.list().prefix(prefix.to_owned());
            if let Some(cursor) = cursor {
                page = page.cursor(cursor);
            }
            let page = page.execute().await.map_err(failed)?;
            listed.extend(page.keys.into_iter().map(|key| Listed {
                summary: key.metadata.and_then(|metadata| metadata.as_str().map(str::to_owned)),
                key: key.name,
            }));
            cursor = page.cursor.filter(|_| !page.list_complete);
            if cursor.is_none() {
                return Ok(listed);
            }
        }
    }
}
