//! Requests the guest sends: refused unless the manifest allows them, then sent over pooled connections, or handed to
//! another component of the application, whose name is `ID.spin.internal`.
//!
//! Limits and errors are Spin's: 600 s each to connect, to the first byte and between bytes unless the guest
//! sets its own; the first covers only the connecting, the second everything up to the response's head.
//! HTTP/1.1 to `http://`, what TLS negotiates to `https://`.

use std::{
    error::Error as _,
    fmt,
    future::Future,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::{Arc, OnceLock, Weak},
    task::{Context, Poll, ready},
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response, Uri, header::HOST, uri::Scheme};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper_util::{
    client::legacy::{
        self, Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo},
};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, lookup_host},
    time::{Sleep, sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use sluice_spin_host::allowed_hosts::AllowedHosts;

use crate::serve::Server;

/// What each of a request's three limits is unless the guest sets it, as in Spin.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// The name by which a component reaches its own application.
const ITSELF: &str = "self.alt";

/// What the names of other components end with.
const INTERNAL: &str = ".spin.internal";

/// How all components send requests.
pub struct Network {
    itself: SocketAddr,
    client: Client<Connector, WasiBody>,
    /// The other components, once there are any.
    server: OnceLock<Weak<Server>>,
}

/// How all instances of a component send requests.
pub struct Outbound {
    allowed: AllowedHosts,
    network: Arc<Network>,
}

/// Lets one instance send requests.
pub struct Hooks(pub Arc<Outbound>);

impl Network {
    /// Trusts the public authorities, and those in the PEM file `authorities`; `itself` is the address this
    /// host listens on.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn new(itself: SocketAddr, authorities: Option<&Path>) -> anyhow::Result<Self> {
        let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
        if let Some(file) = authorities {
            for certificate in CertificateDer::pem_file_iter(file).context("cannot read the authorities")? {
                roots.add(certificate.context("in the authorities")?)?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let client = Client::builder(TokioExecutor::new()).build(Connector { tls: Arc::new(tls).into() });
        Ok(Self { itself, client, server: OnceLock::new() })
    }

    /// Tells it what serves the components.
    pub fn connect(&self, server: &Arc<Server>) {
        // There is one server a process.
        let _ = self.server.set(Arc::downgrade(server));
    }
}

impl Outbound {
    /// Lets a component reach what is allowed to it.
    pub fn new(allowed: AllowedHosts, network: Arc<Network>) -> Self {
        Self { allowed, network }
    }

    async fn send(
        &self,
        mut request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let uri = request.uri().clone();
        let (Some(scheme), Some(host)) = (uri.scheme(), uri.host()) else {
            return Err(Error::HttpRequestUriInvalid);
        };
        let to_itself = host == ITSELF;
        let allowed = match to_itself {
            true => self.allowed.allow_itself(),
            false => self.allowed.allow(scheme.as_str(), host, uri.port_u16()),
        };
        if !allowed {
            eprintln!(
                "spin-host: not in allowed_outbound_hosts: {scheme}://{}",
                uri.authority().map_or("", |a| a.as_str())
            );
            return Err(Error::HttpRequestDenied);
        }
        if let Some(id) = host.strip_suffix(INTERNAL) {
            return self.chain(id.to_owned(), request).await;
        }
        if to_itself {
            let mut parts = uri.into_parts();
            parts.scheme = Some(Scheme::HTTP);
            parts.authority =
                Some(self.network.itself.to_string().parse().map_err(|_| Error::HttpRequestUriInvalid)?);
            *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)?;
        }
        // The client sets it from the URI where HTTP/1.1 needs it.
        request.headers_mut().remove(HOST);

        let connect = options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let first_byte = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let between_bytes = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let response = CONNECT_TIMEOUT.scope(connect, self.network.client.request(request));
        let response = timeout(first_byte, response).await.map_err(|_| Error::ConnectionReadTimeout)?;
        let response = response.map_err(|error| request_error(&error))?;
        Ok(response.map(|body| Paced { body, sleep: None, limit: between_bytes }.boxed_unsync()))
    }
}

impl Outbound {
    /// Hands a request to the component called `id`.
    async fn chain(&self, id: String, request: Request<WasiBody>) -> Result<Response<WasiBody>, Error> {
        let server = self.network.server.get().and_then(Weak::upgrade).filter(|server| server.has(&id));
        let Some(server) = server else {
            eprintln!("spin-host: the manifest has no component `{id}` with a trigger");
            return Err(Error::HttpRequestUriInvalid);
        };
        server.chain(&id, request).await.map_err(|error| {
            eprintln!("spin-host: {id}: {error:#}");
            Error::HttpProtocolError
        })
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Sending {
        let outbound = self.0.clone();
        Box::new(async move {
            let response = outbound.send(request, options.unwrap_or_default()).await?;
            let nothing_left: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(async { Ok(()) });
            Ok((response, nothing_left))
        })
    }
}

type Sending = Box<dyn Future<Output = Result<(Response<WasiBody>, Finishing), Error>> + Send>;
type Finishing = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// Finds in what the client says the error that the guest is to see.
fn request_error(error: &legacy::Error) -> Error {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(failure) = error.downcast_ref::<ConnectFailure>() {
            return failure.into();
        }
        if let Some(Error::HttpRequestBodySize(size)) = error.downcast_ref::<Error>() {
            return Error::HttpRequestBodySize(*size);
        }
        source = error.source();
    }
    eprintln!("spin-host: outbound request failed: {error:?}");
    Error::HttpProtocolError
}

/// A response's body that fails when nothing comes for `limit`.
struct Paced {
    body: hyper::body::Incoming,
    sleep: Option<Pin<Box<Sleep>>>,
    limit: Duration,
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.sleep = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        let limit = self.limit;
        ready!(self.sleep.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(context));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

tokio::task_local! {
    /// The connecting request's limit. The client has no other way to hand it to its connector; a request that
    /// finds an open connection does not need it.
    static CONNECT_TIMEOUT: Duration;
}

/// Opens connections, plain or encrypted as the URI says.
#[derive(Clone)]
struct Connector {
    tls: TlsConnector,
}

#[derive(Clone, Copy, Debug)]
enum ConnectFailure {
    Uri,
    Timeout,
    Name,
    Refused,
    Tls,
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot connect: {self:?}")
    }
}

impl std::error::Error for ConnectFailure {}

impl From<&ConnectFailure> for Error {
    fn from(failure: &ConnectFailure) -> Self {
        match failure {
            ConnectFailure::Uri => Self::HttpRequestUriInvalid,
            ConnectFailure::Timeout => Self::ConnectionTimeout,
            ConnectFailure::Name => {
                Self::DnsError { rcode: Some("address not available".to_owned()), info_code: Some(0) }
            }
            ConnectFailure::Refused => Self::ConnectionRefused,
            ConnectFailure::Tls => Self::TlsProtocolError,
        }
    }
}

impl Connector {
    async fn connect(self, uri: Uri, limit: Duration) -> Result<Stream, ConnectFailure> {
        let encrypted = uri.scheme() == Some(&Scheme::HTTPS);
        let host = uri.host().ok_or(ConnectFailure::Uri)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let addresses: Vec<_> = lookup_host((host, port)).await.map_err(|_| ConnectFailure::Name)?.collect();
        let stream = timeout(limit, TcpStream::connect(&*addresses))
            .await
            .map_err(|_| ConnectFailure::Timeout)?
            .map_err(|_| ConnectFailure::Refused)?;
        if !encrypted {
            return Ok(Stream::Plain(stream));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| ConnectFailure::Name)?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| {
            eprintln!("spin-host: no TLS with {host}: {error}");
            ConnectFailure::Tls
        })?;
        Ok(Stream::Encrypted(Box::new(stream)))
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = ConnectFailure;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Stream>, ConnectFailure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = CONNECT_TIMEOUT.try_with(|limit| *limit).unwrap_or(DEFAULT_TIMEOUT);
        let connecting = self.clone().connect(uri, limit);
        Box::pin(async move { connecting.await.map(TokioIo::new) })
    }
}

/// An open connection.
enum Stream {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match self {
            Self::Encrypted(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                Connected::new().negotiated_h2()
            }
            _ => Connected::new(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
