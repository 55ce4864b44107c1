//! Amazon SQS over [`Http`]: sends, takes out, extends; `drain` works on what comes. [`crate::sqs`] says what the calls and answers are.

mod drain;

use std::{fmt, time::Duration};

use bytes::Bytes;
use futures::{
    future::{Either, select},
    pin_mut,
};
use http::{HeaderName, HeaderValue, Request, header};
use sluice_providers::auth::{
    Aws,
    sigv4::{self, Credentials},
};
use sluice_types::secret::Secret;

pub use self::drain::{Drained, Verdict, drain, redrive};
use crate::{
    port::{Body, BodyError, Clock, Http, Secrets},
    sqs::{self, Call, Counted, Failed, Message, Refused},
};

/// The most that is read of an answer, in bytes: ten messages of 256 KB and what goes with them.
const MAX_ANSWER: usize = 4 << 20;

/// How long SQS may take to answer, beside what it was asked to wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a call is tried that may work later, and the first wait between.
const TRIES: u32 = 3;
const WAIT: Duration = Duration::from_millis(200);

/// A queue of Amazon SQS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its URL, as AWS tells it.
    pub url: String,
    /// The URL of the queue of its dead letters, where the gateway may send there.
    pub dead_letter_url: Option<String>,
    /// Region and credentials.
    pub aws: Aws,
}

/// A call of SQS that did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqsError {
    /// A secret is not set on the host; its name.
    Credential(String),
    /// The queue's URL is none.
    Url(String),
    /// No answer came.
    Network(String),
    /// SQS refused.
    Refused(Refused),
    /// It did a part only; what it says of the first that failed.
    Part(String),
}

impl fmt::Display for SqsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(name) => write!(f, "the secret {name} is not set on the gateway's host"),
            Self::Url(url) => write!(f, "queue.sqs.url {url} is no URL of a queue: it starts with https://"),
            Self::Network(error) => write!(f, "SQS cannot be reached: {error}"),
            Self::Refused(refused) => refused.fmt(f),
            Self::Part(why) => write!(f, "SQS did not take every message: {why}"),
        }
    }
}

impl std::error::Error for SqsError {}

impl SqsError {
    /// Whether the same may work later.
    fn later(&self) -> bool {
        match self {
            Self::Credential(_) | Self::Url(_) => false,
            Self::Network(_) | Self::Part(_) => true,
            Self::Refused(refused) => refused.later,
        }
    }
}

/// Puts messages in; they come out after `delay`, 15 minutes at most.
///
/// # Errors
///
/// [`SqsError`] if it does not work after some tries: any of the messages may be in the queue or not.
pub async fn send<H: Http + Clock + Secrets>(
    host: &H,
    queue: &Queue,
    messages: &[String],
    delay: Duration,
) -> Result<(), SqsError> {
    put(host, queue, &queue.url, messages, delay, None).await
}

/// Takes messages out, at most ten, hidden from others for `hidden`; waits for the first for `wait`, 20 seconds at most.
///
/// # Errors
///
/// [`SqsError`] if it does not work.
pub async fn receive<H: Http + Clock + Secrets>(
    host: &H,
    queue: &Queue,
    most: usize,
    wait: Duration,
    hidden: Duration,
) -> Result<Vec<Message>, SqsError> {
    take(host, queue, &queue.url, Call::Receive { most, wait, hidden }).await
}

/// Forgets messages by their receipts.
///
/// # Errors
///
/// [`SqsError`] if it does not work: they come out again.
pub async fn delete<H: Http + Clock + Secrets>(
    host: &H,
    queue: &Queue,
    receipts: &[String],
) -> Result<(), SqsError> {
    forget(host, queue, &queue.url, receipts).await
}

/// Hides messages from now on for `hidden`; not at all gives them back.
///
/// # Errors
///
/// [`SqsError`] if it does not work, such as for a receipt that is no longer good.
pub async fn hide<H: Http + Clock + Secrets>(
    host: &H,
    queue: &Queue,
    receipts: &[String],
    hidden: Duration,
) -> Result<(), SqsError> {
    for receipts in receipts.chunks(sqs::BATCH) {
        whole(several(host, queue, &queue.url, Call::Hide { receipts, hidden }).await?)?;
    }
    Ok(())
}

/// How many messages wait, about.
///
/// # Errors
///
/// [`SqsError`] if it does not work.
pub async fn count<H: Http + Clock + Secrets>(host: &H, queue: &Queue) -> Result<Counted, SqsError> {
    let (status, body) = ask(host, queue, &queue.url, Call::Count).await?;
    sqs::read_counted(status, &body).map_err(SqsError::Refused)
}

