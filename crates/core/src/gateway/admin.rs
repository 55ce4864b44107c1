//! The operator's API: tenants, keys, usage, the audit log.
//!
//! Records live in the store, where requests look them up; every change is written into the audit log before it is made,
//! so that nothing changes without a trace.

mod keys;
mod usage;

use std::rc::Rc;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use sluice_types::{
    error::{ErrorKind, Failure},
    json::from_bytes,
    time::Timestamp,
};

use self::{
    keys::{Digests, create_key, index_key, key_record, record_key, rewrite, rotate},
    usage::{roll_up, usage},
};
use super::{
    Context, Gateway, Reply,
    admit::{self, read},
    catalogue,
    knowledge::{self, replay},
    object::{self, Answer, Call},
    receive,
    reply::Problem,
    reserve::VISITOR,
    targets::State,
};
use crate::{
    admin::{self, AUDIT, Actor, Admin},
    cache::{self, Entry, catalogue::Which},
    key::{self, KeyRecord, TenantRecord},
    limit::{self, Who},
    port::{Body, CountersError, Host},
};

/// The most keys one request deletes from the store: hosts limit what one request may do.
const DELETES: usize = 800;

/// How often one request asks a catalogue of questions to take some out.
const TAKES: u32 = 8;

/// The same, once a day for a tenant.
const SWEEPS: u32 = 100;

fn counters_down(error: CountersError) -> Failure {
    Failure::new(ErrorKind::StoreUnavailable, format!("a counter object does not answer: {error}"))
}

fn absent(what: &str, id: &str) -> Failure {
    Failure::new(ErrorKind::NotFound, format!("there is no {what} `{id}`"))
}

fn value(record: &impl Serialize) -> Value {
    serde_json::to_value(record).unwrap_or_default()
}

fn list<B>(data: &[Value]) -> Reply<B> {
    Reply::json(json!({"object": "list", "data": data}).to_string().into_bytes())
}

fn created<B>(body: &Value) -> Reply<B> {
    let mut reply = Reply::json(body.to_string().into_bytes());
    reply.status = StatusCode::CREATED;
    reply
}

fn told<B>(body: &Value) -> Reply<B> {
    Reply::json(body.to_string().into_bytes())
}

