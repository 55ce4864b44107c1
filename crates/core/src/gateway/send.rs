//! Calls to providers: address, credentials, headers, and what became of them.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use sluice_providers::{
    auth::{
        Auth, Aws, SecretRef,
        google::{self, ServiceAccount, Token},
        sigv4::{self, Credentials},
    },
    format::{Chat, ErrorHead, Protocol},
};
use sluice_types::{
    error::{ErrorKind, Failure},
    secret::Secret,
    time::Timestamp,
};

use super::{
    Context, Gateway,
    attempt::{self, Deadline},
    receive,
};
use crate::{
    config::HttpProvider,
    key,
    port::{Body, Host},
};

/// The headers of a caller's that go on, and only to a provider of the same protocol: what its body means depends on
/// them.
const DIALECT: [&str; 2] = ["anthropic-version", "anthropic-beta"];

/// The most that is read of a provider's error, in bytes.
const MAX_ERROR: usize = 64 << 10;

/// A request to a provider.
pub(super) struct Outgoing<'a> {
    pub provider: &'a HttpProvider,
    /// The provider's format, for its errors.
    pub format: Chat,
    /// The whole URL.
    pub address: String,
    pub content_type: HeaderValue,
    pub body: Bytes,
}

impl<'a> Outgoing<'a> {
    /// A request whose body is JSON.
    pub fn json(provider: &'a HttpProvider, format: Chat, address: String, body: Vec<u8>) -> Self {
        let content_type = HeaderValue::from_static("application/json");
        Self { provider, format, address, content_type, body: Bytes::from(body) }
    }
}

impl Gateway {
    /// Sends a request and gives the answer if that is a success.
    pub(super) async fn send<H: Host>(
        &self,
        context: &Context<'_, H>,
        outgoing: Outgoing<'_>,
        deadline: &Deadline,
    ) -> Result<Response<H::Body>, Failure> {
        let (format, provider) = (outgoing.format, outgoing.provider);
        let (request, key) = self.request(context, outgoing).await?;
        let sent = deadline.bound_headers(context.host, context.host.send(request)).await?;
        let response = sent.map_err(attempt::network)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status.is_redirection() {
            let message = format!(
                "the provider redirects ({status}), and redirects are not followed: set its base_url right"
            );
            return Err(Failure::new(ErrorKind::UpstreamInvalid, message));
        }
        let wait = retry_after(response.headers(), context.host.now());
        let (head, body) = response.into_parts();
        let error_type = format.error_type_header().and_then(|name| receive::text(&head.headers, name));
        let body = deadline.bound(context.host, body.whole(MAX_ERROR)).await?;
        let head = ErrorHead { status: status.as_u16(), retry_after: wait, error_type };
        let mut failure = format.read_error(head, &body.unwrap_or_default());
        if let Some(key) = key {
            self.routes.key_failed(provider, key.name(), &mut failure, context.host.now());
        }
        Err(failure)
    }

    /// The request, and the key it shows.
    async fn request<'a, H: Host>(
        &self,
        context: &Context<'_, H>,
        outgoing: Outgoing<'a>,
    ) -> Result<(Request<Bytes>, Option<&'a SecretRef>), Failure> {
        let Outgoing { provider, format, address, content_type, body } = outgoing;
        let mut request = Request::post(address).body(body).map_err(|error| {
            Failure::new(ErrorKind::Internal, format!("the provider's address cannot be asked: {error}"))
        })?;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        // Hosts differ in what they decompress; answers of this size gain little by it.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let agent = HeaderValue::from_static(concat!("sluice/", env!("CARGO_PKG_VERSION")));
        headers.insert(header::USER_AGENT, agent);
        for (name, value) in &provider.headers {
            set(headers, name, value)?;
        }
        if context.protocol == Protocol::AnthropicMessages && format == Chat::AnthropicMessages {
            for name in DIALECT {
                let mut values = context.headers.get_all(name).iter().cloned();
                if let Some(first) = values.next() {
                    headers.insert(name, first);
                    headers.extend(values.map(|value| (HeaderName::from_static(name), value)));
                }
            }
        }
        let key = self.authorize(context, provider, &mut request).await?;
        Ok((request, key))
    }

    /// Adds the provider's credential, which is told.
    async fn authorize<'a, H: Host>(
        &self,
        context: &Context<'_, H>,
        provider: &'a HttpProvider,
        request: &mut Request<Bytes>,
    ) -> Result<Option<&'a SecretRef>, Failure> {
        let auth = &provider.auth;
        let Some((name, secret)) = self.key(context, provider).await? else { return Ok(None) };
        match auth {
            Auth::Aws(aws) => sign(context, aws, secret, request).await?,
            Auth::Google(_) => {
                let token = self.google.token(name, &secret, context.host.now())?;
                let value = Secret::new(format!("Bearer {}", token.expose()));
                credential(request.headers_mut(), "authorization", &value, name)?;
            }
            Auth::None | Auth::Bearer(_) | Auth::Header(..) => {
                if let Some((header, value)) = auth.header(&secret) {
                    credential(request.headers_mut(), header, &value, name)?;
                }
            }
        }
        Ok(Some(name))
    }

    /// The key to show: the first that does not rest and is set on the host.
    async fn key<'a, H: Host>(
        &self,
        context: &Context<'_, H>,
        provider: &'a HttpProvider,
    ) -> Result<Option<(&'a SecretRef, Secret)>, Failure> {
        let mut missing = None;
        for name in self.routes.keys(provider, context.host.now()) {
            match resolve(context, name).await {
                Ok(secret) => return Ok(Some((name, secret))),
                Err(failure) => {
                    if !provider.more_keys.is_empty() {
                        self.routes.missing(name.name(), context.host.now());
                    }
                    missing.get_or_insert(failure);
                }
            }
        }
        missing.map_or(Ok(None), Err)
    }
}

