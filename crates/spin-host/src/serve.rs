//! Serves HTTP with instances of the component, reused and shared as Spin does it.
//!
//! The worker loop is Wasmtime's `ProxyHandler`, which Spin uses too: an instance takes up to `reuse` requests,
//! up to `concurrent` of them unanswered at a time, and lives `idle` longer than its last work. A trap answers
//! all its unanswered requests with 500 and ends its streams.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::Future,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Request, Response, StatusCode, Uri,
    header::HOST,
    uri::{Authority, Scheme},
};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use tokio::{
    net::TcpListener,
    time::{Sleep, sleep},
};
use wasmtime::{Engine, Store, StoreContextMut, component::GuestTaskId};
use wasmtime_wasi_http::{
    Error, WasiBody, WasiHttpView as _,
    handler::{
        HandlerState, Instance, Proxy, ProxyHandler, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState,
        WorkerStatus,
    },
};

use sluice_spin_host::routes::{self, Match, Route};

use crate::guest::{Guest, Host};

/// Paths under this belong to Spin.
const WELL_KNOWN: &str = "/.well-known/spin/";

/// How long and how widely an instance is used.
#[derive(Clone, Copy, Debug)]
pub struct Reuse {
    /// Requests an instance serves in its life.
    pub requests: usize,
    /// Requests an instance has unanswered at a time.
    pub concurrent: usize,
    /// How long an instance without work is kept.
    pub idle: Duration,
}

/// Who calls when one component calls another.
const CHAINED_CLIENT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

/// Serves an application.
pub struct Server {
    routes: Vec<Route>,
    components: BTreeMap<String, ProxyHandler<Instances>>,
}

/// Makes instances of one component.
struct Instances {
    engine: Engine,
    pre: ProxyPre<Guest>,
    host: Arc<Host>,
    reuse: Reuse,
}

/// Tells a worker when to stop.
struct Idle {
    limit: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Server {
    /// A server that has no components yet.
    pub fn new(routes: Vec<Route>) -> Self {
        Self { routes, components: BTreeMap::new() }
    }

    /// Adds the component called `id`, whose instances are made of `pre`.
    pub fn add(&mut self, id: String, engine: Engine, pre: ProxyPre<Guest>, host: Arc<Host>, reuse: Reuse) {
        self.components.insert(id, ProxyHandler::new(Instances { engine, pre, host, reuse }));
    }

    /// Whether there is a component called `id`.
    pub fn has(&self, id: &str) -> bool {
        self.components.contains_key(id)
    }

    /// Answers what one component asks the one called `id`.
    ///
    /// # Errors
    ///
    /// The component failed before it answered.
    pub async fn chain(&self, id: &str, request: Request<WasiBody>) -> Result<Response<WasiBody>> {
        let route = [Route::within(id)];
        let path = request.uri().path().to_owned();
        let found = routes::find(&route, &path).context("no path")?;
        self.ask(request, &found, CHAINED_CLIENT).await
    }

    /// Serves `listener` for ever.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, nodelay: bool) {
        loop {
            let (stream, client) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Most likely too many open files: some of them will be closed.
                    eprintln!("spin-host: cannot accept a connection: {error}");
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            if let Err(error) = stream.set_nodelay(nodelay) {
                eprintln!("spin-host: connection of {client}: {error}");
            }
            let server = self.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let server = server.clone();
                    async move { Ok::<_, Infallible>(server.answer(request, client).await) }
                });
                let builder = Builder::new(TokioExecutor::new());
                if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
                    eprintln!("spin-host: connection of {client}: {error}");
                }
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>, client: SocketAddr) -> Response<WasiBody> {
        let path = request.uri().path().to_owned();
        if let Some(name) = path.strip_prefix(WELL_KNOWN) {
            return if name == "health" {
                respond(StatusCode::OK, "OK")
            } else {
                respond(StatusCode::NOT_FOUND, "")
            };
        }
        let Some(found) = routes::find(&self.routes, &path) else {
            return respond(StatusCode::NOT_FOUND, "");
        };
        match self.ask_from_outside(request, &found, client).await {
            Ok(response) => response,
            Err(error) => {
                eprintln!("spin-host: {path}: {error:#}");
                respond(StatusCode::INTERNAL_SERVER_ERROR, "")
            }
        }
    }

    async fn ask_from_outside(
        &self,
        mut request: Request<Incoming>,
        found: &Match<'_>,
        client: SocketAddr,
    ) -> Result<Response<WasiBody>> {
        *request.uri_mut() = full_uri(&request)?;
        self.ask(request.map(|body| body.map_err(Error::from).boxed_unsync()), found, client).await
    }

    async fn ask(
        &self,
        mut request: Request<WasiBody>,
        found: &Match<'_>,
        client: SocketAddr,
    ) -> Result<Response<WasiBody>> {
        add_headers(&mut request, found, client)?;
        let id = found.component();
        let handler = self.components.get(id).with_context(|| format!("no component `{id}`"))?;
        Ok(handler.handle((), request).await?)
    }
}