impl Gateway {
    /// Answers the operator.
    pub(super) async fn admin<H: Host, B: Body>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        asked: Admin<'_>,
        method: &Method,
        query: Option<&str>,
        body: B,
    ) -> Result<Reply<H::Body>, Problem> {
        self.authenticate_admin(context).await?;
        let query = query.unwrap_or("");
        let host = context.host;
        let changes = *method != Method::GET && *method != Method::HEAD;
        let body = if changes { receive::body(context, body).await? } else { Bytes::new() };
        let asked_of = match asked {
            Admin::Tenant(id) | Admin::Keys(id) | Admin::Budgets(id) | Admin::Cache(id) => Some(id),
            Admin::Key(id, _) | Admin::Rotate(id, _) | Admin::Revoke(id, _) => Some(id),
            Admin::Costs
            | Admin::Targets
            | Admin::Target(_)
            | Admin::Tenants
            | Admin::Usage
            | Admin::Audit
            | Admin::Dead
            | Admin::Replay
            | Admin::Rollup => None,
        };
        let tenant = match asked_of {
            Some(id) => tenant(host, id).await?,
            None => TenantRecord::default(),
        };
        Ok(match asked {
            Admin::Costs => return self.costs(context, Some(query)).await,
            Admin::Targets => list(&self.targets(context)),
            Admin::Target(id) => {
                let (model, at, state) = self.order(context, id, &body)?;
                let asked = json!({"state": state.name()});
                let Some(target) = model.targets.get(at) else { return Err(absent("target", id).into()) };
                audit(context, "target.set", &target.id, None, Some(&asked)).await?;
                let drained = state == State::Drained;
                self.routes.drain(host, &target.id, drained).await.map_err(admit::store_down)?;
                told(&self.shown(context, target, &[]))
            }
            Admin::Tenants if changes => {
                let record = admin::new_tenant(&body, context.started)?;
                let at = key::tenant_store_key(&record.id);
                if host.get(&at).await.map_err(admit::store_down)?.is_some() {
                    return Err(Failure::invalid("id", "is taken by another tenant").into());
                }
                audit(context, "tenant.create", &record.id, None, Some(&value(&record))).await?;
                put(host, &at, &record).await?;
                created(&value(&record))
            }
            Admin::Tenants => {
                let mut data = Vec::new();
                for listed in host.list("tenant/").await.map_err(admit::store_down)? {
                    data.extend(read::<H, Value>(host, &listed.key).await.map_err(admit::store_down)?);
                }
                list(&data)
            }
            Admin::Tenant(id) if *method == Method::PATCH => {
                let record = admin::changed_tenant(&tenant, &body)?;
                audit(context, "tenant.update", id, Some(&value(&tenant)), Some(&value(&record))).await?;
                put(host, &key::tenant_store_key(id), &record).await?;
                self.keys.forget();
                told(&value(&record))
            }
            Admin::Tenant(id) if changes => {
                audit(context, "tenant.delete", id, Some(&value(&tenant)), None).await?;
                let reply = delete_tenant(context, id).await?;
                self.keys.forget();
                reply
            }
            Admin::Tenant(_) => told(&value(&tenant)),
            Admin::Keys(id) if changes => create_key(context, id, &body).await?,
            Admin::Keys(id) => {
                let mut data = Vec::new();
                for listed in host.list(&index_key(id, "")).await.map_err(admit::store_down)? {
                    let name = listed.key.rsplit('/').next().unwrap_or_default();
                    if let Some((_, record)) = key_record(host, id, name).await? {
                        data.push(value(&record));
                    }
                }
                list(&data)
            }
            Admin::Key(id, name) | Admin::Rotate(id, name) | Admin::Revoke(id, name) => {
                let Some((digests, record)) = key_record(host, id, name).await? else {
                    return Err(absent("key", name).into());
                };
                let reply = match asked {
                    Admin::Rotate(..) => rotate(context, digests, record, &body).await?,
                    Admin::Revoke(..) => {
                        let revoked = KeyRecord { disabled: true, ..record.clone() };
                        audit(context, "key.revoke", name, Some(&value(&record)), Some(&value(&revoked)))
                            .await?;
                        rewrite(host, &digests, &revoked).await?;
                        told(&value(&revoked))
                    }
                    _ if *method == Method::PATCH => {
                        let changed = admin::changed_key(&record, &body)?;
                        audit(context, "key.update", name, Some(&value(&record)), Some(&value(&changed)))
                            .await?;
                        rewrite(host, &digests, &changed).await?;
                        told(&value(&changed))
                    }
                    _ if changes => {
                        audit(context, "key.delete", name, Some(&value(&record)), None).await?;
                        for digest in &digests.digests {
                            host.delete(&record_key(digest)).await.map_err(admit::store_down)?;
                        }
                        host.delete(&index_key(id, name)).await.map_err(admit::store_down)?;
                        told(&json!({"id": name, "object": "key", "deleted": true}))
                    }
                    _ => told(&value(&record)),
                };
                if changes {
                    self.keys.forget();
                }
                reply
            }
            Admin::Budgets(_) => budgets(context, &tenant, query).await?,
            Admin::Cache(id) => {
                let reply = purge(context, id, query).await?;
                self.answers.forget();
                reply
            }
            Admin::Usage => usage(context, query).await?,
            Admin::Audit => {
                let found = admin::query(query, &["after", "limit"])?;
                let number = |name: &str, usual: u64| match found.get(name).and_then(Value::as_str) {
                    None => Ok(usual),
                    Some(text) => text.parse().map_err(|_| Failure::invalid(name, "must be a whole number")),
                };
                let most = u32::try_from(number("limit", 100)?.clamp(1, 1_000)).unwrap_or(100);
                let call = Call::Read { after: number("after", 0)?, most };
                match object::ask(host, AUDIT, &call).await.map_err(counters_down)? {
                    Answer::Entries(entries) => list(&entries.iter().map(value).collect::<Vec<_>>()),
                    _ => return Err(counters_down(CountersError("not entries".to_owned())).into()),
                }
            }
            Admin::Dead => replay::dead(host, query).await?,
            Admin::Replay => {
                let ids = if body.is_empty() { Default::default() } else { admin::object(&body, &["ids"])? };
                audit(context, "ingest.replay", "dead letters", None, Some(&json!(ids))).await?;
                replay::replay(host, &context.config, &ids).await?
            }
            Admin::Rollup => {
                let found = admin::query(query, &["date"])?;
                let date = found.get("date").and_then(Value::as_str);
                if date.is_some_and(|date| Timestamp::from_date(date).is_none()) {
                    return Err(Failure::invalid("date", "must be a day in UTC such as 2026-11-21").into());
                }
                let done = roll_up(host, date).await?;
                self.sweep(host).await?;
                told(&done)
            }
        })
    }
}

