//! `Counters`: Spin's SQLite database `default`, a row a cell, one write transaction a call.
//!
//! `BEGIN IMMEDIATE` lets one call in at a time, whatever instance it comes from, so counting is exact wherever all
//! instances share the database. The database writes ahead to a log (WAL), synced when that is folded in: a crash of the
//! gateway or of Spin loses nothing, a power cut may lose the last calls.
//!
//! Requests of one instance take turns at its connection, so that as many wait for the database's lock as there are
//! instances, not callers: each of them has a thread of the host's. Who waits for its turn looks every now and then, since
//! waking another request's task traps (wit-bindgen without `inter-task-wakeup`, with which Wasmtime traps elsewhere).

use std::{cell::Cell, time::Duration};

use bytes::Bytes;
use sluice_core::{
    gateway::object,
    port::{Cells, Clock, Counters, CountersError},
};
use spin_sdk::{
    sqlite::{Connection, Error, Value},
    wasip3,
};

use crate::Spin;

/// What a connection is told first, and what it need not obey: other databases than the host's own may know no such thing. Its
/// waits for locks are short, since they take a thread of the host's from those who hold them.
const PRAGMAS: [&str; 3] =
    ["PRAGMA busy_timeout = 100", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL"];

const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS cell \
     (owner TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (owner, key)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS page \
     (owner TEXT, key TEXT, value BLOB NOT NULL, PRIMARY KEY (owner, key))",
];

/// How often a statement is tried that others keep out, and the wait between.
const TRIES: u32 = 200;
const WAIT: Duration = Duration::from_millis(20);

/// The longest wait between two looks whether it is a request's turn, and in all before it opens a connection of its own: the
/// turn of a task which was lost never ends.
const LONGEST: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(30);

thread_local! {
    /// The instance's connection between transactions.
    static KEPT: Cell<Option<Connection>> = const { Cell::new(None) };
    /// Whether a request of the instance has its turn, and how many wait for theirs.
    static TAKEN: Cell<bool> = const { Cell::new(false) };
    static WAITING: Cell<u32> = const { Cell::new(0) };
}

/// A request's turn to use the instance's connection, until it is dropped.
struct Turn;

impl Turn {
    fn take() -> Option<Self> {
        if TAKEN.replace(true) { None } else { Some(Self) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TAKEN.set(false);
    }
}

/// One that waits for its turn, until it is dropped.
struct Waiter;

impl Waiter {
    fn new() -> Self {
        WAITING.set(WAITING.get() + 1);
        Self
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        WAITING.set(WAITING.get() - 1);
    }
}

fn failed(error: impl std::fmt::Display) -> CountersError {
    CountersError(error.to_string())
}

impl Counters for Spin {
    async fn count(&self, owner: &str, call: Bytes) -> Result<Bytes, CountersError> {
        let turn = self.turn().await;
        let connection = match KEPT.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        self.run_patiently(&connection, "BEGIN IMMEDIATE").await?;
        let rows = Rows { connection, owner };
        let outcome = object::answer(&rows, self.now(), &call).await;
        rows.run(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" }, vec![]).await?;
        KEPT.set(Some(rows.connection));
        drop(turn);
        let outcome = outcome?;
        if let Some(wait) = outcome.flush_after {
            let owner = owner.to_owned();
            wasip3::spawn(async move { object::flush_later(&Spin, &owner, wait).await });
        }
        Ok(outcome.answer)
    }
}

impl Spin {
    /// Waits until no other request of this instance counts; nothing if that takes too long.
    async fn turn(&self) -> Option<Turn> {
        if let Some(turn) = Turn::take() {
            return Some(turn);
        }
        let (_waiter, mut looks, mut waited) = (Waiter::new(), 0, Duration::ZERO);
        loop {
            // The more there are, the more seldom each looks, so that looking takes no time from those who count.
            let wait = LONGEST.min(Duration::from_millis(u64::from(WAITING.get()) << looks));
            self.sleep(wait).await;
            (looks, waited) = (3.min(looks + 1), waited + wait);
            let turn = Turn::take();
            if turn.is_some() || PATIENCE < waited {
                return turn;
            }
        }
    }

    async fn open(&self) -> Result<Connection, CountersError> {
        let connection = Connection::open_default().await.map_err(failed)?;
        for pragma in PRAGMAS {
            _ = self.run_patiently(&connection, pragma).await;
        }
        for table in TABLES {
            self.run_patiently(&connection, table).await?;
        }
        Ok(connection)
    }

    /// Runs a statement that waits for others' transactions.
    async fn run_patiently(&self, connection: &Connection, statement: &str) -> Result<(), CountersError> {
        let mut tries = 0;
        loop {
            match run(connection, statement, vec![]).await {
                Ok(_) => return Ok(()),
                Err(Error::Io(text)) if text.contains("locked") && tries < TRIES => tries += 1,
                Err(error) => return Err(failed(error)),
            }
            self.sleep(WAIT).await;
        }
    }
}

/// Runs a statement to its end. Rows are read whole: a connection takes no second statement before that.
async fn run(connection: &Connection, statement: &str, values: Vec<Value>) -> Result<Vec<Vec<Value>>, Error> {
    let rows = connection.execute(statement, values).await?.collect().await?;
    Ok(rows.into_iter().map(|row| row.values).collect())
}

/// One owner's cells, inside a transaction.
struct Rows<'a> {
    connection: Connection,
    owner: &'a str,
}

impl Rows<'_> {
    async fn run(
        &self,
        statement: &str,
        mut values: Vec<Value>,
    ) -> Result<Vec<(String, String)>, CountersError> {
        if statement.contains("?1") {
            values.insert(0, Value::Text(self.owner.to_owned()));
        }
        let rows = run(&self.connection, statement, values).await.map_err(failed)?;
        Ok(rows.into_iter().filter_map(pair).collect())
    }
}

fn pair(row: Vec<Value>) -> Option<(String, String)> {
    match <[Value; 2]>::try_from(row) {
        Ok([Value::Text(key), Value::Text(value)]) => Some((key, value)),
        _ => None,
    }
}

fn json(value: &impl serde::Serialize) -> Result<Value, CountersError> {
    serde_json::to_string(value).map(Value::Text).map_err(failed)
}

impl Cells for Rows<'_> {
    async fn read(&self, keys: &[String]) -> Result<Vec<(String, String)>, CountersError> {
        let query =
            "SELECT key, value FROM cell WHERE owner = ?1 AND key IN (SELECT value FROM json_each(?2))";
        self.run(query, vec![json(&keys)?]).await
    }

    async fn range(&self, from: &str, to: &str, most: u32) -> Result<Vec<(String, String)>, CountersError> {
        let query =
            "SELECT key, value FROM cell WHERE owner = ?1 AND ?2 <= key AND key < ?3 ORDER BY key LIMIT ?4";
        let bounds = [Value::Text(from.to_owned()), Value::Text(to.to_owned()), Value::Integer(most.into())];
        self.run(query, bounds.into()).await
    }

    async fn write(&self, changes: &[(String, Option<String>)]) -> Result<(), CountersError> {
        let gone: Vec<&String> =
            changes.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key).collect();
        if !gone.is_empty() {
            let query = "DELETE FROM cell WHERE owner = ?1 AND key IN (SELECT value FROM json_each(?2))";
            self.run(query, vec![json(&gone)?]).await?;
        }
        let kept: Vec<_> = changes.iter().filter(|(_, value)| value.is_some()).collect();
        if !kept.is_empty() {
            let query = "INSERT INTO cell SELECT ?1, value ->> 0, value ->> 1 FROM json_each(?2) WHERE true \
                         ON CONFLICT DO UPDATE SET value = excluded.value";
            self.run(query, vec![json(&kept)?]).await?;
        }
        Ok(())
    }
    async fn pages(&self, keys: &[String]) -> Result<Vec<(String, Bytes)>, CountersError> {
        let query =
            "SELECT key, value FROM page WHERE owner = ?1 AND key IN (SELECT value FROM json_each(?2))";
        let values = vec![Value::Text(self.owner.to_owned()), json(&keys)?];
        let rows = run(&self.connection, query, values).await.map_err(failed)?;
        let page = |row: Vec<Value>| match <[Value; 2]>::try_from(row) {
            Ok([Value::Text(key), Value::Blob(value)]) => Ok((key, value.into())),
            _ => Err(CountersError("a page is no bytes".to_owned())),
        };
        rows.into_iter().map(page).collect()
    }

    async fn write_pages(&self, changes: &[(String, Option<Bytes>)]) -> Result<(), CountersError> {
        for (key, value) in changes {
            let mut values = vec![Value::Text(self.owner.to_owned()), Value::Text(key.clone())];
            let query = match value {
                Some(value) => {
                    values.push(Value::Blob(value.to_vec()));
                    "INSERT INTO page VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value"
                }
                None => "DELETE FROM page WHERE owner = ?1 AND key = ?2",
            };
            run(&self.connection, query, values).await.map_err(failed)?;
        }
        Ok(())
    }
}
