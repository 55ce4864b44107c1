//! Where key-value pairs are kept: a SQLite table, in memory or in a file, as Spin's own store keeps them.
//!
//! Every change is a transaction of its own, committed before the call returns. One connection behind one
//! lock serves all instances. The lock survives a panic, unlike Spin's.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

/// What a store answers instead of a value: the words of whatever failed.
pub type Result<T> = std::result::Result<T, String>;

/// All stores of the application.
#[derive(Clone)]
pub struct Stores(Arc<Mutex<Connection>>);

/// One store of the application.
#[derive(Clone)]
pub struct Store {
    stores: Stores,
    name: String,
}

/// A value as it was seen, to be replaced only if it still is.
#[derive(Clone)]
pub struct Swap {
    pub store: Store,
    pub key: String,
    /// `None`: absent, or never looked at.
    pub seen: Option<Vec<u8>>,
}

impl Stores {
    /// Opens the table in the file at `path`, or in memory.
    ///
    /// # Errors
    ///
    /// SQLite cannot open or write the file.
    pub fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        connection.execute(
            "CREATE TABLE IF NOT EXISTS spin_key_value
             (store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key))",
            [],
        )?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// The store called `name`, which need not hold anything yet.
    pub fn store(&self, name: &str) -> Store {
        Store { stores: self.clone(), name: name.to_owned() }
    }

    /// Works on the connection, telling the runtime that this thread is busy.
    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        let lock = || -> MutexGuard<'_, Connection> { self.0.lock().unwrap_or_else(PoisonError::into_inner) };
        let work = || work(&mut lock()).map_err(|error| error.to_string());
        let inside_runtime = tokio::runtime::Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
        if inside_runtime { tokio::task::block_in_place(work) } else { work() }
    }
}

impl Store {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.stores.with(|connection| get(connection, &self.name, key))
    }

    /// Sets `key`.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<()> {
        self.stores.with(|connection| set(connection, &self.name, key, value))
    }

    /// Deletes `key`, if it is there.
    pub fn delete(&self, key: &str) -> Result<()> {
        self.stores.with(|connection| {
            let mut statement =
                connection.prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?;
            statement.execute(params![self.name, key]).map(drop)
        })
    }

    /// Whether `key` is there.
    pub fn exists(&self, key: &str) -> Result<bool> {
        self.stores.with(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2")?;
            statement.exists(params![self.name, key])
        })
    }

    /// All keys.
    pub fn keys(&self) -> Result<Vec<String>> {
        self.stores.with(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?;
            statement.query_map(params![self.name], |row| row.get(0))?.collect()
        })
    }

    /// The values of those `keys` that are there, in the order of the keys and not of the question, as Spin
    /// answers.
    pub fn get_many(&self, mut keys: Vec<String>) -> Result<Vec<(String, Option<Vec<u8>>)>> {
        keys.sort_unstable();
        keys.dedup();
        self.stores.with(|connection| {
            let mut found = Vec::new();
            for key in keys {
                if let Some(value) = get(connection, &self.name, &key)? {
                    found.push((key, Some(value)));
                }
            }
            Ok(found)
        })
    }

    /// Sets all `pairs` or none.
    pub fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<()> {
        self.stores.with(|connection| {
            let transaction = connection.transaction()?;
            for (key, value) in pairs {
                set(&transaction, &self.name, key, value)?;
            }
            transaction.commit()
        })
    }

    /// Deletes all `keys` or none.
    pub fn delete_many(&self, keys: &[String]) -> Result<()> {
        self.stores.with(|connection| {
            let transaction = connection.transaction()?;
            for key in keys {
                transaction.execute(
                    "DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2",
                    params![self.name, key],
                )?;
            }
            transaction.commit()
        })
    }

    /// Adds `delta` to the 8-byte little-endian integer at `key`, an absent one being 0, and returns the sum.
    ///
    /// A value of another length is an error here; Spin panics on it and loses the store.
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64> {
        self.stores.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let number = match get(&transaction, &self.name, key)? {
                None => Some(0),
                Some(value) => <[u8; 8]>::try_from(value).ok().map(i64::from_le_bytes),
            };
            let Some(sum) = number.and_then(|number| number.checked_add(delta)) else {
                return Ok(Err(format!("the value of `{key}` is not a counter, or would overflow")));
            };
            set(&transaction, &self.name, key, &sum.to_le_bytes())?;
            transaction.commit()?;
            Ok(Ok(sum))
        })?
    }
}

