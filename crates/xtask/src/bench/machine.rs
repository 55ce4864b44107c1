//! What the numbers were taken on.

use std::fs;

use anyhow::Result;

use crate::process::{command, output_of, root};

/// The machine and the versions, as the table's first lines.
///
/// # Errors
///
/// If the system does not tell.
pub fn facts() -> Result<String> {
    let cores = std::thread::available_parallelism()?;
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown CPU", |(_, model)| model.trim());
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    let version = |package: &str| {
        let file = root().join("tools/node_modules").join(package).join("package.json");
        let json: Option<serde_json::Value> = serde_json::from_str(&fs::read_to_string(file).ok()?).ok();
        json?.get("version")?.as_str().map(str::to_owned)
    };
    let workerd = version("workerd").unwrap_or_else(|| "not installed".to_owned());
    let rustc = output_of(command("rustc").arg("--version")).unwrap_or_default();
    let rustc = rustc.split(' ').nth(1).unwrap_or("?").to_owned();
    Ok(format!("{cores} cores of {model}; workerd {workerd}; rustc {rustc}; load before the run {load}.\n"))
}
