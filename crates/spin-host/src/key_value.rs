//! The key-value interfaces a guest may import: Spin's own, and `wasi:keyvalue` with its atomics.

use wasmtime::{
    Result,
    component::{Accessor, FutureReader, Resource, StreamReader},
};

use sluice_spin_host::store::{Store, Swap};

use crate::{
    guest::{Services, ServicesView},
    wit::{
        spin::key_value::key_value as spin,
        wasi::keyvalue::{atomics, batch, store as wasi},
    },
};

/// Stores one instance may have open at once, as in Spin.
const MAX_OPEN_STORES: u32 = 256;

impl ServicesView<'_> {
    fn open_store(&mut self, label: &str) -> Result<Result<Resource<Store>, spin::Error>> {
        if !self.host.may.key_value_stores.iter().any(|allowed| allowed == label) {
            return Ok(Err(spin::Error::AccessDenied));
        }
        if MAX_OPEN_STORES <= *self.open_stores {
            return Ok(Err(spin::Error::StoreTableFull));
        }
        *self.open_stores += 1;
        Ok(Ok(self.table.push(self.host.stores.store(label))?))
    }

    fn close_store(&mut self, store: Resource<Store>) -> Result<()> {
        *self.open_stores -= 1;
        self.table.delete(store)?;
        Ok(())
    }

    fn bucket(&self, bucket: &Resource<Store>) -> Result<Store> {
        Ok(self.table.get(bucket)?.clone())
    }
}

/// Takes the store out of the instance, so that nothing of the instance is held while the store works.
fn store<T>(accessor: &Accessor<T, Services>, store: &Resource<Store>) -> Result<Store> {
    accessor.with(|mut access| access.get().bucket(store))
}

impl<T: 'static> spin::HostStoreWithStore<T> for Services {
    async fn open(
        accessor: &Accessor<T, Self>,
        label: String,
    ) -> Result<Result<Resource<Store>, spin::Error>> {
        accessor.with(|mut access| access.get().open_store(&label))
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        this: Resource<Store>,
        key: String,
    ) -> Result<Result<Option<Vec<u8>>, spin::Error>> {
        Ok(store(accessor, &this)?.get(&key).map_err(spin::Error::Other))
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        this: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> Result<Result<(), spin::Error>> {
        Ok(store(accessor, &this)?.set(&key, &value).map_err(spin::Error::Other))
    }

    async fn delete(
        accessor: &Accessor<T, Self>,
        this: Resource<Store>,
        key: String,
    ) -> Result<Result<(), spin::Error>> {
        Ok(store(accessor, &this)?.delete(&key).map_err(spin::Error::Other))
    }

    async fn exists(
        accessor: &Accessor<T, Self>,
        this: Resource<Store>,
        key: String,
    ) -> Result<Result<bool, spin::Error>> {
        Ok(store(accessor, &this)?.exists(&key).map_err(spin::Error::Other))
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        this: Resource<Store>,
    ) -> Result<(StreamReader<String>, FutureReader<Result<(), spin::Error>>)> {
        let (keys, result) = match store(accessor, &this)?.keys() {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(spin::Error::Other(error))),
        };
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, keys)?;
            let result = FutureReader::new(&mut access, async move { Result::<_>::Ok(result) })?;
            Ok((keys, result))
        })
    }
}

impl spin::HostStore for ServicesView<'_> {
    fn drop(&mut self, store: Resource<Store>) -> Result<()> {
        self.close_store(store)
    }
}

impl spin::Host for ServicesView<'_> {}

impl wasi::Host for ServicesView<'_> {
    fn open(&mut self, identifier: String) -> Result<Result<Resource<Store>, wasi::Error>> {
        let opened = self.open_store(&identifier)?;
        Ok(opened.map_err(|error| match error {
            spin::Error::AccessDenied => wasi::Error::AccessDenied,
            spin::Error::NoSuchStore => wasi::Error::NoSuchStore,
            spin::Error::StoreTableFull => wasi::Error::Other("store table full".to_owned()),
            spin::Error::Other(error) => wasi::Error::Other(error),
        }))
    }
}

