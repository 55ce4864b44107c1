//! Stored answers of Responses, so that a conversation goes on from `previous_response_id`.
//!
//! The state is the gateway's own, in its store, and no provider's: a conversation may go on with another model, and fall
//! over like any request. Providers are always sent the whole of it.
//!
//! ```text
//! response/{owner}/{id}             →  {"expires_at": unix_ms, "input": [items], "response": {…}}
//! response_item/{owner}/{item id}   →  the id of the answer that holds it, where the item's own does not say
//! ```
//!
//! The owner is the tenant, or `{tenant}/~{digest}` of one end user or one publishable key.

use std::{collections::HashMap, rc::Rc, time::Duration};

use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, LocalBoxStream},
};
use http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_providers::{format::openai_responses::state, sse};
use sluice_types::{
    error::{ErrorKind, Failure},
    json::{Raw, from_bytes},
    time::Timestamp,
};

use super::{Context, Gateway, Reply, ReplyBody, admit, admit::Caller, reply::Problem};
use crate::{
    key,
    port::{Host, Kv},
};

/// How long an answer is kept.
const LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// The largest conversation that is kept, in bytes: what every host's store takes.
const MAX_STORED: usize = 1_000_000;

/// The most items that a request may only name, and the most bytes that those found may have.
const MAX_REFERENCES: usize = 200;
const MAX_REFERRED: usize = 8 << 20;

/// A stored answer.
#[derive(Deserialize)]
struct Stored {
    expires_at: Timestamp,
    /// The items that it answered, a JSON list.
    input: Box<RawValue>,
    response: Box<RawValue>,
}

impl Stored {
    /// The items that it answered with, as the text of a JSON list.
    fn said(&self) -> &str {
        state::answer(self.response.get().as_bytes()).map_or("[]", |answer| answer.items)
    }
}

/// What is kept of a request until its answer is there.
pub(super) struct Keep {
    owner: String,
    /// The items of the conversation until now.
    input: String,
}

impl Gateway {
    /// The body with the conversation that it goes on from, and what to keep of it; `None` where nothing is to be kept.
    pub(super) async fn continued<H: Host>(
        &self,
        context: &Context<'_, H>,
        caller: &Caller,
        body: Bytes,
    ) -> Result<(Bytes, Option<Keep>), Failure> {
        let (previous, store) = {
            let asked = state::read_state(&body)?;
            (asked.previous_response_id.map(|id| id.to_string()), asked.store)
        };
        let body = self.resolved(context, caller, body).await?;
        let body = match previous {
            None => body,
            Some(id) => {
                let stored = self.stored(context, caller, &id).await?.ok_or_else(|| Failure {
                    param: Some("previous_response_id".to_owned()),
                    ..missing(&id)
                })?;
                let earlier = state::join_items(stored.input.get(), stored.said());
                Bytes::from(state::with_history(&body, &earlier)?)
            }
        };
        if !store {
            return Ok((body, None));
        }
        let input = state::input_items(&body)?;
        Ok((body, Some(Keep { owner: owner(caller), input })))
    }

    /// The body with the items that it only names.
    async fn resolved<H: Host>(
        &self,
        context: &Context<'_, H>,
        caller: &Caller,
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        let wanted = state::references(&body)?;
        if wanted.is_empty() {
            return Ok(body);
        }
        let too_many =
            |what: &str| Failure::invalid("input", format!("refers to {what} by `item_reference`"));
        if MAX_REFERENCES < wanted.len() {
            return Err(too_many(&format!("more than {MAX_REFERENCES} items")));
        }
        let mut found: HashMap<String, String> = HashMap::new();
        for id in wanted.iter().filter(|id| is_id(id)) {
            if found.contains_key(id) {
                continue;
            }
            let Some(response) = self.holder(context, caller, id).await? else { continue };
            let Some(stored) = self.stored(context, caller, &response).await? else { continue };
            found.extend(state::by_id(stored.said()).into_iter().map(|(id, item)| (id, item.to_owned())));
        }
        let size: usize = wanted.iter().filter_map(|id| found.get(id)).map(String::len).sum();
        if MAX_REFERRED < size {
            return Err(too_many(&format!("items of more than {MAX_REFERRED} bytes")));
        }
        state::with_items(&body, |id| found.get(id).cloned()).map(Bytes::from)
    }

    /// The answer that holds the item `id`: ours say it themselves, providers' are looked up.
    async fn holder<H: Host>(
        &self,
        context: &Context<'_, H>,
        caller: &Caller,
        id: &str,
    ) -> Result<Option<String>, Failure> {
        let key = item_key(&owner(caller), id);
        let value = Kv::get(context.host, &key).await.map_err(admit::store_down)?;
        Ok(value.and_then(|value| String::from_utf8(value.to_vec()).ok()).or_else(|| ours(id)))
    }

    /// Has `reply` stored before its end is handed on: who has an answer may go on from it, or delete it, at once and at any
    /// isolate.
    pub(super) async fn keep<H: Host>(self: &Rc<Self>, host: &H, reply: &mut Reply<H::Body>, keep: Keep) {
        match std::mem::replace(&mut reply.body, ReplyBody::Whole(Bytes::new())) {
            ReplyBody::Whole(bytes) => {
                self.store(host, &keep, &bytes).await;
                reply.body = ReplyBody::Whole(bytes);
            }
            ReplyBody::Stream(pieces) => {
                reply.body = ReplyBody::Stream(self.watched(host, pieces, keep));
            }
            other @ (ReplyBody::Untouched(_) | ReplyBody::Passed(_)) => reply.body = other,
        }
    }

