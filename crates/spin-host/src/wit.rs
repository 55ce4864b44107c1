//! Bindings generated from `wit/`: what a guest may import beside WASI.
#![allow(missing_docs, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "wit",
    world: "imports",
    imports: { default: trappable },
    with: {
        "spin:key-value/key-value.store": sluice_spin_host::store::Store,
        "spin:sqlite/sqlite.connection": crate::sqlite::Database,
        "wasi:keyvalue/store.bucket": sluice_spin_host::store::Store,
        "wasi:keyvalue/atomics.cas": sluice_spin_host::store::Swap,
    },
});
