//! Stored answers of Responses, so that a conversation goes on from `previous_response_id`.
//!
//! The state is the gateway's own, in its store, and no provider's: a conversation may go on with another model, and fall
//! over like any request. Providers are always sent the whole of it.
//!
//! ```text
//! response/{tenant}/{id}            →  {"expires_at": unix_ms, "input": [items], "response": {…}}
//! response_item/{tenant}/{item id}  →  the id of the answer that holds it, where the item's own does not say
//! ```

use std::{cell::RefCell, collections::HashMap, rc::Rc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, stream::LocalBoxStream};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sluice_providers::{format::openai_responses::state, sse};
use sluice_types::{
    error::{ErrorKind, Failure},
    json::Raw,
    time::Timestamp,
};

use super::{Context, Gateway, Reply, ReplyBody, admit, admit::Caller, reply::Problem};
use crate::{
    generations::Generations,
    port::{Host, Kv},
};

/// How long an answer is kept.
const LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// The largest conversation that is kept, in bytes: what every host's store takes.
const MAX_STORED: usize = 1_000_000;

/// The largest that an isolate keeps in memory until the store is sure to show it, in bytes.
const MAX_RECENT: usize = 64 << 10;

/// Answers stored lately: the next turn may come before the store shows what was written.
pub(super) struct Recent(RefCell<Generations<String, Bytes>>);

impl Default for Recent {
    fn default() -> Self {
        Self(RefCell::new(Generations::new(64)))
    }
}

/// A stored answer.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    expires_at: Timestamp,
    #[serde(borrow)]
    input: &'a RawValue,
    #[serde(borrow)]
    response: &'a RawValue,
}

