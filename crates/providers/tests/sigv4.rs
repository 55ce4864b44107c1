//! Signatures against botocore's, from `tests/cases/sigv4` (made by `tests/fixtures/sigv4`).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use sluice_providers::auth::sigv4::{Credentials, Request, Scope, sign};
use sluice_types::{secret::Secret, time::Timestamp};

#[derive(Deserialize)]
struct Case {
    name: String,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    region: String,
    service: String,
    time_ms: u64,
    signed: BTreeMap<String, String>,
}

#[test]
fn requests_are_signed_as_botocore_signs_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/sigv4/botocore.json");
    let cases: Vec<Case> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(50 <= cases.len(), "only {} cases", cases.len());
    for case in cases {
        let headers: Vec<(&str, &str)> =
            case.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request =
            Request { method: &case.method, url: &case.url, headers: &headers, body: case.body.as_bytes() };
        let credentials = Credentials {
            access_key_id: case.access_key_id,
            secret_access_key: Secret::new(case.secret_access_key),
            session_token: case.session_token.map(Secret::new),
        };
        let scope = Scope { region: &case.region, service: &case.service };
        let signed = sign(&request, &credentials, scope, Timestamp(case.time_ms)).unwrap();
        let signed: BTreeMap<String, String> =
            signed.into_iter().map(|(name, value)| (name.to_owned(), value.expose().to_owned())).collect();
        assert_eq!(signed, case.signed, "{}", case.name);
    }
}
