//! The class of a tenant's object, whose state is in its own SQLite storage.
//!
//! An object lives in one place and runs one thing at a time; its storage never waits, so a call happens whole before
//! the next one begins. Nobody sees an answer before what was written is durable: the platform holds it back until then.
//! Rows of the cost log go to KV from the object's alarm, which the platform repeats until it succeeds.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use sluice_core::{
    gateway::object::{self, Batch},
    port::{Cells, Counters, CountersError},
};
use sluice_types::time::Timestamp;
use worker::{DurableObject, Env, Request, Response, SqlStorage, SqlStorageValue, State, durable_object};

use crate::kv;

fn failed(error: impl std::fmt::Display) -> CountersError {
    CountersError(error.to_string())
}

/// One tenant's counters.
#[durable_object(alarm)]
pub struct TenantObject {
    state: State,
    env: Env,
}

impl DurableObject for TenantObject {
    fn new(state: State, env: Env) -> Self {
        let tables = "CREATE TABLE IF NOT EXISTS cell (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID; \
                      CREATE TABLE IF NOT EXISTS page (key TEXT PRIMARY KEY, value BLOB NOT NULL)";
        // What fails here fails again, and is told, at the first call.
        _ = state.storage().sql().exec(tables, None);
        Self { state, env }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response, worker::Error> {
        let call = request.bytes().await?;
        match self.count("", call.into()).await {
            Ok(answer) => Response::from_bytes(answer.into()),
            Err(error) => Response::error(error.0, 500),
        }
    }

    async fn alarm(&self) -> Result<Response, worker::Error> {
        let put = async |batch: Batch| {
            kv::put(&self.env, &batch.key, &batch.value.into_bytes(), Some(&batch.summary)).await
        };
        object::write_out(self, "", put).await.map_err(|error| worker::Error::RustError(error.0))?;
        Response::empty()
    }
}

/// The object's own calls, which need no way.
impl Counters for TenantObject {
    async fn count(&self, _owner: &str, call: Bytes) -> Result<Bytes, CountersError> {
        let now = Timestamp(js_sys::Date::now() as u64);
        let outcome = object::answer(&Sql(self.state.storage().sql()), now, &call).await?;
        if let Some(wait) = outcome.flush_after {
            self.state.storage().set_alarm(wait.max(Duration::from_millis(1))).await.map_err(failed)?;
        }
        Ok(outcome.answer)
    }
}

/// The object's storage.
struct Sql(SqlStorage);

#[derive(Deserialize)]
struct Cell {
    key: String,
    value: String,
}

impl Sql {
    fn rows(
        &self,
        query: &str,
        bindings: Vec<SqlStorageValue>,
    ) -> Result<Vec<(String, String)>, CountersError> {
        let cells: Vec<Cell> =
            self.0.exec(query, bindings).and_then(|rows| rows.to_array()).map_err(failed)?;
        Ok(cells.into_iter().map(|cell| (cell.key, cell.value)).collect())
    }
}

fn json(value: &impl serde::Serialize) -> Result<SqlStorageValue, CountersError> {
    serde_json::to_string(value).map(SqlStorageValue::String).map_err(failed)
}

impl Cells for Sql {
    async fn read(&self, keys: &[String]) -> Result<Vec<(String, String)>, CountersError> {
        let query = "SELECT key, value FROM cell WHERE key IN (SELECT value FROM json_each(?))";
        self.rows(query, vec![json(&keys)?])
    }

    async fn range(&self, from: &str, to: &str, most: u32) -> Result<Vec<(String, String)>, CountersError> {
        let query = "SELECT key, value FROM cell WHERE ? <= key AND key < ? ORDER BY key LIMIT ?";
        self.rows(query, vec![from.into(), to.into(), SqlStorageValue::Integer(most.into())])
    }

    async fn write(&self, changes: &[(String, Option<String>)]) -> Result<(), CountersError> {
        let gone: Vec<&String> =
            changes.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key).collect();
        if !gone.is_empty() {
            let query = "DELETE FROM cell WHERE key IN (SELECT value FROM json_each(?))";
            self.0.exec(query, vec![json(&gone)?]).map_err(failed)?;
        }
        let kept: Vec<_> = changes.iter().filter(|(_, value)| value.is_some()).collect();
        if !kept.is_empty() {
            let query = "INSERT INTO cell SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE true \
                         ON CONFLICT DO UPDATE SET value = excluded.value";
            self.0.exec(query, vec![json(&kept)?]).map_err(failed)?;
        }
        Ok(())
    }
    async fn pages(&self, keys: &[String]) -> Result<Vec<(String, Bytes)>, CountersError> {
        let query = "SELECT key, value FROM page WHERE key IN (SELECT value FROM json_each(?))";
        let rows = self.0.exec(query, vec![json(&keys)?]).map_err(failed)?;
        let mut pages = Vec::with_capacity(keys.len());
        for row in rows.raw() {
            match <[SqlStorageValue; 2]>::try_from(row.map_err(failed)?) {
                Ok([SqlStorageValue::String(key), SqlStorageValue::Blob(value)]) => {
                    pages.push((key, value.into()));
                }
                _ => return Err(CountersError("a page is no bytes".to_owned())),
            }
        }
        Ok(pages)
    }

    async fn write_pages(&self, changes: &[(String, Option<Bytes>)]) -> Result<(), CountersError> {
        for (key, value) in changes {
            let key = SqlStorageValue::String(key.clone());
            match value {
                Some(value) => {
                    let query =
                        "INSERT INTO page VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value";
                    let value = SqlStorageValue::Blob(value.to_vec());
                    self.0.exec(query, vec![key, value]).map_err(failed)?;
                }
                None => {
                    self.0.exec("DELETE FROM page WHERE key = ?", vec![key]).map_err(failed)?;
                }
            }
        }
        Ok(())
    }
}