/// What is kept of a request until its answer is there.
pub(super) struct Keep {
    tenant: String,
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
                let found = self.stored(context, caller, &id).await?;
                let stored = found.as_deref().and_then(|bytes| read(bytes, context.started));
                let stored = stored.ok_or_else(|| Failure {
                    param: Some("previous_response_id".to_owned()),
                    ..missing(&id)
                })?;
                let said =
                    state::output_items(stored.response.get().as_bytes()).map_or("[]", |(_, items)| items);
                let earlier = state::join_items(stored.input.get(), said);
                Bytes::from(state::with_history(&body, &earlier)?)
            }
        };
        if !store {
            return Ok((body, None));
        }
        let input = state::input_items(&body)?;
        Ok((body, Some(Keep { tenant: caller.tenant.id.clone(), input })))
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
        let mut found: HashMap<String, String> = HashMap::new();
        for id in wanted.iter().filter(|id| is_id(id)) {
            if found.contains_key(id) {
                continue;
            }
            let Some(response) = self.holder(context, caller, id).await? else { continue };
            let bytes = self.stored(context, caller, &response).await?;
            let Some(stored) = bytes.as_deref().and_then(|bytes| read(bytes, context.started)) else {
                continue;
            };
            if let Some((_, items)) = state::output_items(stored.response.get().as_bytes()) {
                found.extend(state::by_id(items).into_iter().map(|(id, item)| (id, item.to_owned())));
            }
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
        let key = item_key(&caller.tenant.id, id);
        let recent = self.recent.0.borrow_mut().get(&key);
        let value = match recent {
            Some(value) => Some(value),
            None => Kv::get(context.host, &key).await.map_err(admit::store_down)?,
        };
        Ok(value.and_then(|value| String::from_utf8(value.to_vec()).ok()).or_else(|| ours(id)))
    }

    /// Has `reply` stored when it is whole.
    pub(super) fn keep<H: Host>(self: &Rc<Self>, host: &H, reply: &mut Reply<H::Body>, keep: Keep) {
        match std::mem::replace(&mut reply.body, ReplyBody::Whole(Bytes::new())) {
            ReplyBody::Whole(bytes) => {
                self.store(host, &keep, &bytes);
                reply.body = ReplyBody::Whole(bytes);
            }
            ReplyBody::Stream(pieces) => {
                reply.body = ReplyBody::Stream(self.watched(host, pieces, keep));
            }
            untouched @ ReplyBody::Untouched(_) => reply.body = untouched,
        }
    }

    /// The pieces of a stream as they are, of which the last frame is stored.
    fn watched<H: Host>(
        self: &Rc<Self>,
        host: &H,
        pieces: LocalBoxStream<'static, Bytes>,
        keep: Keep,
    ) -> LocalBoxStream<'static, Bytes> {
        let (gateway, host) = (self.clone(), host.clone());
        let mut decoder = sse::Decoder::default();
        pieces
            .inspect(move |piece| {
                decoder.push(piece);
                while let Ok(Some(frame)) = decoder.next() {
                    if matches!(frame.event, Some("response.completed" | "response.incomplete")) {
                        gateway.store(&host, &keep, frame.data.as_bytes());
                    }
                }
            })
            .boxed_local()
    }

    /// Stores an answer, whole or as a stream's last frame, after the caller has it.
    fn store<H: Host>(self: &Rc<Self>, host: &H, keep: &Keep, answer: &[u8]) {
        let Some((id, items)) = state::output_items(answer) else { return };
        let Some(response) = response_in(answer) else { return };
        let Some(input) = Raw::parse(&keep.input) else { return };
        let expires_at = Timestamp(host.now().0 + u64::try_from(LIFETIME.as_millis()).unwrap_or_default());
        let value =
            format!(r#"{{"expires_at":{},"input":{},"response":{response}}}"#, expires_at.0, input.text());
        if !is_id(&id) || MAX_STORED < value.len() {
            host.log("responses: an answer is too large to be kept, or its id cannot be a key");
            return;
        }
        let (key, value) = (key(&keep.tenant, &id), Bytes::from(value));
        let mut entries: Vec<(String, Bytes)> = state::by_id(items)
            .into_iter()
            .filter(|(item, _)| is_id(item) && ours(item).is_none_or(|holder| holder != *id))
            .map(|(item, _)| (item_key(&keep.tenant, &item), Bytes::copy_from_slice(id.as_bytes())))
            .collect();
        entries.push((key, value));
        for (key, value) in entries.iter().filter(|(_, value)| value.len() <= MAX_RECENT) {
            self.recent.0.borrow_mut().put(key.clone(), value.clone());
        }
        let writer = host.clone();
        host.later(Box::pin(async move {
            for (key, value) in entries {
                if let Err(error) = writer.put_for(&key, value, LIFETIME).await {
                    writer.log(&format!("responses: an answer was not kept: {error}"));
                }
            }
        }));
    }

    /// Shows or deletes a stored answer.
    pub(super) async fn response<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        method: &Method,
        id: &str,
    ) -> Result<Reply<H::Body>, Problem> {
        let caller = self.authenticate(context).await?;
        let found = self.stored(context, &caller, id).await?;
        let stored = found.as_deref().and_then(|bytes| read(bytes, context.started));
        let Some(stored) = stored else { return Err(missing(id).into()) };
        if *method != Method::DELETE {
            return Ok(Reply::json(stored.response.get().to_owned()));
        }
        let key = key(&caller.tenant.id, id);
        self.recent.0.borrow_mut().put(key.clone(), Bytes::new());
        context.host.delete(&key).await.map_err(admit::store_down)?;
        let told = serde_json::json!({"id": id, "object": "response", "deleted": true});
        Ok(Reply::json(told.to_string()))
    }

    /// Lists what a stored answer answered.
    pub(super) async fn input_items<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        id: &str,
    ) -> Result<Reply<H::Body>, Problem> {
        let caller = self.authenticate(context).await?;
        let found = self.stored(context, &caller, id).await?;
        let stored = found.as_deref().and_then(|bytes| read(bytes, context.started));
        let Some(stored) = stored else { return Err(missing(id).into()) };
        let list = format!(r#"{{"object":"list","data":{},"has_more":false}}"#, stored.input.get());
        Ok(Reply::json(list))
    }

    async fn stored<H: Host>(
        &self,
        context: &Context<'_, H>,
        caller: &Caller,
        id: &str,
    ) -> Result<Option<Bytes>, Failure> {
        if !is_id(id) {
            return Ok(None);
        }
        let key = key(&caller.tenant.id, id);
        let recent = self.recent.0.borrow_mut().get(&key);
        match recent {
            Some(value) => Ok(Some(value)),
            None => Kv::get(context.host, &key).await.map_err(admit::store_down),
        }
    }
}

/// The response itself: the whole answer, or what a stream's last frame holds.
fn response_in(answer: &[u8]) -> Option<&str> {
    #[derive(Deserialize)]
    struct Frame<'a> {
        #[serde(borrow, default)]
        response: Option<&'a RawValue>,
    }

    let text = std::str::from_utf8(answer).ok()?;
    let frame: Frame<'_> = serde_json::from_str(text).ok()?;
    Some(frame.response.map_or(text, RawValue::get))
}

/// What is stored, unless its time is over.
fn read(bytes: &[u8], now: Timestamp) -> Option<Stored<'_>> {
    serde_json::from_slice::<Stored<'_>>(bytes).ok().filter(|stored| now < stored.expires_at)
}

fn key(tenant: &str, id: &str) -> String {
    format!("response/{tenant}/{id}")
}

fn item_key(tenant: &str, id: &str) -> String {
    format!("response_item/{tenant}/{id}")
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