impl Gateway {
    /// What is to be done every hour, by the host's clock or whoever stands in for it: yesterday and today are rolled up as far
    /// as they have come. Once a day, in the hour after midnight UTC, what is left of deleted, expired and stalled files, and of
    /// what is over in the semantic cache, is swept up.
    pub async fn hourly<H: Host>(self: &Rc<Self>, host: &H) {
        if let Err(failure) = roll_up(host, None).await {
            host.log(&format!("roll-up: {failure}"));
        }
        if host.now().0 % 86_400_000 < 3_600_000
            && let Err(failure) = self.sweep(host).await
        {
            host.log(&format!("sweep: {failure}"));
        }
    }

    /// Forgets meters that count nothing any more, has what is left over of every tenant's files and stores looked at, and takes
    /// questions out whose time is over, with their answers and vectors.
    async fn sweep<H: Host>(self: &Rc<Self>, host: &H) -> Result<(), Failure> {
        let config = self.config(host).await?;
        for listed in host.list("tenant/").await.map_err(admit::store_down)? {
            let Some(id) = listed.key.strip_prefix("tenant/").filter(|id| key::is_name(id)) else {
                continue;
            };
            // What goes wrong with one tenant is nothing to the others.
            if let Err(error) = object::tidy(host, id).await {
                host.log(&format!("sweep of the counters of {id}: {error}"));
            }
            if let Err(failure) = knowledge::sweep(host, &config, id).await {
                host.log(&format!("sweep of {id}: {failure}"));
            }
            if let Err(failure) = catalogue::take(host, id, &config.vectors, None, "", SWEEPS).await {
                host.log(&format!("sweep of the semantic cache of {id}: {failure}"));
            }
        }
        Ok(())
    }
}

async fn put<H: Host>(host: &H, key: &str, record: &impl Serialize) -> Result<(), Failure> {
    let bytes = serde_json::to_vec(record).unwrap_or_default();
    host.put(key, bytes.into(), None).await.map_err(admit::store_down)
}

async fn tenant<H: Host>(host: &H, id: &str) -> Result<TenantRecord, Failure> {
    let found = if key::is_name(id) {
        read::<H, TenantRecord>(host, &key::tenant_store_key(id)).await.map_err(admit::store_down)?
    } else {
        None
    };
    found.filter(|record| record.id == id).ok_or_else(|| absent("tenant", id))
}

/// Writes a change into the audit log.
async fn audit<H: Host>(
    context: &Context<'_, H>,
    action: &str,
    about: &str,
    before: Option<&Value>,
    after: Option<&Value>,
) -> Result<(), Failure> {
    let header = |name| receive::text(context.headers, name);
    let actor = Actor { name: header("sluice-actor"), address: header(VISITOR) };
    let text = admin::entry(context.started, actor, action, about, before, after);
    object::ask(context.host, AUDIT, &Call::Append(text)).await.map_err(counters_down).map(drop)
}

/// Deletes a tenant and everything under its prefix: first what lets requests in, then the rest.
async fn delete_tenant<H: Host>(context: &Context<'_, H>, id: &str) -> Result<Reply<H::Body>, Failure> {
    let host = context.host;
    let mut left = DELETES;
    for listed in host.list(&index_key(id, "")).await.map_err(admit::store_down)? {
        let digests = read::<H, Digests>(host, &listed.key).await.map_err(admit::store_down)?;
        for digest in digests.unwrap_or_default().digests {
            host.delete(&record_key(&digest)).await.map_err(admit::store_down)?;
        }
        host.delete(&listed.key).await.map_err(admit::store_down)?;
        left = left.saturating_sub(2);
    }
    object::flush(host, id).await.map_err(counters_down)?;
    object::ask(host, id, &Call::Forget).await.map_err(counters_down)?;
    let mut more = knowledge::clear::everything(host, &context.config.vectors, id, &mut left).await?;
    let taken = catalogue::take(host, id, &context.config.vectors, Some(&Which::default()), "", TAKES).await;
    let (_, questions) = taken.map_err(|error| Failure::new(ErrorKind::StoreUnavailable, error))?;
    more |= questions.is_some();
    for kind in ["cost", "usage", "response", "response_item", "cache", "cache_seen"] {
        for listed in host.list(&format!("{kind}/{id}/")).await.map_err(admit::store_down)? {
            if left == 0 {
                more = true;
                break;
            }
            host.delete(&listed.key).await.map_err(admit::store_down)?;
            left -= 1;
        }
    }
    // Its record last: until it is gone, deleting can be asked again for what is left.
    if !more {
        host.delete(&key::tenant_store_key(id)).await.map_err(admit::store_down)?;
    }
    Ok(told(&json!({"id": id, "object": "tenant", "deleted": !more, "more": more})))
}

