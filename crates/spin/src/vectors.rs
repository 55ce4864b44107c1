//! `Vectors`: PostgreSQL with pgvector, at the address in variable `pgvector_url`, in builds with feature `pgvector`. The
//! statements stand in `sluice_core::vectors::pgvector`.

#[cfg(feature = "pgvector")]
mod postgres {
    use sluice_core::{
        gateway::vectors::pgvector::{self, Sql, SqlError},
        port::{Secrets, Vectors},
        vectors::{Namespace, Near, Nearest, Point, VectorsError, pgvector::Statement},
    };
    use spin_sdk::pg::{Connection, DbValue, Error, ParameterValue, PgError, QueryError};

    use crate::Spin;

    /// The name that `Secrets` knows the variable by.
    const ADDRESS: &str = "PGVECTOR_URL";

    /// A connection to the database.
    struct Postgres(Connection);

    fn failed(error: Error) -> SqlError {
        match error {
            Error::PgError(PgError::QueryFailed(QueryError::DbError(error))) => {
                SqlError { code: Some(error.code), message: error.message }
            }
            error => SqlError { code: None, message: error.to_string() },
        }
    }

    impl Sql for Postgres {
        async fn run(&self, statement: &Statement) -> Result<Vec<Vec<String>>, SqlError> {
            let values: Vec<ParameterValue> =
                statement.values.iter().cloned().map(ParameterValue::Str).collect();
            let found = self.0.query(statement.text.clone(), values).await.map_err(failed)?;
            let columns = found.columns().len();
            let rows = found.collect().await.map_err(failed)?;
            let text = |value: &DbValue| match value {
                DbValue::Str(text) => text.clone(),
                _ => String::new(),
            };
            Ok(rows.iter().map(|row| (0..columns).map(|at| text(&row[at])).collect()).collect())
        }
    }

    impl Spin {
        async fn postgres(&self) -> Result<Postgres, VectorsError> {
            let Some(address) = self.secret(ADDRESS).await else {
                let what = "set the variable pgvector_url: where PostgreSQL is";
                return Err(VectorsError::Absent(what.to_owned()));
            };
            Ok(Postgres(Connection::open(address.expose()).await.map_err(failed)?))
        }
    }

    impl Vectors for Spin {
        async fn upsert(&self, space: &Namespace, points: &[Point]) -> Result<(), VectorsError> {
            pgvector::upsert(&self.postgres().await?, space, points).await
        }

        async fn remove(&self, space: &Namespace, ids: &[String]) -> Result<(), VectorsError> {
            pgvector::remove(&self.postgres().await?, space, ids).await
        }

        async fn nearest(&self, space: &Namespace, wanted: &Nearest) -> Result<Vec<Near>, VectorsError> {
            pgvector::nearest(&self.postgres().await?, space, wanted).await
        }
    }
}

#[cfg(not(feature = "pgvector"))]
mod none {
    use sluice_core::{
        port::Vectors,
        vectors::{Namespace, Near, Nearest, Point, VectorsError},
    };

    use crate::Spin;

    fn absent<T>() -> Result<T, VectorsError> {
        let what = "this build has no PostgreSQL: build it with cargo feature `pgvector`, or set `vectors` to \
                    `embedded` or `qdrant` in sluice.yaml";
        Err(VectorsError::Absent(what.to_owned()))
    }

    impl Vectors for Spin {
        async fn upsert(&self, _space: &Namespace, _points: &[Point]) -> Result<(), VectorsError> {
            absent()
        }

        async fn remove(&self, _space: &Namespace, _ids: &[String]) -> Result<(), VectorsError> {
            absent()
        }

        async fn nearest(&self, _space: &Namespace, _wanted: &Nearest) -> Result<Vec<Near>, VectorsError> {
            absent()
        }
    }
}
