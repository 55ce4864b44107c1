//! `spin:sqlite`: every open is a new connection, rows are a stream.
//!
//! As in Spin, a connection is busy until the rows of its last statement are read or dropped: another
//! statement on it waits, for ever if the guest waits for that one first. An error in a statement shows in
//! the result that follows the rows.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use rusqlite::{Connection, Statement, params_from_iter, types::Value as Cell};
use tokio::sync::{mpsc, oneshot};
use wasmtime::{
    Result, StoreContextMut,
    component::{Accessor, Destination, FutureReader, Resource, StreamProducer, StreamReader, StreamResult},
};

use crate::{
    guest::{Services, ServicesView},
    wit::spin::sqlite::sqlite::{
        Error, Host, HostConnection, HostConnectionWithStore, QueryResult, RowResult, Value,
    },
};

/// Rows read ahead of the guest.
const ROWS_AHEAD: usize = 4;

/// An open connection.
#[derive(Clone)]
pub struct Database(Arc<Mutex<Connection>>);

type Rows = (Vec<String>, StreamReader<RowResult>, FutureReader<Result<(), Error>>);

impl Database {
    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs a statement, handing over its columns and then each row until it is told to stop.
    fn run(
        &self,
        statement: &str,
        parameters: Vec<Value>,
        columns: impl FnOnce(Vec<String>),
        mut row: impl FnMut(RowResult) -> bool,
    ) -> Result<(), Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(statement)?;
            columns(statement.column_names().into_iter().map(ToOwned::to_owned).collect());
            let statement: &mut Statement<'_> = &mut statement;
            let width = statement.column_count();
            let mut rows = statement.query(params_from_iter(parameters.into_iter().map(Cell::from)))?;
            while let Some(found) = rows.next()? {
                let values = (0..width).map(|column| found.get::<_, Cell>(column).map(Value::from));
                if !row(RowResult { values: values.collect::<rusqlite::Result<_>>()? }) {
                    break;
                }
            }
            Ok(())
        })
        .map_err(|error: rusqlite::Error| Error::Io(error.to_string()))
    }
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        match value {
            Value::Integer(integer) => Self::Integer(integer),
            Value::Real(real) => Self::Real(real),
            Value::Text(text) => Self::Text(text),
            Value::Blob(blob) => Self::Blob(blob),
            Value::Null => Self::Null,
        }
    }
}

impl From<Cell> for Value {
    fn from(cell: Cell) -> Self {
        match cell {
            Cell::Integer(integer) => Self::Integer(integer),
            Cell::Real(real) => Self::Real(real),
            Cell::Text(text) => Self::Text(text),
            Cell::Blob(blob) => Self::Blob(blob),
            Cell::Null => Self::Null,
        }
    }
}

impl ServicesView<'_> {
    fn open_database(&mut self, name: &str) -> Result<Result<Resource<Database>, Error>> {
        if !self.host.may.sqlite_databases.iter().any(|allowed| allowed == name) {
            return Ok(Err(Error::AccessDenied));
        }
        match Connection::open(self.host.database_file(name)) {
            Ok(connection) => Ok(Ok(self.table.push(Database(Arc::new(Mutex::new(connection))))?)),
            Err(error) => Ok(Err(Error::Io(error.to_string()))),
        }
    }

    fn database(&self, database: &Resource<Database>) -> Result<Database> {
        Ok(self.table.get(database)?.clone())
    }
}

fn database<T>(accessor: &Accessor<T, Services>, database: &Resource<Database>) -> Result<Database> {
    accessor.with(|mut access| access.get().database(database))
}

impl<T: 'static> HostConnectionWithStore<T> for Services {
    async fn open_async(
        accessor: &Accessor<T, Self>,
        name: String,
    ) -> Result<Result<Resource<Database>, Error>> {
        accessor.with(|mut access| access.get().open_database(&name))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        this: Resource<Database>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<Result<Rows, Error>> {
        let database = database(accessor, &this)?;
        let (columns, columns_found) = oneshot::channel();
        let (rows, rows_found) = mpsc::channel(ROWS_AHEAD);
        let (result, result_found) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let columns = |names| drop(columns.send(names));
            let row = |row| rows.blocking_send(row).is_ok();
            let done = database.run(&statement, parameters, columns, row);
            drop(rows);
            drop(result.send(done));
        });
        // Without columns the statement did not even parse: the result says so.
        let columns = columns_found.await.unwrap_or_default();
        accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, RowProducer(rows_found))?;
            let result = FutureReader::new(&mut access, result_found)?;
            Ok(Ok((columns, rows, result)))
        })
    }

    async fn last_insert_rowid_async(accessor: &Accessor<T, Self>, this: Resource<Database>) -> Result<i64> {
        Ok(database(accessor, &this)?.with(|connection| connection.last_insert_rowid()))
    }

    async fn changes_async(accessor: &Accessor<T, Self>, this: Resource<Database>) -> Result<u64> {
        Ok(database(accessor, &this)?.with(|connection| connection.changes()))
    }
}

impl HostConnection for ServicesView<'_> {
    fn open(&mut self, name: String) -> Result<Result<Resource<Database>, Error>> {
        self.open_database(&name)
    }

    fn execute(
        &mut self,
        this: Resource<Database>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<Result<QueryResult, Error>> {
        let database = self.database(&this)?;
        let mut found = QueryResult { columns: Vec::new(), rows: Vec::new() };
        let QueryResult { columns, rows } = &mut found;
        let row = |row| {
            rows.push(row);
            true
        };
        let done = tokio::task::block_in_place(|| {
            database.run(&statement, parameters, |names| *columns = names, row)
        });
        Ok(done.map(|()| found))
    }

    fn last_insert_rowid(&mut self, this: Resource<Database>) -> Result<i64> {
        Ok(self.database(&this)?.with(|connection| connection.last_insert_rowid()))
    }

    fn changes(&mut self, this: Resource<Database>) -> Result<u64> {
        Ok(self.database(&this)?.with(|connection| connection.changes()))
    }

    fn drop(&mut self, database: Resource<Database>) -> Result<()> {
        self.table.delete(database)?;
        Ok(())
    }
}

impl Host for ServicesView<'_> {}

/// Hands the rows of a statement to the guest as they come.
struct RowProducer(mpsc::Receiver<RowResult>);

impl<D> StreamProducer<D> for RowProducer {
    type Item = RowResult;
    type Buffer = Option<RowResult>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        match self.0.poll_recv(context) {
            Poll::Ready(Some(row)) => {
                destination.set_buffer(Some(row));
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}
