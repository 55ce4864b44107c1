//! The life of a request.
//!
//! ```text
//! receive → authenticate → admit → guard → retrieve → look up in the cache
//!         → plan targets → attempt… → commit at the first output byte → relay, guarded → settle
//! ```
//!
//! ARCHITECTURE.md tells what each does. No stage turns back to an earlier one, and none knows which host it runs on.

mod admin;
mod admit;
mod attempt;
mod cache;
mod catalogue;
mod chat;
mod configure;
mod costs;
mod count;
mod feedback;
mod guard;
mod hook;
mod images;
pub mod index;
pub mod knowledge;
pub mod library;
mod meaning;
mod mirror;
mod models;
pub mod object;
mod operate;
mod passages;
mod passing;
pub mod queue;
mod receive;
mod reply;
mod reserve;
mod responses;
mod retrieve;
mod routes;
mod send;
mod settle;
pub mod sqs;
mod stream;
mod targets;
mod translate;
pub mod vectors;
mod walk;

use std::rc::Rc;

use futures::future::LocalBoxFuture;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use sluice_providers::format::Protocol;
use sluice_types::{
    error::{ErrorKind, Failure},
    time::Timestamp,
};

use self::{
    admit::Keys, cache::Answers, chat::Asked, configure::Current, reply::Problem, routes::Routes,
    send::GoogleTokens,
};
pub use self::{
    reply::{Reply, ReplyBody},
    reserve::VISITOR,
};
use crate::{
    config::{Config, percent},
    cors,
    cost_log::Journal,
    port::{Body, Host},
    route::{self, Route},
};

/// The description of this API.
pub const OPENAPI: &str = include_str!("openapi.json");

/// A request as a host hands it over.
pub struct Call<B> {
    /// Method, path, headers.
    pub head: Parts,
    /// The body, unread.
    pub body: B,
    /// Ends when the caller has gone away; never, where the host cannot tell.
    pub gone: LocalBoxFuture<'static, ()>,
}

/// The gateway of one isolate. What it keeps is a cache, but for the records on their way to the cost log.
pub struct Gateway {
    config: Current,
    keys: Keys,
    google: GoogleTokens,
    answers: Answers,
    journal: Journal,
    routes: Rc<Routes>,
}

/// What every stage may want to know of the request at hand.
struct Context<'a, H> {
    host: &'a H,
    /// The request's id.
    id: &'a str,
    started: Timestamp,
    /// The caller's protocol.
    protocol: Protocol,
    headers: &'a HeaderMap,
    config: Rc<Config>,
}

/// This instance runs, whatever else does not.
fn health<B>() -> Reply<B> {
    Reply::json(b"{\"status\":\"ok\"}".as_slice())
}

/// The model that a path names.
fn named(encoded: &str) -> Result<String, Failure> {
    percent::decode(encoded)
        .ok_or_else(|| Failure::new(ErrorKind::ModelNotFound, "the model's name is not valid in a URL"))
}

impl Gateway {
    /// A gateway that falls back on `embedded`, a compiled configuration in JSON, until the store has one.
    pub fn new(embedded: &'static str) -> Rc<Self> {
        Rc::new(Self {
            config: Current::new(embedded),
            keys: Keys::default(),
            google: GoogleTokens::default(),
            answers: Answers::default(),
            journal: Journal::default(),
            routes: Rc::default(),
        })
    }

