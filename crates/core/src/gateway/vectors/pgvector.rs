//! Vectors in PostgreSQL with pgvector, over whatever connection the host has. The statements are
//! [`vectors::pgvector`](crate::vectors::pgvector)'s.

#![expect(async_fn_in_trait, reason = "both hosts are single-threaded: no Send bound is wanted")]

use crate::vectors::{
    Namespace, Near, Nearest, Point, VectorsError,
    pgvector::{self, Statement, TABLES},
};

/// A connection.
pub trait Sql {
    /// Runs a statement; gives its rows, whose values are texts.
    ///
    /// # Errors
    ///
    /// [`SqlError`].
    async fn run(&self, statement: &Statement) -> Result<Vec<Vec<String>>, SqlError>;
}

/// A statement failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError {
    /// The code (SQLSTATE), if the database gave one.
    pub code: Option<String>,
    /// What was said.
    pub message: String,
}

impl SqlError {
    fn is_absent(&self) -> bool {
        self.code.as_deref().is_some_and(pgvector::is_absent)
    }
}

impl From<SqlError> for VectorsError {
    fn from(SqlError { code, message }: SqlError) -> Self {
        let what = format!("PostgreSQL: {}", message.chars().take(200).collect::<String>());
        // Classes 22 and 42: what was asked is wrong, and stays so.
        match code {
            Some(code) if code.starts_with("22") || code.starts_with("42") => Self::Refused(what),
            _ => Self::Down(what),
        }
    }
}

/// See [`Vectors::upsert`](crate::port::Vectors::upsert).
///
/// # Errors
///
/// [`VectorsError`].
pub async fn upsert(sql: &impl Sql, space: &Namespace, points: &[Point]) -> Result<(), VectorsError> {
    let dims = points.first().map_or(0, |point| point.vector.len());
    if points.iter().any(|point| point.vector.len() != dims) {
        return Err(VectorsError::Refused("vectors of one call have different lengths".to_owned()));
    }
    let statement = pgvector::upsert(space, points);
    match sql.run(&statement).await {
        Ok(_) => return Ok(()),
        Err(error) if error.is_absent() => {}
        Err(error) => return Err(error.into()),
    }
    for text in pgvector::create(dims)? {
        match sql.run(&Statement { text, values: Vec::new() }).await {
            // Of two who make the same at once, one is told that it is there (23505, unique_violation).
            Err(error) if error.code.as_deref() != Some("23505") => return Err(error.into()),
            _ => {}
        }
    }
    sql.run(&statement).await?;
    Ok(())
}

/// See [`Vectors::remove`](crate::port::Vectors::remove).
///
/// # Errors
///
/// [`VectorsError`].
pub async fn remove(sql: &impl Sql, space: &Namespace, ids: &[String]) -> Result<(), VectorsError> {
    // Nobody says how long the vectors were.
    let tables = sql.run(&Statement { text: TABLES.to_owned(), values: Vec::new() }).await?;
    for table in tables.iter().flatten() {
        if let Some(statement) = pgvector::remove(table, space, ids) {
            sql.run(&statement).await?;
        }
    }
    Ok(())
}

/// See [`Vectors::nearest`](crate::port::Vectors::nearest).
///
/// # Errors
///
/// [`VectorsError`].
pub async fn nearest(sql: &impl Sql, space: &Namespace, wanted: &Nearest) -> Result<Vec<Near>, VectorsError> {
    let (mut near, mut after) = (Vec::new(), 0);
    loop {
        let rows = match sql.run(&pgvector::nearest(space, wanted, after)).await {
            Ok(rows) => rows,
            Err(error) if error.is_absent() => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        near.extend(rows.iter().filter_map(|row| match row.as_slice() {
            [id, cosine, text, labels] => pgvector::admitted(wanted, id, cosine, text, labels),
            _ => None,
        }));
        near.truncate(wanted.count as usize);
        let last = rows.len() < pgvector::page(wanted) as usize;
        if last || wanted.count as usize <= near.len() {
            return Ok(near);
        }
        after += pgvector::page(wanted);
    }
}
