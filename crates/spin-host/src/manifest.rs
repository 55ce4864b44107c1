//! What of `spin.toml` (version 2) this host understands: an application of HTTP components.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::routes::Route;

/// An application, checked: everything in it can be served.
#[derive(Debug)]
pub struct Manifest {
    /// Paths that are served, and by which component; others are answered with an empty 404.
    pub routes: Vec<Route>,
    /// Declarations under `[variables]`.
    pub variables: BTreeMap<String, Variable>,
    /// The components that a trigger names, by id. One whose only trigger is private is reached by others alone.
    pub components: BTreeMap<String, Component>,
}

/// A variable of the application.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Its value unless something overrides it.
    pub default: Option<String>,
    /// It has no default and has to be given from outside.
    #[serde(default)]
    pub required: bool,
    /// Not to be shown; no difference here.
    #[serde(default, rename = "secret")]
    _secret: bool,
    #[serde(default, rename = "description")]
    _description: Option<String>,
}

#[derive(Deserialize)]
struct File {
    spin_manifest_version: u32,
    #[serde(default)]
    variables: BTreeMap<String, Variable>,
    #[serde(default)]
    trigger: BTreeMap<String, Vec<Trigger>>,
    #[serde(default)]
    component: BTreeMap<String, Component>,
}

#[derive(Deserialize)]
struct Trigger {
    route: Served,
    component: Option<String>,
}

/// A component, and what it may use.
#[derive(Debug, Deserialize)]
pub struct Component {
    /// The component, relative to the manifest's folder, where it is a file.
    #[serde(deserialize_with = "file")]
    pub source: Option<PathBuf>,
    /// Templates under `[component.ID.variables]`: all that the guest can read.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Templates of what outbound requests may reach.
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    /// Labels the guest may open.
    #[serde(default)]
    pub key_value_stores: Vec<String>,
    /// Labels the guest may open.
    #[serde(default)]
    pub sqlite_databases: Vec<String>,
    /// Environment variables of the guest.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    #[serde(default)]
    files: Vec<toml::Value>,
}

/// A component's source, if it is a file.
fn file<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    Ok(match toml::Value::deserialize(deserializer)? {
        toml::Value::String(source) => Some(source.into()),
        _ => None,
    })
}

/// What stands under `route`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Served {
    Path(String),
    Private { private: bool },
}

impl Manifest {
    /// Reads the manifest at `path`, or the `spin.toml` in it if it is a folder.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is not a manifest of version 2, or asks for what this host does not have.
    pub fn read(path: &Path) -> Result<Self> {
        let path = if path.is_dir() { path.join("spin.toml") } else { path.to_owned() };
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut manifest = Self::parse(&text).with_context(|| format!("in {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for component in manifest.components.values_mut() {
            component.source = component.source.take().map(|source| folder.join(source));
        }
        Ok(manifest)
    }

    /// Parses a manifest; sources stay as they are written.
    ///
    /// # Errors
    ///
    /// As [`Manifest::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let mut file: File = toml::from_str(text)?;
        ensure!(file.spin_manifest_version == 2, "spin_manifest_version has to be 2");
        for (name, variable) in &file.variables {
            ensure!(
                variable.required != variable.default.is_some(),
                "variable `{name}` needs either `required = true` or a `default`"
            );
        }
        if let Some(kind) = file.trigger.keys().find(|kind| *kind != "http") {
            bail!("trigger `{kind}` is not supported by this host, only `http` is");
        }
        let mut routes: Vec<Route> = Vec::new();
        let mut components = BTreeMap::new();
        for trigger in file.trigger.remove("http").unwrap_or_default() {
            let written = match &trigger.route {
                Served::Path(route) => route.as_str(),
                Served::Private { private: true } => "{ private = true }",
                Served::Private { private: false } => bail!("a route is a path or `{{ private = true }}`"),
            };
            let Some(id) = trigger.component else {
                bail!("route `{written}` has no component; static responses are not supported by this host");
            };
            if let Served::Path(route) = &trigger.route {
                routes.push(Route::parse(route, &id)?);
            }
            if !components.contains_key(&id) {
                let component = file.component.remove(&id);
                let component =
                    component.with_context(|| format!("no [component.{id}], to which a route points"))?;
                ensure!(component.files.is_empty(), "`files` of a component are not supported by this host");
                components.insert(id, component);
            }
        }
        ensure!(!components.is_empty(), "no [[trigger.http]]");
        Ok(Self { routes, variables: file.variables, components })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: &str = r#"
        spin_manifest_version = 2
        [application]
        name = "sluice"
        version = "0.1.0"
        [variables]
        house_key = { required = true, secret = true }
        region = { default = "eu" }
        [[trigger.http]]
        route = "/..."
        component = "gateway"
        [[trigger.http]]
        route = "/v1/models/:id"
        component = "gateway"
        [component.gateway]
        source = "target/gateway.wasm"
        allowed_outbound_hosts = ["https://*:*"]
        key_value_stores = ["default"]
        environment = { MODE = "test" }
        [component.gateway.build]
        command = "cargo xtask build"
        [component.gateway.variables]
        house_key = "{{ house_key }}"
    "#;

    #[test]
    fn reads_what_a_component_may_use() {
        let manifest = Manifest::parse(GATEWAY).unwrap();
        let gateway = &manifest.components["gateway"];
        assert_eq!(gateway.source.as_deref().unwrap(), Path::new("target/gateway.wasm"));
        assert_eq!(manifest.routes.len(), 2);
        assert!(manifest.variables["house_key"].required);
        assert_eq!(manifest.variables["region"].default.as_deref(), Some("eu"));
        assert_eq!(gateway.variables["house_key"], "{{ house_key }}");
        assert_eq!(gateway.key_value_stores, ["default"]);
        assert_eq!(gateway.environment["MODE"], "test");
    }

    #[test]
    fn a_second_component_may_have_routes_or_none() {
        let ingest = "\n[component.ingest]\nsource = \"target/ingest.wasm\"\n";
        for (route, routes) in [("\"/internal/...\"", 3), ("{ private = true }", 2)] {
            let trigger = format!("\n[[trigger.http]]\nroute = {route}\ncomponent = \"ingest\"\n");
            let manifest = Manifest::parse(&format!("{GATEWAY}{ingest}{trigger}")).unwrap();
            assert_eq!((manifest.components.len(), manifest.routes.len()), (2, routes), "{route}");
        }
        // Nothing can reach it.
        assert_eq!(Manifest::parse(&format!("{GATEWAY}{ingest}")).unwrap().components.len(), 1);
    }

    #[test]
    fn refuses_what_it_cannot_serve() {
        for (from, to, message) in [
            ("version = 2", "version = 1", "spin_manifest_version"),
            ("[[trigger.http]]", "[[trigger.redis]]", "trigger `redis`"),
            ("\"/...\"", "{ private = false }", "a path or `{ private = true }`"),
            ("required = true, secret", "secret", "needs either"),
            ("component = \"gateway\"", "component = \"other\"", "no [component.other]"),
        ] {
            let error = format!("{:#}", Manifest::parse(&GATEWAY.replace(from, to)).unwrap_err());
            assert!(error.contains(message), "{error}");
        }
    }
}