    /// The pieces of a stream as they are; the one with the last frame waits until the answer is stored.
    fn watched<H: Host>(
        self: &Rc<Self>,
        host: &H,
        pieces: LocalBoxStream<'static, Bytes>,
        keep: Keep,
    ) -> LocalBoxStream<'static, Bytes> {
        let state = (self.clone(), host.clone(), keep, sse::Decoder::default(), pieces);
        stream::unfold(state, |(gateway, host, keep, mut decoder, mut pieces)| async move {
            let piece = pieces.next().await?;
            decoder.push(&piece);
            while let Ok(Some(frame)) = decoder.next() {
                if matches!(frame.event, Some("response.completed" | "response.incomplete")) {
                    gateway.store(&host, &keep, frame.data.as_bytes()).await;
                }
            }
            Some((piece, (gateway, host, keep, decoder, pieces)))
        })
        .boxed_local()
    }

    /// Stores an answer, whole or as a stream's last frame.
    async fn store<H: Host>(&self, host: &H, keep: &Keep, bytes: &[u8]) {
        let Some(answer) = state::answer(bytes) else { return };
        let Some(input) = Raw::parse(&keep.input) else { return };
        let expires_at = host.now().0 + u64::try_from(LIFETIME.as_millis()).unwrap_or_default();
        let (input, response) = (input.text(), answer.text);
        let value = format!(r#"{{"expires_at":{expires_at},"input":{input},"response":{response}}}"#);
        let id = &*answer.id;
        if !is_id(id) || MAX_STORED < value.len() {
            host.log("responses: an answer is too large to be kept, or its id cannot be a key");
            return;
        }
        let holder = Bytes::copy_from_slice(id.as_bytes());
        let keys = item_keys(&keep.owner, id, answer.items);
        let mut entries: Vec<(String, Bytes)> = keys.map(|key| (key, holder.clone())).collect();
        entries.push((key(&keep.owner, id), Bytes::from(value)));
        let writes = entries.into_iter().map(|(key, value)| async move {
            if let Err(error) = host.put_for(&key, value, LIFETIME).await {
                host.log(&format!("responses: an answer was not kept: {error}"));
            }
        });
        futures::future::join_all(writes).await;
    }

    /// Shows or deletes a stored answer.
    pub(super) async fn response<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        method: &Method,
        id: &str,
    ) -> Result<Reply<H::Body>, Problem> {
        let caller = self.enter(context).await?;
        let Some(stored) = self.stored(context, &caller, id).await? else { return Err(missing(id).into()) };
        if *method != Method::DELETE {
            return Ok(Reply::json(stored.response.get().to_owned()));
        }
        let key = key(&owner(&caller), id);
        context.host.delete(&key).await.map_err(admit::store_down)?;
        for key in item_keys(&owner(&caller), id, stored.said()) {
            context.host.delete(&key).await.map_err(admit::store_down)?;
        }
        let told = serde_json::json!({"id": id, "object": "response", "deleted": true});
        Ok(Reply::json(told.to_string()))
    }

    /// Lists what a stored answer answered.
    pub(super) async fn input_items<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        id: &str,
    ) -> Result<Reply<H::Body>, Problem> {
        let caller = self.enter(context).await?;
        let Some(stored) = self.stored(context, &caller, id).await? else { return Err(missing(id).into()) };
        let list = format!(r#"{{"object":"list","data":{},"has_more":false}}"#, stored.input.get());
        Ok(Reply::json(list))
    }

    /// The stored answer `id`, unless its time is over.
    async fn stored<H: Host>(
        &self,
        context: &Context<'_, H>,
        caller: &Caller,
        id: &str,
    ) -> Result<Option<Stored>, Failure> {
        if !is_id(id) {
            return Ok(None);
        }
        let key = key(&owner(caller), id);
        let bytes = Kv::get(context.host, &key).await.map_err(admit::store_down)?;
        let stored = bytes.and_then(|bytes| from_bytes::<Stored>(&bytes).ok());
        Ok(stored.filter(|stored| context.started < stored.expires_at))
    }
}

/// Whose a stored answer is: the tenant's, but for holders of a page's key or an end user's token, who see nothing of others.
fn owner(caller: &Caller) -> String {
    let tenant = &caller.tenant.id;
    if !caller.is_apart() {
        return tenant.clone();
    }
    let who = format!("{}\n{}", caller.key.id, caller.user.as_deref().unwrap_or_default());
    format!("{tenant}/~{}", key::short(&who, 16))
}

fn key(tenant: &str, id: &str) -> String {
    format!("response/{tenant}/{id}")
}

fn item_key(tenant: &str, id: &str) -> String {
    format!("response_item/{tenant}/{id}")
}

/// The keys of the items of the answer `id` that do not say themselves whose they are.
fn item_keys<'a>(tenant: &'a str, id: &'a str, items: &'a str) -> impl Iterator<Item = String> + 'a {
    let elsewhere = move |item: &String| is_id(item) && ours(item).is_none_or(|holder| holder != id);
    state::by_id(items)
        .into_iter()
        .map(|(item, _)| item)
        .filter(elsewhere)
        .map(|item| item_key(tenant, &item))
}

/// The answer whose item `id` would be if the gateway had made it: `msg_7_0` is the first of `resp_7`.
fn ours(id: &str) -> Option<String> {
    let (_, rest) = id.split_once('_')?;
    let (base, number) = rest.rsplit_once('_')?;
    number.bytes().all(|b| b.is_ascii_digit()).then(|| format!("resp_{base}"))
}

/// Ids become parts of keys.
fn is_id(id: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=128).contains(&id.len()) && id.bytes().all(letter)
}

fn missing(id: &str) -> Failure {
    let message =
        format!("there is no response `{id}`: it was not stored, was deleted, or is older than 30 days");
    Failure::new(ErrorKind::NotFound, message)
}
