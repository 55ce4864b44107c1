//! Statements for PostgreSQL with the extension pgvector (0.5 or later), and values for them: all of them texts, so that any
//! driver can pass them.
//!
//! A table a length of vectors. Rows of a namespace are found by the primary key and all compared, so what is found is
//! exact; an index of approximate neighbours would look at all namespaces at once and miss those of small ones.

use serde_json::json;
use sluice_types::knowledge::{Attribute, Attributes, Filter};

use super::{Namespace, Near, Nearest, Point, VectorsError};

/// A statement and the values of its `$1`, `$2` …
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The text.
    pub text: String,
    /// The values.
    pub values: Vec<String>,
}

/// The most numbers of a vector.
const DIMS: usize = 16_000;

/// Rows that are read at a time where a filter leaves some out.
const PAGE: u32 = 200;

fn table(dims: usize) -> String {
    format!("sluice_vectors_{dims}")
}

/// What makes the table, if it is not there, in order. Whoever may not make extensions has an administrator run
/// `CREATE EXTENSION vector` once.
///
/// # Errors
///
/// [`VectorsError::Refused`] for vectors that are too long.
pub fn create(dims: usize) -> Result<Vec<String>, VectorsError> {
    if DIMS < dims || dims == 0 {
        return Err(VectorsError::Refused(format!("pgvector takes 1 to {DIMS} numbers, not {dims}")));
    }
    let table = table(dims);
    Ok(vec![
        "CREATE EXTENSION IF NOT EXISTS vector".to_owned(),
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (space text NOT NULL, id text NOT NULL, vector vector({dims}) NOT NULL, \
             text text NOT NULL, labels jsonb NOT NULL, PRIMARY KEY (space, id))"
        ),
    ])
}

fn written(vector: &[f32]) -> String {
    json!(vector).to_string()
}

/// What puts points: a statement for all of them, which are of one length.
pub fn upsert(space: &Namespace, points: &[Point]) -> Statement {
    let dims = points.first().map_or(0, |point| point.vector.len());
    let rows: Vec<_> = points
        .iter()
        .map(|point| {
            json!({"id": point.id, "vector": written(&point.vector), "text": point.text, "labels": point.labels})
        })
        .collect();
    let text = format!(
        "INSERT INTO {} (space, id, vector, text, labels) \
         SELECT $1::text, row.id, row.vector::vector, row.text, row.labels \
         FROM jsonb_to_recordset($2::text::jsonb) AS row(id text, vector text, text text, labels jsonb) \
         ON CONFLICT (space, id) DO UPDATE \
         SET vector = excluded.vector, text = excluded.text, labels = excluded.labels",
        table(dims)
    );
    Statement { text, values: vec![space.key.clone(), json!(rows).to_string()] }
}

/// The tables there are, as one column of names.
pub const TABLES: &str = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'sluice\\_vectors\\_%'";

/// What removes points from a table that [`TABLES`] named.
pub fn remove(table: &str, space: &Namespace, ids: &[String]) -> Option<Statement> {
    // Only names that this file makes get into a statement.
    let dims = table.strip_prefix("sluice_vectors_")?;
    if dims.is_empty() || !dims.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let text = format!(
        "DELETE FROM {table} WHERE space = $1 AND id IN (SELECT jsonb_array_elements_text($2::text::jsonb))"
    );
    Some(Statement { text, values: vec![space.key.clone(), json!(ids).to_string()] })
}

/// What finds the nearest points from the `after`-th on: rows of id, cosine (as a text), text and labels (as a text). With a
/// filter more are read than are wanted; [`admitted`] tells those that count.
pub fn nearest(space: &Namespace, wanted: &Nearest, after: u32) -> Statement {
    let condition =
        wanted.filter.as_ref().map_or_else(String::new, |filter| format!(" AND {}", condition(filter)));
    let limit = if wanted.filter.is_some() { PAGE.max(wanted.count) } else { wanted.count };
    let text = format!(
        "SELECT id, (1 - (vector <=> $2::text::vector))::text, {}, labels::text FROM {} WHERE space = $1{condition} \
         ORDER BY vector <=> $2::text::vector, id LIMIT {limit} OFFSET {after}",
        if wanted.texts { "text" } else { "''::text" },
        table(wanted.vector.len()),
    );
    Statement { text, values: vec![space.key.clone(), written(&wanted.vector)] }
}

