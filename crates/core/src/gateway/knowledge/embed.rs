//! Vectors of texts, by the same way as a caller's `/v1/embeddings`: targets, fallbacks, limits and a row in the cost log.

use std::rc::Rc;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::json;
use sluice_providers::{
    format::{Protocol, openai_embeddings},
    operation::Operation,
};
use sluice_retrieval::dense::Vector;
use sluice_semantic::decide::Engine;
use sluice_types::error::{ErrorKind, Failure};

use crate::{
    config::{Config, Upstream},
    gateway::{
        Context, Gateway, ReplyBody,
        admit::{self, Caller, read},
    },
    index::Space,
    key::{self, KeyRecord, TenantRecord},
    port::Host,
};

/// The key that stands in records for what the gateway embeds by itself.
const INGEST: &str = "ingest";

/// Vectors, and what made them.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// What made them.
    pub space: Space,
    /// One a text.
    pub vectors: Vec<Vector>,
}

/// The name of a model that `caller` may have a store embedded by.
pub(super) fn admitted<H>(context: &Context<'_, H>, caller: &Caller, name: &str) -> Result<String, Failure> {
    let at = |kind, message: String| Failure {
        param: Some("sluice.embedding_model".to_owned()),
        ..Failure::new(kind, message)
    };
    if name != context.config.embeddings && !caller.may_name(name) {
        return Err(at(ErrorKind::Forbidden, format!("this key may not use the model `{name}`")));
    }
    if context.config.model(name).is_none() {
        let message = format!("there is no model `{name}`: GET /v1/models lists what there is");
        return Err(at(ErrorKind::ModelNotFound, message));
    }
    Ok(name.to_owned())
}

/// Whether `model` is built in, so that more texts cost nothing but time.
pub fn is_built_in(config: &Config, model: &str) -> bool {
    let built_in = |target: &crate::config::Target| matches!(target.provider.upstream, Upstream::Builtin);
    config.model(model).is_some_and(|model| model.targets.iter().all(built_in))
}

/// What vectors of a model that is compiled in are made by: its weights may be others in another version.
pub(super) fn own_space(target: &str) -> String {
    match Engine::embedded() {
        Some(engine) => format!("{target}@{}", engine.model.version()),
        None => target.to_owned(),
    }
}

/// A request beside the caller's own, with an id of its own.
pub(super) fn beside<'a, H>(context: &'a Context<'_, H>, id: &'a str) -> Context<'a, H> {
    Context {
        host: context.host,
        id,
        started: context.started,
        protocol: Protocol::OpenaiChat,
        headers: context.headers,
        config: context.config.clone(),
    }
}

impl Gateway {
    /// The vectors of `texts` by `model`, for what goes on without a caller.
    ///
    /// # Errors
    ///
    /// Whatever keeps the model from answering; [`ErrorKind::NotFound`] if there is no such tenant any more.
    pub async fn embed<H: Host>(
        self: &Rc<Self>,
        host: &H,
        tenant: &str,
        model: &str,
        texts: &[&str],
    ) -> Result<Embedded, Failure> {
        let config = self.config(host).await?;
        let record = read::<H, TenantRecord>(host, &key::tenant_store_key(tenant)).await;
        let record = record.map_err(admit::store_down)?.filter(|record| record.id == tenant);
        let Some(record) = record else {
            return Err(Failure::new(ErrorKind::NotFound, format!("there is no tenant `{tenant}`")));
        };
        let key = KeyRecord { id: INGEST.to_owned(), tenant: tenant.to_owned(), ..KeyRecord::default() };
        let caller = Caller { key, tenant: record, user: None };
        let id = format!("req_{:016x}{:016x}", host.random(), host.random());
        let (headers, started, protocol) = (HeaderMap::new(), host.now(), Protocol::OpenaiChat);
        let context = Context { host, id: &id, started, protocol, headers: &headers, config };
        self.embed_for(&context, &caller, model, texts).await
    }

    /// The vectors of `texts` by `model`, for `caller`.
    pub(in crate::gateway) async fn embed_for<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        caller: &Caller,
        model: &str,
        texts: &[&str],
    ) -> Result<Embedded, Failure> {
        let found = context.config.model(model).ok_or_else(|| {
            let message = format!("there is no embeddings model `{model}`: it is not configured any more");
            Failure::new(ErrorKind::ModelNotFound, message)
        })?;
        // A row and a reservation of its own, beside those of the request that it is for.
        let id = format!("req_{:016x}{:016x}", context.host.random(), context.host.random());
        let context = &beside(context, &id);
        let body = json!({"model": model, "input": texts, "encoding_format": "base64"});
        let body = Bytes::from(body.to_string());
        let reply = self.operate_for(context, caller, Operation::Embeddings, found, &body).await;
        let reply = reply.map_err(|problem| problem.failure)?;
        let ReplyBody::Whole(bytes) = &reply.body else {
            return Err(Failure::new(ErrorKind::Internal, "embeddings did not come whole"));
        };
        let answer = openai_embeddings::read_answer(bytes)?;
        let dims = answer.vectors.first().map_or(0, Vec::len);
        if answer.vectors.len() != texts.len() || answer.vectors.iter().any(|vector| vector.len() != dims) {
            let message = "the model gave another number of vectors than texts, or of different lengths";
            return Err(Failure::new(ErrorKind::UpstreamInvalid, message));
        }
        let target = reply.headers.get("sluice-target").and_then(|value| value.to_str().ok());
        let mut name = target.unwrap_or(model).to_owned();
        if is_built_in(&context.config, model) {
            name = own_space(&name);
        }
        let vectors = answer.vectors.iter().map(|numbers| Vector::new(numbers)).collect();
        Ok(Embedded { space: Space { model: name, dims: u32::try_from(dims).unwrap_or(u32::MAX) }, vectors })
    }
}
