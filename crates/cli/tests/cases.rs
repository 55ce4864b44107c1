//! `tests/cases/config`: configurations and what the command says of them. `BLESS=1` rewrites what is expected.

#![allow(clippy::disallowed_methods, reason = "a test of a native tool: it reads its environment")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What the command printed, and whether it was content.
struct Said {
    out: String,
    err: String,
    fine: bool,
}

fn sluice(folder: &Path, arguments: &[&str]) -> Said {
    let output =
        Command::new(env!("CARGO_BIN_EXE_sluice")).current_dir(folder).args(arguments).output().unwrap();
    Said {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        fine: output.status.success(),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The cases of a folder, by name without `.yaml`; there must be some.
fn cases(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        files.filter_map(|file| file.strip_suffix(".yaml").map(str::to_owned)).collect();
    assert!(!names.is_empty(), "no cases in {}", folder.display());
    names.sort();
    names
}

/// Compares `now` with the file, or with `BLESS=1` writes it. An empty text is no file.
fn expect(file: &Path, now: &str, differing: &mut Vec<String>) {
    let before = fs::read_to_string(file).unwrap_or_default();
    if before == now {
        return;
    }
    if env::var_os("BLESS").is_none() {
        differing.push(format!("{}:\n--- expected\n{before}--- now\n{now}", file.display()));
    } else if now.is_empty() {
        fs::remove_file(file).unwrap();
    } else {
        fs::write(file, now).unwrap();
    }
}

#[test]
fn valid_configurations_compile_and_warn_as_expected() {
    let folder = root().join("tests/cases/config/valid");
    let mut differing = Vec::new();
    for name in cases(&folder) {
        let file = format!("{name}.yaml");
        let compiled = sluice(&folder, &["config", "compile", &file]);
        assert!(compiled.fine, "{name}: {}", compiled.err);
        expect(&folder.join(format!("{name}.json")), &compiled.out, &mut differing);
        expect(&folder.join(format!("{name}.txt")), &compiled.err, &mut differing);
        // JSON is YAML, and what was compiled compiles to itself.
        let again = sluice(&folder, &["config", "compile", &format!("{name}.json")]);
        assert_eq!(again.out, compiled.out, "{name}");
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn wrong_configurations_are_reported_whole() {
    let folder = root().join("tests/cases/config/err");
    let mut differing = Vec::new();
    for name in cases(&folder) {
        let checked = sluice(&folder, &["config", "check", &format!("{name}.yaml")]);
        assert!(!checked.fine, "{name} is fine");
        assert!(!checked.out.contains("MUSTNOTAPPEAR"), "{name} shows a secret");
        expect(&folder.join(format!("{name}.txt")), &checked.out, &mut differing);
        let compiled = sluice(&folder, &["config", "compile", &format!("{name}.yaml")]);
        assert!(!compiled.fine && compiled.out.is_empty(), "{name} compiles");
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn the_schema_is_fresh() {
    let mut differing = Vec::new();
    let schema = sluice(&root(), &["config", "schema"]).out;
    expect(&root().join("sluice.schema.json"), &schema, &mut differing);
    assert!(
        differing.is_empty(),
        "sluice.schema.json is stale: run `sluice config schema > sluice.schema.json`"
    );
}

#[test]
fn the_example_in_the_docs_is_a_tested_case() {
    let docs = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let example = fs::read_to_string(root().join("tests/cases/config/valid/documented.yaml")).unwrap();
    assert!(
        docs.contains(&format!("```yaml\n{example}```")),
        "docs/configuration.md does not hold documented.yaml"
    );
}

#[test]
fn a_key_is_minted_once_and_only_its_digest_is_in_the_record() {
    let mint = || sluice(&root(), &["key", "mint", "--tenant", "acme", "--json"]);
    let (first, second): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(&mint().out).unwrap(), serde_json::from_str(&mint().out).unwrap());
    let key = first["key"].as_str().unwrap();
    assert!(key.starts_with("sk-sluice-") && key.len() == 10 + 43);
    assert_ne!(first["key"], second["key"]);
    assert_eq!(first["record"]["tenant"], "acme");
    assert!(!first["record"].to_string().contains(key));
    assert!(first["store_key"].as_str().unwrap().ends_with(first["sha256"].as_str().unwrap()));
    assert!(!sluice(&root(), &["key", "mint", "--tenant", "a/b"]).fine);
}

#[test]
fn prices_are_exact_and_follow_the_size_of_the_input() {
    let cost = |arguments: &[&str]| {
        let said = sluice(&root(), &[&["price"], arguments, &["--json"]].concat());
        let answer: serde_json::Value =
            serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}", said.err));
        answer["cost_usd"].as_str().unwrap().to_owned()
    };
    assert_eq!(cost(&["openai/gpt-4o-mini", "--input", "1000", "--output", "100"]), "0.000210000");
    assert_eq!(cost(&["openai/gpt-4o-mini-2024-07-18", "--cache-read", "1"]), "0.000000075");
    assert_eq!(cost(&["openai/gpt-5.4", "--input", "272000"]), "0.680000000");
    assert_eq!(cost(&["openai/gpt-5.4", "--input", "272001"]), "1.360005000");
    let wrong = sluice(&root(), &["price", "openai/gpt-4o-mni"]);
    assert!(!wrong.fine && wrong.err.contains("did you mean `gpt-4o-mini`?"), "{}", wrong.err);
}

#[test]
fn what_is_known_is_listed() {
    let providers = sluice(&root(), &["providers"]).out;
    assert!(
        providers.lines().any(|line| line.starts_with("anthropic ") && line.contains("$ANTHROPIC_API_KEY"))
    );
    let models: serde_json::Value =
        serde_json::from_str(&sluice(&root(), &["models", "--provider", "openai", "--json"]).out).unwrap();
    assert!(models.as_array().unwrap().iter().any(|model| model["model"] == "gpt-4o-mini"));
    let wrong = sluice(&root(), &["models", "--provider", "opnai"]);
    assert!(!wrong.fine && wrong.err.contains("did you mean `openai`?"), "{}", wrong.err);
}

/// `tests/cases/guard`: `{name}.{stage}.txt` is tried, `{name}.{stage}.out` is what is said. `own-` and `dry-` are tried with
/// the guardrails of `guardrails.yaml`.
#[test]
fn guardrails_are_tried_on_texts() {
    let folder = root().join("tests/cases/guard");
    let mut differing = Vec::new();
    let mut tried = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".txt") else { continue };
        let (case, stage) = name.rsplit_once('.').unwrap();
        let mut arguments = vec!["guard", "try", "--stage", stage, &file];
        match case.split_once('-') {
            Some(("own", _)) => arguments.extend(["--config", "guardrails.yaml", "--guardrail", "house"]),
            Some(("dry", _)) => arguments.extend(["--config", "guardrails.yaml", "--guardrail", "trial"]),
            _ => {}
        }
        let said = sluice(&folder, &arguments);
        assert_eq!(said.err, "", "{file}");
        assert_eq!(said.fine, !said.out.contains("refused:"), "{file}: {}", said.out);
        expect(&folder.join(format!("{name}.out")), &said.out, &mut differing);
        let json = sluice(&folder, &[&arguments[..], &["--json"]].concat());
        let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(json["refused"].is_null(), json["text"].is_string(), "{file}: {json}");
        tried += 1;
    }
    assert!(8 <= tried && differing.is_empty(), "{}", differing.join("\n"));
    let wrong = ["guard", "try", "--config", "guardrails.yaml", "--guardrail", "huose", "harmless.input.txt"];
    assert!(sluice(&folder, &wrong).err.contains("did you mean `house`?"));
}