fn respond(status: StatusCode, text: &'static str) -> Response<WasiBody> {
    let body = Full::new(Bytes::from_static(text.as_bytes()));
    let mut response = Response::new(body.map_err(Error::from).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// The request's URI with scheme and authority, the latter from the `host` header or the URI.
fn full_uri(request: &Request<Incoming>) -> Result<Uri> {
    let mut parts = request.uri().clone().into_parts();
    let named = match request.headers().get(HOST) {
        Some(host) => Some(Authority::try_from(host.as_bytes()).context("`host` header")?),
        None => None,
    };
    if let (Some(named), Some(authority)) = (&named, &parts.authority) {
        ensure!(named == authority, "`host` header and URI differ");
    }
    parts.authority = Some(named.or(parts.authority).context("no `host` header")?);
    parts.scheme = Some(Scheme::HTTP);
    Ok(Uri::from_parts(parts)?)
}

/// Adds Spin's own headers, in place of any the client sent by these names.
fn add_headers<B>(request: &mut Request<B>, found: &Match<'_>, client: SocketAddr) -> Result<()> {
    for value in request.headers().values() {
        std::str::from_utf8(value.as_bytes()).context("a header that is not UTF-8")?;
    }
    let mut headers = found.headers();
    headers.push(("spin-full-url".to_owned(), request.uri().to_string()));
    headers.push(("spin-client-addr".to_owned(), client.to_string()));
    for (name, value) in headers {
        request.headers_mut().insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    Ok(())
}

impl HandlerState for Instances {
    type StoreData = Guest;
    type WorkerExpiration = Idle;
    type WorkerState = Reuse;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Idle, Reuse>> {
        let mut store = Store::new(&self.engine, Guest::new(self.host.clone()));
        let proxy: Proxy = self.pre.instantiate_async(&mut store).await?;
        Ok(Instance {
            store,
            proxy,
            view: Guest::http,
            expiration: Idle { limit: self.reuse.idle, sleep: Box::pin(sleep(Duration::MAX)) },
            state: self.reuse,
        })
    }
}

impl WorkerState for Reuse {
    type StoreData = Guest;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if self.requests <= total {
            ShouldAccept::Never
        } else if self.concurrent <= concurrent {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, Guest>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        Box::pin(std::future::pending())
    }

    fn drop(&self, _: Store<Guest>, result: wasmtime::Result<()>) {
        if let Err(error) = result {
            eprintln!("spin-host: instance failed: {error:#}");
        }
    }
}

impl WorkerExpiration for Idle {
    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        status: WorkerStatus,
        since: Instant,
    ) -> Poll<()> {
        if status != WorkerStatus::Idle {
            return Poll::Pending;
        }
        let Some(end) = since.checked_add(self.limit) else {
            return Poll::Pending;
        };
        if self.sleep.deadline() != end.into() {
            self.sleep.as_mut().reset(end.into());
        }
        self.sleep.as_mut().poll(context)
    }
}