/// Deletes a tenant's cached answers: all, or those of a model, in a namespace, with a tag, or made before a time. `next` is
/// where to go on from if there are more than one request may touch.
async fn purge<H: Host>(context: &Context<'_, H>, id: &str, query: &str) -> Result<Reply<H::Body>, Failure> {
    let found = admin::query(query, &["model", "namespace", "tag", "before", "after"])?;
    let named = |name: &str| found.get(name).and_then(Value::as_str);
    let tag = match named("tag") {
        None => None,
        Some(tag) => Some(tag.split_once('=').ok_or_else(|| Failure::invalid("tag", "must be NAME=VALUE"))?),
    };
    let before = match named("before") {
        None => None,
        Some(time) => Some(
            time.parse()
                .map(Timestamp)
                .map_err(|_| Failure::invalid("before", "must be a time in milliseconds since 1970"))?,
        ),
    };
    let host = context.host;
    let asked = json!({
        "model": named("model"), "namespace": named("namespace"), "tag": named("tag"), "before": before
    });
    let [model, namespace] = [named("model"), named("namespace")].map(|name| name.map(str::to_owned));
    let tag = tag.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let which = Which { model, namespace, tag, before };
    audit(context, "cache.purge", id, None, Some(&asked)).await?;
    let prefix =
        named("model").map_or_else(|| cache::tenant_prefix(id), |model| cache::model_prefix(id, model));
    let after = named("after").unwrap_or_default();
    let (mut deleted, mut left, mut last, mut next) = (0_u64, DELETES, None, None);
    for listed in host.list(&prefix).await.map_err(admit::store_down)? {
        if listed.key.as_str() <= after {
            continue;
        }
        if left == 0 {
            next = last;
            break;
        }
        last = Some(listed.key.clone());
        // Their keys say of which model they are.
        if which.tag.is_some() || which.before.is_some() || which.namespace.is_some() {
            left -= 1;
            let bytes = host.get(&listed.key).await.map_err(admit::store_down)?.unwrap_or_default();
            // What cannot be read is of no use to anybody.
            let entry: Option<Entry<'_>> = from_bytes(&bytes).ok();
            let meant = |entry: &Entry<'_>| {
                which.means_one(&entry.model, entry.namespace.as_deref(), &entry.tags, entry.created_at)
            };
            if !entry.as_ref().is_none_or(meant) {
                continue;
            }
        }
        host.delete(&listed.key).await.map_err(admit::store_down)?;
        left = left.saturating_sub(1);
        deleted += 1;
    }
    if next.is_none() {
        // Behind all answers: whoever goes on from here finds no more of those, but questions.
        let behind = format!("{}~", cache::tenant_prefix(id));
        let from = after.strip_prefix(&behind).unwrap_or_default();
        let vectors = &context.config.vectors;
        let taken = catalogue::take(host, id, vectors, Some(&which), from, TAKES).await;
        let (_, more) = taken.map_err(|error| Failure::new(ErrorKind::StoreUnavailable, error))?;
        next = more.map(|more| format!("{behind}{more}"));
    }
    Ok(told(&json!({"object": "cache.purge", "deleted": deleted, "next": next})))
}

/// How a tenant's limits and budgets stand; those of a key, user, model or tag where the query names one.
async fn budgets<H: Host>(
    context: &Context<'_, H>,
    tenant: &TenantRecord,
    query: &str,
) -> Result<Reply<H::Body>, Failure> {
    let found = admin::query(query, &["key", "user", "model", "tag"])?;
    let named = |name: &str| found.get(name).and_then(Value::as_str);
    let tag = named("tag").and_then(|tag| tag.split_once('='));
    let tags = tag.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    let record = match named("key") {
        Some(id) => Some(key_record(context.host, &tenant.id, id).await?.ok_or_else(|| absent("key", id))?.1),
        None => None,
    };
    let who = Who {
        key: named("key").unwrap_or_default(),
        user: named("user"),
        model: named("model"),
        tags: &tags,
        visitor: None,
    };
    let key_limits = record.as_ref().and_then(|record| record.limits.as_ref());
    let bounds = limit::bounds(&who, &context.config.quotas, tenant.limits.as_ref(), key_limits);
    let rules = bounds.iter().map(|bound| bound.rule.clone()).collect();
    let answer = object::ask(context.host, &tenant.id, &Call::Look(rules)).await.map_err(counters_down)?;
    let Answer::Counted(counted) = answer else {
        return Err(counters_down(CountersError("not counts".to_owned())));
    };
    let data: Vec<Value> = bounds
        .iter()
        .zip(counted)
        .map(|(bound, (counted, used))| {
            json!({
                "what": bound.what,
                "unit": bound.rule.unit,
                "limit": bound.rule.limit,
                "used": used,
                "reserved": counted.saturating_sub(used),
                "remaining": bound.rule.limit.saturating_sub(counted),
                "hard": bound.rule.hard,
            })
        })
        .collect();
    Ok(list(&data))
}