impl wasi::HostBucket for ServicesView<'_> {
    fn get(&mut self, this: Resource<Store>, key: String) -> Result<Result<Option<Vec<u8>>, wasi::Error>> {
        Ok(self.bucket(&this)?.get(&key).map_err(wasi::Error::Other))
    }

    fn set(&mut self, this: Resource<Store>, key: String, value: Vec<u8>) -> Result<Result<(), wasi::Error>> {
        Ok(self.bucket(&this)?.set(&key, &value).map_err(wasi::Error::Other))
    }

    fn delete(&mut self, this: Resource<Store>, key: String) -> Result<Result<(), wasi::Error>> {
        Ok(self.bucket(&this)?.delete(&key).map_err(wasi::Error::Other))
    }

    fn exists(&mut self, this: Resource<Store>, key: String) -> Result<Result<bool, wasi::Error>> {
        Ok(self.bucket(&this)?.exists(&key).map_err(wasi::Error::Other))
    }

    fn list_keys(
        &mut self,
        this: Resource<Store>,
        cursor: Option<String>,
    ) -> Result<Result<wasi::KeyResponse, wasi::Error>> {
        if cursor.is_some() {
            return Ok(Err(wasi::Error::Other("list_keys: cursor not supported".to_owned())));
        }
        let keys = self.bucket(&this)?.keys().map_err(wasi::Error::Other);
        Ok(keys.map(|keys| wasi::KeyResponse { keys, cursor: None }))
    }

    fn drop(&mut self, bucket: Resource<Store>) -> Result<()> {
        self.close_store(bucket)
    }
}

impl batch::Host for ServicesView<'_> {
    fn get_many(
        &mut self,
        bucket: Resource<Store>,
        keys: Vec<String>,
    ) -> Result<Result<Vec<(String, Option<Vec<u8>>)>, batch::Error>> {
        Ok(self.bucket(&bucket)?.get_many(keys).map_err(batch::Error::Other))
    }

    fn set_many(
        &mut self,
        bucket: Resource<Store>,
        pairs: Vec<(String, Vec<u8>)>,
    ) -> Result<Result<(), batch::Error>> {
        Ok(self.bucket(&bucket)?.set_many(&pairs).map_err(batch::Error::Other))
    }

    fn delete_many(
        &mut self,
        bucket: Resource<Store>,
        keys: Vec<String>,
    ) -> Result<Result<(), batch::Error>> {
        Ok(self.bucket(&bucket)?.delete_many(&keys).map_err(batch::Error::Other))
    }
}

impl atomics::Host for ServicesView<'_> {
    fn increment(
        &mut self,
        bucket: Resource<Store>,
        key: String,
        delta: i64,
    ) -> Result<Result<i64, atomics::Error>> {
        Ok(self.bucket(&bucket)?.increment(&key, delta).map_err(atomics::Error::Other))
    }

    fn swap(&mut self, swap: Resource<Swap>, value: Vec<u8>) -> Result<Result<(), atomics::CasError>> {
        let mut swap = self.table.delete(swap)?;
        let other = |error| atomics::CasError::StoreError(atomics::Error::Other(error));
        match swap.swap(&value) {
            Ok(true) => Ok(Ok(())),
            Ok(false) => match swap.look() {
                Ok(_) => Ok(Err(atomics::CasError::CasFailed(self.table.push(swap)?))),
                Err(error) => Ok(Err(other(error))),
            },
            Err(error) => Ok(Err(other(error))),
        }
    }
}

impl atomics::HostCas for ServicesView<'_> {
    fn new(
        &mut self,
        bucket: Resource<Store>,
        key: String,
    ) -> Result<Result<Resource<Swap>, atomics::Error>> {
        let store = self.bucket(&bucket)?;
        Ok(Ok(self.table.push(Swap { store, key, seen: None })?))
    }

    fn current(&mut self, this: Resource<Swap>) -> Result<Result<Option<Vec<u8>>, atomics::Error>> {
        Ok(self.table.get_mut(&this)?.look().map_err(atomics::Error::Other))
    }

    fn drop(&mut self, swap: Resource<Swap>) -> Result<()> {
        self.table.delete(swap)?;
        Ok(())
    }
}