    /// Answers `call`. Never fails: every fault is an answer in the caller's protocol.
    pub async fn handle<H: Host, B: Body>(self: &Rc<Self>, host: &H, call: Call<B>) -> Reply<H::Body> {
        let started = host.now();
        let id = format!("req_{:016x}{:016x}", host.random(), host.random());
        let Call { head, body, gone } = call;
        let route = route::find(head.uri.path());
        let protocol = route::protocol(head.uri.path(), route, &head.headers);
        let (config, outcome) = match self.config(host).await {
            Ok(config) => {
                let context = Context {
                    host,
                    id: &id,
                    started,
                    protocol,
                    headers: &head.headers,
                    config: config.clone(),
                };
                (Some(config), self.route(&context, route, &head, body, gone).await)
            }
            Err(_) if route == Some(Route::Health) => (None, Ok(health())),
            Err(failure) => (None, Err(failure.into())),
        };
        let mut reply = outcome.unwrap_or_else(|problem| reply::error(protocol, &problem, &id));
        let headers = &mut reply.headers;
        for name in ["sluice-request-id", "x-request-id", "request-id"] {
            reply::set(headers, name, &id);
        }
        reply::set(headers, "server-timing", &format!("total;dur={}", host.now().since(started).as_millis()));
        if let Some(config) = config.filter(|_| route.is_none_or(Route::is_public)) {
            cors::allow(&head.headers, &config.cors.origins, headers);
            if let Some(route) = route.filter(|_| cors::is_preflight(&head.method, &head.headers)) {
                cors::preflight(&head.headers, route.methods(), config.cors.max_age.as_secs(), headers);
            }
        }
        if head.method == Method::HEAD {
            reply.body = ReplyBody::Whole(bytes::Bytes::new());
        }
        reply
    }

    async fn route<H: Host, B: Body>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        route: Option<Route<'_>>,
        head: &Parts,
        body: B,
        gone: LocalBoxFuture<'static, ()>,
    ) -> Result<Reply<H::Body>, Problem> {
        let path = head.uri.path();
        let Some(route) = route else {
            let message = format!("there is no {path} here; docs/api.md lists the routes");
            return Err(Failure::new(ErrorKind::NotFound, message).into());
        };
        if cors::is_preflight(&head.method, &head.headers) {
            return Ok(Reply::empty(StatusCode::NO_CONTENT));
        }
        let head_of_get = head.method == Method::HEAD && route.methods().contains(&Method::GET);
        if !route.methods().contains(&head.method) && !head_of_get {
            let allowed = cors::list(route.methods());
            let message = format!("{path} takes {allowed}, not {}", head.method);
            let mut problem = Problem::from(Failure::new(ErrorKind::MethodNotAllowed, message));
            if let Ok(method) = HeaderValue::from_str(&allowed) {
                problem.headers.insert(header::ALLOW, method);
            }
            return Err(problem);
        }
        match route {
            Route::Health => Ok(health()),
            Route::Ready => self.ready(context).await,
            Route::Admin(asked) => self.admin(context, asked, &head.method, head.uri.query(), body).await,
            Route::OpenApi => Ok(Reply::json(OPENAPI.as_bytes())),
            Route::Models => self.models(context).await,
            Route::Model(name) => self.model(context, name).await,
            Route::Chat(_) => self.chat(context, Asked::InBody, body, gone).await,
            Route::Generate { model, stream } => {
                let events =
                    head.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
                let asked = Asked::InPath { model: named(model)?, stream, list: stream && !events };
                self.chat(context, asked, body, gone).await
            }
            Route::CountContents(model) => self.count_contents(context, &named(model)?, body).await,
            Route::Response(id) => self.response(context, &head.method, id).await,
            Route::InputItems(id) => self.input_items(context, id).await,
            Route::CountTokens => self.count_tokens(context, body).await,
            Route::Feedback => self.feedback(context, body).await,
            Route::Knowledge(asked) => self.knowledge(context, asked, head, body).await,
            Route::Operation(operation) => self.operate(context, operation, body, gone).await,
        }
    }

    /// The store answers and the configuration stands.
    async fn ready<H: Host>(&self, context: &Context<'_, H>) -> Result<Reply<H::Body>, Problem> {
        context.host.get(configure::ACTIVE).await.map_err(admit::store_down)?;
        let body = serde_json::json!({"status": "ok", "config": context.config.version});
        Ok(Reply::json(body.to_string().into_bytes()))
    }
}
