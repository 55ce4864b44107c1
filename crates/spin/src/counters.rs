//! `Counters`: Spin's SQLite database `default`, a row a cell, one write transaction a call.
//!
//! `BEGIN IMMEDIATE` lets one call in at a time, whatever instance it comes from, so counting is exact wherever all
//! instances share the database. The database writes ahead to a log (WAL), synced when that is folded in: a crash of the
//! gateway or of Spin loses nothing, a power cut may lose the last calls.
//!
//! Requests of one instance share a connection, and transactions: as many wait for the database's lock as there are instances,
//! not callers, and each of them has a thread of the host's.

use std::{cell::Cell, rc::Rc, slice, time::Duration};

use bytes::Bytes;
use sluice_core::{
    gateway::object::{self, Outcome},
    port::{Cells, Clock, Counters, CountersError},
};
use spin_sdk::{
    sqlite::{Connection, Error, Value},
    wasip3,
};

use crate::{
    Spin,
    turns::{self, Job},
};

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

thread_local! {
    /// The instance's connection between transactions.
    static KEPT: Cell<Option<Connection>> = const { Cell::new(None) };
}

fn failed(error: impl std::fmt::Display) -> CountersError {
    CountersError(error.to_string())
}

impl Counters for Spin {
    async fn count(&self, owner: &str, call: Bytes) -> Result<Bytes, CountersError> {
        turns::take(self, owner, call, async |jobs| self.work(jobs).await).await
    }
}

impl Spin {
    /// Does all jobs in one transaction; if that fails, each in its own.
    async fn work(&self, jobs: &[Rc<Job>]) {
        match self.transaction(jobs).await {
            Ok(outcomes) => jobs.iter().zip(outcomes).for_each(|(job, outcome)| tell(job, outcome)),
            Err(error) if jobs.len() == 1 => jobs.iter().for_each(|job| job.done(Err(error.clone()))),
            Err(_) => {
                for job in jobs {
                    match self.transaction(slice::from_ref(job)).await {
                        Ok(outcomes) => outcomes.into_iter().for_each(|outcome| tell(job, outcome)),
                        Err(error) => job.done(Err(error)),
                    }
                }
            }
        }
    }

    async fn transaction(&self, jobs: &[Rc<Job>]) -> Result<Vec<Outcome>, CountersError> {
        let connection = match KEPT.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        self.run_patiently(&connection, "BEGIN IMMEDIATE").await?;
        let outcomes = answers(&connection, jobs).await;
        let end = if outcomes.is_ok() { "COMMIT" } else { "ROLLBACK" };
        run(&connection, end, vec![]).await.map_err(failed)?;
        KEPT.set(Some(connection));
        outcomes
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

async fn answers(connection: &Connection, jobs: &[Rc<Job>]) -> Result<Vec<Outcome>, CountersError> {
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        let rows = Rows { connection, owner: &job.owner };
        outcomes.push(object::answer(&rows, Spin.now(), &job.call).await?);
    }
    Ok(outcomes)
}

fn tell(job: &Job, outcome: Outcome) {
    if let Some(wait) = outcome.flush_after {
        let owner = job.owner.clone();
        wasip3::spawn(async move { object::flush_later(&Spin, &owner, wait).await });
    }
    job.done(Ok(outcome.answer));
}

/// Runs a statement to its end. Rows are read whole: a connection takes no second statement before that.
async fn run(connection: &Connection, statement: &str, values: Vec<Value>) -> Result<Vec<Vec<Value>>, Error> {
    let rows = connection.execute(statement, values).await?.collect().await?;
    Ok(rows.into_iter().map(|row| row.values).collect())
}

/// One owner's cells, inside a transaction.
struct Rows<'a> {
    connection: &'a Connection,
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
        let rows = run(self.connection, statement, values).await.map_err(failed)?;
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
        let rows = run(self.connection, query, values).await.map_err(failed)?;
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
            run(self.connection, query, values).await.map_err(failed)?;
        }
        Ok(())
    }
}