async fn put<H: Http + Clock + Secrets>(
    host: &H,
    queue: &Queue,
    url: &str,
    messages: &[String],
    delay: Duration,
    reason: Option<&str>,
) -> Result<(), SqsError> {
    for batch in sqs::batches(messages) {
        let mut left: Vec<String> = messages.get(batch).unwrap_or_default().to_vec();
        let mut wait = WAIT;
        for tries in 1.. {
            let failed = several(host, queue, url, Call::Send { messages: &left, delay, reason }).await?;
            let Some(first) = failed.first() else { break };
            if tries == TRIES || failed.iter().any(|failed| failed.ours) {
                return Err(SqsError::Part(first.why.clone()));
            }
            left = failed.iter().filter_map(|failed| left.get(failed.at).cloned()).collect();
            host.sleep(wait).await;
            wait *= 4;
        }
    }
    Ok(())
}

async fn take<H: Http + Clock + Secrets>(
    host: &H,
    queue: &Queue,
    url: &str,
    call: Call<'_>,
) -> Result<Vec<Message>, SqsError> {
    let (status, body) = ask(host, queue, url, call).await?;
    sqs::read_messages(status, &body).map_err(SqsError::Refused)
}

async fn forget<H: Http + Clock + Secrets>(
    host: &H,
    queue: &Queue,
    url: &str,
    receipts: &[String],
) -> Result<(), SqsError> {
    for receipts in receipts.chunks(sqs::BATCH) {
        whole(several(host, queue, url, Call::Delete(receipts)).await?)?;
    }
    Ok(())
}

fn whole(failed: Vec<Failed>) -> Result<(), SqsError> {
    match failed.into_iter().next() {
        Some(first) => Err(SqsError::Part(first.why)),
        None => Ok(()),
    }
}

/// A call about several messages, tried some times; those that failed.
async fn several<H: Http + Clock + Secrets>(
    host: &H,
    queue: &Queue,
    url: &str,
    call: Call<'_>,
) -> Result<Vec<Failed>, SqsError> {
    let mut wait = WAIT;
    let mut tries = 1;
    loop {
        let outcome = match ask(host, queue, url, call).await {
            Ok((status, body)) => sqs::read_failed(status, &body).map_err(SqsError::Refused),
            Err(error) => Err(error),
        };
        match outcome {
            Err(error) if error.later() && tries < TRIES => {
                tries += 1;
                host.sleep(wait).await;
                wait *= 4;
            }
            outcome => return outcome,
        }
    }
}

/// Sends one call; its status and body.
async fn ask<H: Http + Clock + Secrets>(
    host: &H,
    queue: &Queue,
    url: &str,
    call: Call<'_>,
) -> Result<(u16, Bytes), SqsError> {
    let waits = match call {
        Call::Receive { wait, .. } => wait,
        Call::Send { .. } | Call::Delete(_) | Call::Hide { .. } | Call::Count => Duration::ZERO,
    };
    let request = signed(host, queue, url, call).await?;
    let answered = async {
        let response = host.send(request).await.map_err(|error| SqsError::Network(error.0))?;
        let status = response.status().as_u16();
        let body = response.into_body().whole(MAX_ANSWER).await.map_err(|error| {
            SqsError::Network(match error {
                BodyError::TooLarge => format!("an answer of more than {MAX_ANSWER} bytes"),
                BodyError::Network(error) => error.0,
            })
        })?;
        Ok((status, body))
    };
    let late = host.sleep(waits.saturating_add(PATIENCE));
    pin_mut!(answered, late);
    match select(answered, late).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => Err(SqsError::Network("it does not answer".to_owned())),
    }
}

async fn signed<H: Clock + Secrets>(
    host: &H,
    queue: &Queue,
    url: &str,
    call: Call<'_>,
) -> Result<Request<Bytes>, SqsError> {
    let aws = &queue.aws;
    let wrong = || SqsError::Url(url.to_owned());
    let secret = async |name: &str| -> Result<Secret, SqsError> {
        host.secret(name).await.ok_or_else(|| SqsError::Credential(name.to_owned()))
    };
    let credentials = Credentials {
        access_key_id: secret(aws.access_key_id.name()).await?.expose().to_owned(),
        secret_access_key: secret(aws.secret_access_key.name()).await?,
        session_token: host.secret(aws.session_token.name()).await,
    };
    let address = sqs::endpoint(url).ok_or_else(wrong)?;
    let body = call.body(url);
    let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", call.target())];
    let unsigned = sigv4::Request { method: "POST", url: &address, headers: &headers, body: &body };
    let scope = sigv4::Scope { region: &aws.region, service: &aws.service };
    let added = sigv4::sign(&unsigned, &credentials, scope, host.now()).map_err(|_| wrong())?;
    let mut request = Request::post(address.as_str()).body(Bytes::from(body)).map_err(|_| wrong())?;
    for (name, value) in headers {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in added {
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| {
            SqsError::Credential(format!("{} (it cannot be sent)", aws.secret_access_key.name()))
        })?;
        value.set_sensitive(true);
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    Ok(request)
}
