//! The contract of vectors on a real PostgreSQL with pgvector, through `psql`. `SLUICE_TEST_POSTGRES` says where it is, such as
//! `host=/run/postgresql user=postgres`; without it nothing is tested, and said so. Where no package of pgvector is to be had
//! (Debian 12), `tools/pgvector` has PGlite: PostgreSQL in WASM, with pgvector.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stderr, reason = "a test may fail")]

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use sluice_core::{
    gateway::vectors::pgvector::{self, Sql, SqlError},
    port::Vectors,
    vectors::{Namespace, Near, Nearest, Point, VectorsError, check, pgvector::Statement},
};
use sluice_testing::{contract, memory::MemoryHost};

/// A database, asked by a process each time.
struct Psql(String);

impl Sql for Psql {
    async fn run(&self, statement: &Statement) -> Result<Vec<Vec<String>>, SqlError> {
        let quoted: Vec<String> =
            statement.values.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect();
        let script = if quoted.is_empty() {
            format!("{};", statement.text)
        } else {
            // As a driver does: the values never become a part of the statement. PGlite has one session for all.
            format!(
                "DEALLOCATE ALL;\nPREPARE asked AS {};\nEXECUTE asked({});",
                statement.text,
                quoted.join(",")
            )
        };
        let mut child = Command::new("psql")
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-F",
                "\x1f",
                "-R",
                "\x1e",
                "-v",
                "ON_ERROR_STOP=1",
                "-v",
                "VERBOSITY=verbose",
            ])
            .args(["-d", &self.0])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            // `ERROR:  42P01: relation …`
            let code = message.split("ERROR:").nth(1).and_then(|rest| rest.trim().split(':').next());
            return Err(SqlError { code: code.map(str::to_owned), message });
        }
        let text = String::from_utf8(output.stdout).unwrap();
        let rows = text.trim_end_matches('\n').split('\x1e').filter(|row| !row.is_empty());
        Ok(rows.map(|row| row.split('\x1f').map(str::to_owned).collect()).collect())
    }
}

impl Vectors for Psql {
    async fn upsert(&self, space: &Namespace, points: &[Point]) -> Result<(), VectorsError> {
        check(points)?;
        pgvector::upsert(self, space, points).await
    }

    async fn remove(&self, space: &Namespace, ids: &[String]) -> Result<(), VectorsError> {
        pgvector::remove(self, space, ids).await
    }

    async fn nearest(&self, space: &Namespace, wanted: &Nearest) -> Result<Vec<Near>, VectorsError> {
        pgvector::nearest(self, space, wanted).await
    }
}

#[test]
fn postgres_keeps_the_contract() {
    let Ok(address) = std::env::var("SLUICE_TEST_POSTGRES") else {
        eprintln!("SLUICE_TEST_POSTGRES is not set: pgvector was not tested");
        return;
    };
    let (host, database) = (MemoryHost::default(), Psql(address));
    host.run(async {
        for table in ["sluice_vectors_8", "sluice_vectors_9"] {
            let text = format!("DROP TABLE IF EXISTS {table}");
            database.run(&Statement { text, values: Vec::new() }).await.unwrap();
        }
        contract::vectors::vectors(&host, &database).await;
    });
}
