//! A provider is added by data alone: what docs/adding-a-provider.md shows, tried as it stands there.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use sluice_providers::format::{Chat, Dialect, Meta, Protocol, Target};

/// The first block of `language` on the page.
fn block(language: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/adding-a-provider.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

fn pairs(table: &toml::Table, name: &str) -> Vec<(String, String)> {
    let Some(members) = table.get(name).and_then(toml::Value::as_table) else { return Vec::new() };
    members.iter().map(|(ours, theirs)| (ours.clone(), theirs.as_str().unwrap().to_owned())).collect()
}

#[test]
fn a_file_and_a_recorded_answer_are_enough() {
    let file = block("toml");
    assert!(file.lines().count() < 10, "the page promises less than ten lines");
    let table: toml::Table = file.parse().unwrap();
    let drop =
        table["drop"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    let dialect = Dialect { rename: pairs(&table, "rename"), drop, ..Dialect::default() };
    let format =
        Chat::ALL.into_iter().find(|format| table["formats"]["chat"].as_str() == Some(format.name()));
    let format = format.unwrap();

    let body =
        br#"{"model":"acme/acme-1","messages":[{"role":"user","content":"hi"}],"seed":7,"logit_bias":{}}"#;
    let target = Target {
        model: "acme-1",
        dialect: &dialect,
        strict: false,
        default_max_tokens: None,
        same_format: true,
    };
    let written = Protocol::OpenaiChat.patch_request(body, &target).unwrap();
    let sent = r#"{"model":"acme-1","messages":[{"role":"user","content":"hi"}],"random_seed":7}"#;
    assert_eq!(
        (std::str::from_utf8(&written.body).unwrap(), written.dropped),
        (sent, vec!["logit_bias".to_owned()])
    );

    let recorded = block("json");
    let answer = format.read_answer(recorded.as_bytes()).unwrap();
    assert_eq!(answer.usage.map(|usage| (usage.input(), usage.output())), Some((9, 2)));
    for caller in Protocol::ALL {
        let meta = Meta {
            id: "req_1",
            created: 0,
            model: "m",
            note: None,
            include_usage: true,
            same_format: caller.format() == format,
            json_array: false,
            searched: None,
        };
        let told = String::from_utf8(caller.write_answer(&answer, &meta)).unwrap();
        assert!(told.contains("Hello."), "{caller:?}: {told}");
    }
}