/// How many rows [`nearest`] reads at most: if it gives as many and not enough are admitted, more are to be read.
pub fn page(wanted: &Nearest) -> u32 {
    if wanted.filter.is_some() { PAGE.max(wanted.count) } else { wanted.count }
}

/// A condition that every row fulfils which the filter admits: the simple half of a filter, for the database to leave most
/// rows out; [`admitted`] looks at all of it.
fn condition(filter: &Filter) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\0', "").replace('\'', "''"));
    let has = |name: &str| format!("jsonb_exists(labels, {})", quoted(name));
    let is = |name: &str, value: &Attribute| {
        let member = serde_json::Map::from_iter([(name.to_owned(), json!(value))]);
        format!("labels @> {}::jsonb", quoted(&serde_json::Value::Object(member).to_string()))
    };
    let all = |filters: &[Filter], word: &str, none: &str| match filters {
        [] => none.to_owned(),
        filters => {
            let each: Vec<String> = filters.iter().map(condition).collect();
            format!("({})", each.join(word))
        }
    };
    match filter {
        Filter::And { filters } => all(filters, " AND ", "true"),
        Filter::Or { filters } => all(filters, " OR ", "false"),
        Filter::Eq(with) => is(&with.key, &with.value),
        Filter::Ne(with) | Filter::Gt(with) | Filter::Gte(with) | Filter::Lt(with) | Filter::Lte(with) => {
            has(&with.key)
        }
        Filter::In(with) if with.value.is_empty() => "false".to_owned(),
        Filter::In(with) => {
            let each: Vec<String> = with.value.iter().map(|value| is(&with.key, value)).collect();
            format!("({})", each.join(" OR "))
        }
        Filter::Nin(with) => has(&with.key),
    }
}

/// The point of a row of [`nearest`], if the filter admits it.
pub fn admitted(wanted: &Nearest, id: &str, cosine: &str, text: &str, labels: &str) -> Option<Near> {
    if let Some(filter) = &wanted.filter {
        let labels: Attributes = serde_json::from_str(labels).ok()?;
        if !filter.admits(&labels) {
            return None;
        }
    }
    Some(Near { id: id.to_owned(), cosine: cosine.parse().ok()?, text: text.to_owned() })
}

/// Whether an error's code (SQLSTATE) says that a table or the extension is not there yet.
pub fn is_absent(code: &str) -> bool {
    // undefined_table, undefined_object
    matches!(code, "42P01" | "42704")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(filter: &str) -> Nearest {
        let filter = Some(serde_json::from_str(filter).unwrap());
        Nearest { vector: vec![1.0, 0.5], count: 5, filter, texts: false }
    }

    #[test]
    fn what_filters_say_cannot_leave_its_quotes() {
        let space = Namespace::new("a", "cache", "x");
        let asked = wanted(r#"{"type":"eq","key":"a'b","value":"'; DROP TABLE x; --"}"#);
        let text = nearest(&space, &asked, 0).text;
        assert!(text.contains(r#"labels @> '{"a''b":"''; DROP TABLE x; --"}'::jsonb"#), "{text}");
        assert!(
            nearest(&space, &wanted(r#"{"type":"or","filters":[]}"#), 0).text.contains("AND false ORDER")
        );
        assert_eq!(remove("sluice_vectors_2; DROP TABLE x", &space, &[]), None);
        assert!(remove("sluice_vectors_2", &space, &[]).is_some());
    }

    #[test]
    fn rows_are_looked_at_once_more() {
        let asked = wanted(r#"{"type":"gt","key":"year","value":2020}"#);
        let near = |labels: &str| admitted(&asked, "p", "0.5", "", labels).map(|near| near.cosine);
        assert_eq!(near(r#"{"year":2021}"#), Some(0.5));
        assert_eq!(near(r#"{"year":"2021"}"#), None);
    }
}
