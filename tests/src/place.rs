//! Where built things are: as `cargo xtask test` says in the environment, else where it would put them.

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

/// The folder of the Cloudflare bundle.
pub fn cloudflare_bundle() -> PathBuf {
    find("SLUICE_CLOUDFLARE_BUNDLE", "target/bundle/cloudflare")
}

/// The folder of the Worker that takes documents off their queue.
pub fn ingest_bundle() -> PathBuf {
    find("SLUICE_INGEST_BUNDLE", "target/bundle/cloudflare-ingest")
}

/// The script that serves it in workerd.
pub fn serve_script() -> PathBuf {
    find("SLUICE_SERVE", "tools/serve.mjs")
}

/// The folder of the Spin components.
pub fn spin_bundle() -> PathBuf {
    find("SLUICE_SPIN_BUNDLE", "target/bundle/spin")
}

/// The folder of the Cloudflare bundle that runs the contracts of the ports.
pub fn cloudflare_contract() -> PathBuf {
    find("SLUICE_CLOUDFLARE_CONTRACT", "target/bundle/cloudflare-contract")
}

/// The folder of the Spin component that runs the contracts of the ports.
pub fn spin_contract() -> PathBuf {
    find("SLUICE_SPIN_CONTRACT", "target/bundle/spin-contract")
}

/// The Spin manifest of that.
pub fn spin_contract_manifest() -> PathBuf {
    root().join("tests/contract.spin.toml")
}

/// The Spin manifest.
pub fn spin_manifest() -> PathBuf {
    find("SLUICE_SPIN_MANIFEST", "spin.toml")
}

/// The program that serves it.
pub fn spin_host() -> PathBuf {
    find("SLUICE_SPIN_HOST", "target/tool/spin-host")
}

/// The mock provider.
pub fn mock_provider() -> PathBuf {
    find("SLUICE_MOCK_PROVIDER", "target/tool/mock-provider")
}

/// The Python that has the SDKs.
pub fn python() -> PathBuf {
    find("SLUICE_PYTHON", "target/venv/bin/python")
}

/// The Python that has the frameworks.
pub fn frameworks_python() -> PathBuf {
    find("SLUICE_FRAMEWORKS_PYTHON", "target/venv-frameworks/bin/python")
}

/// The Python that has Schemathesis.
pub fn schemathesis_python() -> PathBuf {
    find("SLUICE_SCHEMATHESIS_PYTHON", "target/venv-schemathesis/bin/python")
}

fn find(variable: &str, usual: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(|| root().join(usual), PathBuf::from);
    assert!(path.exists(), "{} is missing: `cargo xtask test` builds it, or set {variable}", path.display());
    path
}
