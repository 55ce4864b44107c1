//! What the numbers were taken on.

use std::fs::{self, File};
use std::io::Write;
use std::time::Instant;

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
    let synced = synced_write_ms()?;
    Ok(format!(
        "{cores} cores of {model}; workerd {workerd}; rustc {rustc}; load before the run {load}; a write until the disk has it \
         {synced:.1} ms.\n"
    ))
}

/// What a transaction that must be durable costs at least: a small write where servers keep their state, until the disk has it.
fn synced_write_ms() -> Result<f64> {
    let path = std::env::temp_dir().join(format!("sluice-bench-{}", std::process::id()));
    let mut file = File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..21 {
        let begun = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    fs::remove_file(&path)?;
    times.sort_unstable_by(f64::total_cmp);
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}
