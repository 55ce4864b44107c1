//! What of `spin.toml` (version 2) this host understands: an application of one HTTP component.

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
    /// The component, relative to the manifest's folder.
    pub source: Option<PathBuf>,
    /// Paths the component serves; others are answered with an empty 404.
    pub routes: Vec<Route>,
    /// Declarations under `[variables]`.
    pub variables: BTreeMap<String, Variable>,
    /// Templates under `[component.ID.variables]`: all that the guest can read.
    pub component_variables: BTreeMap<String, String>,
    /// Templates of what outbound requests may reach.
    pub allowed_outbound_hosts: Vec<String>,
    /// Labels the guest may open.
    pub key_value_stores: Vec<String>,
    /// Labels the guest may open.
    pub sqlite_databases: Vec<String>,
    /// Environment variables of the guest.
    pub environment: BTreeMap<String, String>,
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
    route: toml::Value,
    component: Option<String>,
}

#[derive(Deserialize)]
struct Component {
    source: toml::Value,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    key_value_stores: Vec<String>,
    #[serde(default)]
    sqlite_databases: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    files: Vec<toml::Value>,
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
        manifest.source = manifest.source.map(|source| folder.join(source));
        Ok(manifest)
    }

    /// Parses a manifest; `source` stays as it is written.
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
        let mut routes = Vec::new();
        let mut component_id = None;
        for trigger in file.trigger.remove("http").unwrap_or_default() {
            let toml::Value::String(route) = &trigger.route else {
                bail!("route `{}` is not supported by this host, only a string is", trigger.route);
            };
            let Some(id) = trigger.component else {
                bail!("route `{route}` has no component; static responses are not supported by this host");
            };
            ensure!(
                component_id.as_ref().is_none_or(|first| *first == id),
                "this host serves one component, the manifest routes to several"
            );
            routes.push(Route::parse(route)?);
            component_id = Some(id);
        }
        let component_id = component_id.context("no [[trigger.http]]")?;
        let component = file
            .component
            .remove(&component_id)
            .with_context(|| format!("no [component.{component_id}], to which a route points"))?;
        ensure!(component.files.is_empty(), "`files` of a component are not supported by this host");
        let source = match component.source {
            toml::Value::String(source) => Some(source.into()),
            _ => None,
        };
        Ok(Self {
            source,
            routes,
            variables: file.variables,
            component_variables: component.variables,
            allowed_outbound_hosts: component.allowed_outbound_hosts,
            key_value_stores: component.key_value_stores,
            sqlite_databases: component.sqlite_databases,
            environment: component.environment,
        })
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
        assert_eq!(manifest.source.unwrap(), Path::new("target/gateway.wasm"));
        assert_eq!(manifest.routes.len(), 2);
        assert!(manifest.variables["house_key"].required);
        assert_eq!(manifest.variables["region"].default.as_deref(), Some("eu"));
        assert_eq!(manifest.component_variables["house_key"], "{{ house_key }}");
        assert_eq!(manifest.key_value_stores, ["default"]);
        assert_eq!(manifest.environment["MODE"], "test");
    }

    #[test]
    fn refuses_what_it_cannot_serve() {
        for (from, to, message) in [
            ("version = 2", "version = 1", "spin_manifest_version"),
            ("[[trigger.http]]", "[[trigger.redis]]", "trigger `redis`"),
            ("\"/...\"", "{ private = true }", "only a string"),
            ("required = true, secret", "secret", "needs either"),
            ("component = \"gateway\"", "component = \"other\"", "no [component.other]"),
        ] {
            let error = format!("{:#}", Manifest::parse(&GATEWAY.replace(from, to)).unwrap_err());
            assert!(error.contains(message), "{error}");
        }
    }
}
