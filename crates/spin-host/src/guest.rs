//! What one instance of the component holds, and what it finds when it imports.

use std::{path::PathBuf, sync::Arc};

use wasmtime::{
    Engine, Result,
    component::{Accessor, HasData, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use sluice_spin_host::{
    manifest::Component,
    store::Stores,
    variables::{VariableError, Variables},
};

use crate::{
    outbound::{Hooks, Outbound},
    wit::{Imports, spin::variables::variables as spin, wasi::config::store as config},
};

/// What all instances of a component share.
pub struct Host {
    /// What the component may use.
    pub may: Component,
    /// Its variables.
    pub variables: Variables,
    /// Its key-value stores.
    pub stores: Stores,
    /// Where its databases are.
    pub databases: PathBuf,
    /// How it reaches others.
    pub outbound: Arc<Outbound>,
}

/// The data of one instance.
pub struct Guest {
    host: Arc<Host>,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    open_stores: u32,
}

/// The part of an instance that our own interfaces work on.
pub struct ServicesView<'a> {
    pub host: &'a Host,
    pub table: &'a mut ResourceTable,
    pub open_stores: &'a mut u32,
}

/// Names [`ServicesView`] to the linker.
pub struct Services;

impl HasData for Services {
    type Data<'a> = ServicesView<'a>;
}

impl Host {
    /// The file of the database called `name`.
    pub fn database_file(&self, name: &str) -> PathBuf {
        let file = if name == "default" { "sqlite_db.db".to_owned() } else { format!("sqlite_{name}.db") };
        self.databases.join(file)
    }
}

impl Guest {
    /// The data of a fresh instance. What it prints goes to stderr.
    pub fn new(host: Arc<Host>) -> Self {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(std::io::stderr()).stderr(std::io::stderr());
        for (name, value) in &host.may.environment {
            wasi.env(name, value);
        }
        Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            hooks: Hooks(host.outbound.clone()),
            open_stores: 0,
            host,
        }
    }

    fn services(&mut self) -> ServicesView<'_> {
        ServicesView { host: &self.host, table: &mut self.table, open_stores: &mut self.open_stores }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Everything a component may import here.
///
/// # Errors
///
/// Two interfaces claim the same name, which would be a mistake in this crate.
pub fn linker(engine: &Engine) -> Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    Imports::add_to_linker::<_, Services>(&mut linker, Guest::services)?;
    Ok(linker)
}

impl<T: 'static> spin::HostWithStore<T> for Services {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> Result<Result<String, spin::Error>> {
        let value = accessor.with(|mut access| access.get().host.variables.get(&name));
        Ok(value.map_err(|error| match error {
            VariableError::InvalidName(message) => spin::Error::InvalidName(message),
            VariableError::Undefined(name) => spin::Error::Undefined(name),
            VariableError::Missing(name) => {
                spin::Error::Provider(format!("no provider resolved required variable \"{name}\""))
            }
        }))
    }
}

impl spin::Host for ServicesView<'_> {}

impl config::Host for ServicesView<'_> {
    fn get(&mut self, name: String) -> Result<Result<Option<String>, config::Error>> {
        Ok(match self.host.variables.get(&name) {
            Ok(value) => Ok(Some(value)),
            Err(VariableError::InvalidName(_) | VariableError::Undefined(_)) => Ok(None),
            Err(VariableError::Missing(name)) => Err(config::Error::Upstream(name)),
        })
    }

    fn get_all(&mut self) -> Result<Result<Vec<(String, String)>, config::Error>> {
        Ok(Ok(self.host.variables.all()))
    }
}