impl Swap {
    /// Looks at the value, and remembers it.
    pub fn look(&mut self) -> Result<Option<Vec<u8>>> {
        self.seen = self.store.get(&self.key)?;
        Ok(self.seen.clone())
    }

    /// Sets the value, unless it is no longer the one seen; then it is left alone and this is `false`.
    pub fn swap(&self, value: &[u8]) -> Result<bool> {
        let name = &self.store.name;
        let changed = self.store.stores.with(|connection| match &self.seen {
            Some(seen) => connection.execute(
                "UPDATE spin_key_value SET value = ?4 WHERE store = ?1 AND key = ?2 AND value = ?3",
                params![name, self.key, seen, value],
            ),
            None => connection.execute(
                "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![name, self.key, value],
            ),
        })?;
        Ok(changed != 0)
    }
}

fn get(connection: &Connection, store: &str, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut statement =
        connection.prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?;
    statement.query_row(params![store, key], |row| row.get(0)).optional()
}

fn set(connection: &Connection, store: &str, key: &str, value: &[u8]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
         ON CONFLICT (store, key) DO UPDATE SET value = ?3",
    )?;
    statement.execute(params![store, key, value]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_reads_what_it_wrote_and_no_other() {
        let stores = Stores::open(None).unwrap();
        let (a, b) = (stores.store("a"), stores.store("b"));
        a.set("k", b"1").unwrap();
        a.set("k", b"2").unwrap();
        assert_eq!(a.get("k").unwrap().unwrap(), b"2");
        assert_eq!(b.get("k").unwrap(), None);
        assert!(a.exists("k").unwrap() && !b.exists("k").unwrap());
        assert_eq!(a.keys().unwrap(), ["k"]);
        a.delete("k").unwrap();
        a.delete("k").unwrap();
        assert_eq!(a.get("k").unwrap(), None);
    }

    #[test]
    fn many_are_answered_in_the_order_of_keys_without_the_absent() {
        let store = Stores::open(None).unwrap().store("a");
        store.set_many(&[("b".into(), b"2".to_vec()), ("a".into(), b"1".to_vec())]).unwrap();
        let found = store.get_many(vec!["b".into(), "x".into(), "a".into()]).unwrap();
        assert_eq!(found, [("a".into(), Some(b"1".to_vec())), ("b".into(), Some(b"2".to_vec()))]);
        store.delete_many(&["a".into(), "x".into()]).unwrap();
        assert_eq!(store.keys().unwrap(), ["b"]);
    }

    #[test]
    fn counters_are_eight_bytes_and_nothing_else() {
        let store = Stores::open(None).unwrap().store("a");
        assert_eq!(store.increment("n", 5), Ok(5));
        assert_eq!(store.increment("n", -7), Ok(-2));
        assert_eq!(store.get("n").unwrap().unwrap(), (-2i64).to_le_bytes());
        store.set("n", b"text").unwrap();
        assert!(store.increment("n", 1).is_err());
        store.set("n", &i64::MAX.to_le_bytes()).unwrap();
        assert!(store.increment("n", 1).is_err());
        assert_eq!(store.increment("m", 1), Ok(1));
    }

    #[test]
    fn a_swap_fails_once_the_value_has_changed() {
        let store = Stores::open(None).unwrap().store("a");
        let mut swap = Swap { store: store.clone(), key: "k".into(), seen: None };
        assert_eq!(swap.swap(b"1"), Ok(true));
        assert_eq!(swap.swap(b"2"), Ok(false));
        swap.look().unwrap();
        assert_eq!(swap.swap(b"2"), Ok(true));
        assert_eq!(swap.swap(b"3"), Ok(false));
        assert_eq!(store.get("k").unwrap().unwrap(), b"2");
    }

    #[test]
    fn a_file_keeps_its_pairs() {
        let file = std::env::temp_dir().join(format!("spin-host-store-{}.db", std::process::id()));
        Stores::open(Some(&file)).unwrap().store("a").set("k", b"v").unwrap();
        assert_eq!(Stores::open(Some(&file)).unwrap().store("a").get("k").unwrap().unwrap(), b"v");
        std::fs::remove_file(file).unwrap();
    }
}