/// Tokens of Google service accounts, by the secret that holds the account. Signing one takes some milliseconds.
#[derive(Default)]
pub(super) struct GoogleTokens(RefCell<HashMap<String, (key::Digest, Token)>>);

/// How long before its end a token is replaced.
const TOKEN_MARGIN: Duration = Duration::from_secs(300);

impl GoogleTokens {
    /// A token that still lasts; a new one if the account's file has changed.
    fn token(&self, name: &SecretRef, file: &Secret, now: Timestamp) -> Result<Secret, Failure> {
        let digest = key::digest(file.expose());
        if let Some((of, token)) = self.0.borrow().get(name.name())
            && *of == digest
            && now < token.expires
            && TOKEN_MARGIN < token.expires.since(now)
        {
            return Ok(token.bearer.clone());
        }
        let account = ServiceAccount::read(file).map_err(|error| {
            let message = format!("the secret {}: {error}", name.name());
            Failure::new(ErrorKind::UpstreamCredentials, message)
        })?;
        let token = account.self_signed(google::VERTEX, now)?;
        let bearer = token.bearer.clone();
        self.0.borrow_mut().insert(name.name().to_owned(), (digest, token));
        Ok(bearer)
    }
}

/// Signs a request to AWS; nothing of it may change afterwards.
async fn sign<H: Host>(
    context: &Context<'_, H>,
    aws: &Aws,
    secret_access_key: Secret,
    request: &mut Request<Bytes>,
) -> Result<(), Failure> {
    let credentials = Credentials {
        access_key_id: resolve(context, &aws.access_key_id).await?.expose().to_owned(),
        secret_access_key,
        session_token: context.host.secret(aws.session_token.name()).await,
    };
    let url = request.uri().to_string();
    let headers: Vec<(&str, &str)> = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let unsigned = sigv4::Request {
        method: request.method().as_str(),
        url: &url,
        headers: &headers,
        body: request.body(),
    };
    let scope = sigv4::Scope { region: &aws.region, service: &aws.service };
    let added = sigv4::sign(&unsigned, &credentials, scope, context.host.now())
        .map_err(|error| Failure::new(ErrorKind::Internal, error.to_string()))?;
    for (name, value) in added {
        credential(request.headers_mut(), name, &value, &aws.secret_access_key)?;
    }
    Ok(())
}

/// The value of a secret that must be there.
pub(super) async fn resolve<H: Host>(context: &Context<'_, H>, name: &SecretRef) -> Result<Secret, Failure> {
    context.host.secret(name.name()).await.ok_or_else(|| {
        let message = format!("the secret {} is not set on the gateway's host", name.name());
        Failure::new(ErrorKind::UpstreamCredentials, message)
    })
}

fn credential(
    headers: &mut HeaderMap,
    header: &str,
    value: &Secret,
    secret: &SecretRef,
) -> Result<(), Failure> {
    let parsed =
        HeaderName::from_bytes(header.as_bytes()).ok().zip(HeaderValue::from_str(value.expose()).ok());
    let Some((header, mut value)) = parsed else {
        let message = format!("the secret {} cannot be sent in a header", secret.name());
        return Err(Failure::new(ErrorKind::UpstreamCredentials, message));
    };
    value.set_sensitive(true);
    headers.insert(header, value);
    Ok(())
}

fn set(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Failure> {
    let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
    let (name, value) = parsed.ok_or_else(|| {
        Failure::new(ErrorKind::Internal, format!("the provider's header {name} cannot be sent"))
    })?;
    headers.insert(name, value);
    Ok(())
}

/// How long a provider asks to wait: `retry-after-ms`, else `retry-after` in seconds or until a time.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let number =
        |name: &str| receive::text(headers, name)?.parse::<f64>().ok().filter(|wait| wait.is_finite());
    let seconds = number("retry-after-ms").map(|wait| wait / 1000.0).or_else(|| number("retry-after"));
    match seconds {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => Some(Timestamp::from_http(receive::text(headers, "retry-after")?)?.since(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_may_ask_to_wait_in_three_ways() {
        let now = Timestamp::from_http("Sat, 21 Nov 2026 12:00:00 GMT").unwrap();
        for (name, value, expected) in [
            ("retry-after", "7", Some(Duration::from_secs(7))),
            ("retry-after", "0.5", Some(Duration::from_millis(500))),
            ("retry-after-ms", "250", Some(Duration::from_millis(250))),
            ("retry-after", "Sat, 21 Nov 2026 12:01:30 GMT", Some(Duration::from_secs(90))),
            ("retry-after", "Sat, 21 Nov 2026 11:00:00 GMT", Some(Duration::ZERO)),
            ("retry-after", "-1", None),
            ("retry-after", "soon", None),
            ("retry-after", "NaN", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(retry_after(&headers, now), expected, "{name}: {value}");
        }
    }
}
