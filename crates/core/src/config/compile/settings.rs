//! What a catalogue's provider needs beside a key: parts of its address, a signature.

use std::borrow::Cow;

use sluice_providers::{
    auth::{Auth, Aws, sigv4},
    catalog,
    format::Chat,
};

use super::Notes;
use crate::config::{
    HttpProvider, document,
    path::Path,
    text::{Credential, Setting},
};

/// Where `known` is, the braces of its address filled.
pub fn base_url(
    known: &catalog::Provider,
    written: &document::Provider,
    at: &Path,
    notes: &mut Notes,
) -> String {
    let signs = matches!(known.auth, Auth::Aws(_)) && written.api_key.is_none();
    let mut url = known.base_url.to_owned();
    for (name, given) in parts(written) {
        let brace = format!("{{{name}}}");
        let taken = known.base_url.contains(&brace);
        match given {
            Some(value) => {
                if !taken && (name != "region" || !matches!(known.auth, Auth::Aws(_))) {
                    notes.problem(at.key(name), format!("`{}` does not take this", known.name));
                }
                // Google's global location has a host without a prefix.
                if name == "location" && value.as_str() == "global" {
                    url = url.replace("{location}-", "");
                }
                url = url.replace(&brace, value.as_str());
            }
            None if taken && written.base_url.is_none() && written.binding.is_none() => {
                notes.problem(at.key(name), format!("missing; `{}` is at {}", known.name, known.base_url));
            }
            None if name == "region" && signs => {
                notes.problem(at.key(name), "missing; requests are signed for a region");
            }
            None => {}
        }
    }
    written.base_url.as_ref().map_or(url, |own| own.as_str().to_owned())
}

/// The address of the host's own binding, if a provider that speaks `chat` is to be asked by one.
pub fn binding(chat: &[Chat], written: &document::Provider, at: &Path, notes: &mut Notes) -> Option<String> {
    let name = written.binding.as_ref()?;
    if chat != [Chat::WorkersAi] {
        notes.problem(at.key("binding"), "only what speaks `workers_ai` has a binding");
    }
    for (member, given) in [
        ("account_id", written.account_id.is_some()),
        ("api_key", written.api_key.is_some()),
        ("api_keys", !written.api_keys.is_empty()),
        ("base_url", written.base_url.is_some()),
        ("headers", !written.headers.is_empty()),
        ("query", !written.query.is_empty()),
    ] {
        if given {
            notes.problem(
                at.key(member),
                "a binding has neither address nor key: leave this or `binding` out",
            );
        }
    }
    Some(format!("{}://{}", HttpProvider::BINDING, name.as_str()))
}

/// How `known` is told who asks.
pub fn auth(known: &catalog::Provider, written: &document::Provider, at: &Path, notes: &mut Notes) -> Auth {
    let aws = matches!(known.auth, Auth::Aws(_));
    for (name, given) in aws_secrets(written) {
        if given.is_some() && (!aws || written.api_key.is_some()) {
            let why = if aws { "`api_key` is given, so nothing is signed" } else { "nothing is signed" };
            notes.problem(at.key(name), format!("`{}` does not take this: {why}", known.name));
        }
    }
    let google = matches!(known.auth, Auth::Google(_));
    if written.service_account.is_some() && (!google || written.api_key.is_some()) {
        let message = format!("`{}` does not take this beside `api_key`, or at all", known.name);
        notes.problem(at.key("service_account"), message);
    }
    if let Some(key) = &written.api_key {
        return known.auth.with_secret(key.0.clone());
    }
    let or = |given: &Option<Credential>, usual| given.as_ref().map_or(usual, |given| given.0.clone());
    match known.auth.clone() {
        Auth::Google(secret) => Auth::Google(or(&written.service_account, secret)),
        Auth::Aws(usual) => {
            let region = written.region.as_ref().map(Setting::as_str).unwrap_or_default();
            if written.region.is_some() && !sigv4::is_region(region) {
                notes.problem(at.key("region"), "must be the name of a region, such as us-east-1");
            }
            Auth::Aws(Aws {
                service: usual.service,
                region: Cow::Owned(region.to_owned()),
                access_key_id: or(&written.access_key_id, usual.access_key_id),
                secret_access_key: or(&written.secret_access_key, usual.secret_access_key),
                session_token: or(&written.session_token, usual.session_token),
            })
        }
        other => other,
    }
}

/// A provider that is spelled out has a whole address and a plain key.
pub fn refuse(written: &document::Provider, at: &Path, notes: &mut Notes) {
    let given = parts(written).into_iter().filter(|(_, given)| given.is_some()).map(|(name, _)| name);
    let secrets = aws_secrets(written).into_iter().filter(|(_, given)| given.is_some()).map(|(name, _)| name);
    let account = written.service_account.is_some().then_some("service_account");
    for name in given.chain(secrets).chain(account) {
        let message = "only providers of the catalogue take this (`sluice providers` lists them): write the whole address into `base_url`";
        notes.problem(at.key(name), message);
    }
}

fn parts(written: &document::Provider) -> [(&'static str, Option<&Setting>); 5] {
    [
        ("region", written.region.as_ref()),
        ("resource", written.resource.as_ref()),
        ("project", written.project.as_ref()),
        ("location", written.location.as_ref()),
        ("account_id", written.account_id.as_ref()),
    ]
}

fn aws_secrets(written: &document::Provider) -> [(&'static str, Option<&Credential>); 3] {
    [
        ("access_key_id", written.access_key_id.as_ref()),
        ("secret_access_key", written.secret_access_key.as_ref()),
        ("session_token", written.session_token.as_ref()),
    ]
}
