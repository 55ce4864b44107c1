//! Virtual keys: made, changed, given another plain form.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_types::error::Failure;

use super::{
    super::{
        Context, Reply,
        admit::{self, read},
    },
    audit, created, put, told, value,
};
use crate::{
    admin,
    key::{self, KeyKind, KeyRecord},
    port::Host,
};

/// How long a key that was replaced works on, unless the request says otherwise.
const OVERLAP_S: u64 = 86_400;

/// The digests of one key's plain forms, the one in use last.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Digests {
    pub(super) digests: Vec<String>,
}

pub(super) fn index_key(tenant: &str, key: &str) -> String {
    format!("keys/{tenant}/{key}")
}

pub(super) fn record_key(digest: &str) -> String {
    format!("key/{digest}")
}

/// A fresh plain key.
fn plain_key<H: Host>(host: &H, kind: KeyKind) -> String {
    let prefix = match kind {
        KeyKind::Secret => key::SECRET_PREFIX,
        KeyKind::Publishable => key::PUBLISHABLE_PREFIX,
    };
    let random: String = (0..4).map(|_| format!("{:016x}", host.random())).collect();
    format!("{prefix}{random}")
}

/// A key's record with the plain key, which is told this once.
fn shown(record: &KeyRecord, plain: &str) -> Value {
    let mut told = value(record);
    if let Value::Object(members) = &mut told {
        members.insert("key".to_owned(), plain.into());
    }
    told
}

pub(super) async fn create_key<H: Host>(
    context: &Context<'_, H>,
    tenant: &str,
    body: &[u8],
) -> Result<Reply<H::Body>, Failure> {
    let host = context.host;
    let id = format!("key_{:016x}", host.random());
    let record = admin::new_key(tenant, id, body, context.started)?;
    let plain = plain_key(host, record.kind);
    let digest = key::hex(&key::digest(&plain));
    audit(context, "key.create", &record.id, None, Some(&value(&record))).await?;
    // The index first: a key that works is always found.
    put(host, &index_key(tenant, &record.id), &Digests { digests: vec![digest.clone()] }).await?;
    put(host, &record_key(&digest), &record).await?;
    Ok(created(&shown(&record, &plain)))
}

/// A key's digests, and the record of the one in use.
pub(super) async fn key_record<H: Host>(
    host: &H,
    tenant: &str,
    id: &str,
) -> Result<Option<(Digests, KeyRecord)>, Failure> {
    let found = read::<H, Digests>(host, &index_key(tenant, id)).await.map_err(admit::store_down)?;
    let Some(digests) = found else { return Ok(None) };
    let Some(last) = digests.digests.last() else { return Ok(None) };
    let record = read::<H, KeyRecord>(host, &record_key(last)).await.map_err(admit::store_down)?;
    Ok(record.filter(|record| record.tenant == tenant).map(|record| (digests, record)))
}

/// Writes `record` under all of a key's digests; those that were replaced keep the end they have.
pub(super) async fn rewrite<H: Host>(host: &H, digests: &Digests, record: &KeyRecord) -> Result<(), Failure> {
    let (last, replaced) = match digests.digests.split_last() {
        Some(found) => found,
        None => return Ok(()),
    };
    for digest in replaced {
        let old = read::<H, KeyRecord>(host, &record_key(digest)).await.map_err(admit::store_down)?;
        let Some(old) = old else { continue };
        put(host, &record_key(digest), &KeyRecord { expires_at: old.expires_at, ..record.clone() }).await?;
    }
    put(host, &record_key(last), record).await
}

/// Gives a key another plain form; the one before works on for a while.
pub(super) async fn rotate<H: Host>(
    context: &Context<'_, H>,
    digests: Digests,
    record: KeyRecord,
    body: &[u8],
) -> Result<Reply<H::Body>, Failure> {
    let host = context.host;
    let body =
        if body.is_empty() { serde_json::Map::new() } else { admin::object(body, &["overlap_seconds"])? };
    let overlap = match body.get("overlap_seconds") {
        None => OVERLAP_S,
        Some(value) => value.as_u64().filter(|seconds| *seconds <= 90 * 86_400).ok_or_else(|| {
            Failure::invalid("overlap_seconds", "must be a whole number of at most 90 days")
        })?,
    };
    let end = context.started.plus(std::time::Duration::from_secs(overlap));
    let end = record.expires_at.map_or(end, |own| own.min(end));
    let plain = plain_key(host, record.kind);
    let digest = key::hex(&key::digest(&plain));
    let told_before = json!({"old_works_until": end});
    audit(context, "key.rotate", &record.id, None, Some(&told_before)).await?;
    let mut all = Digests::default();
    for old in digests.digests {
        let found = read::<H, KeyRecord>(host, &record_key(&old)).await.map_err(admit::store_down)?;
        let Some(found) = found else { continue };
        let ends = found.expires_at.map_or(end, |own| own.min(end));
        if ends <= context.started {
            host.delete(&record_key(&old)).await.map_err(admit::store_down)?;
            continue;
        }
        put(host, &record_key(&old), &KeyRecord { expires_at: Some(ends), ..found }).await?;
        all.digests.push(old);
    }
    all.digests.push(digest.clone());
    put(host, &record_key(&digest), &record).await?;
    put(host, &index_key(&record.tenant, &record.id), &all).await?;
    let mut answer = shown(&record, &plain);
    if let Value::Object(members) = &mut answer {
        members.insert("old_works_until".to_owned(), json!(end));
    }
    Ok(told(&answer))
}
