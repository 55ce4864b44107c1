//! Taking the caller's body in.

use std::{collections::BTreeMap, pin::pin, time::Duration};

use bytes::Bytes;
use futures::future::{Either, select};
use http::{HeaderMap, header};
use sluice_types::error::{ErrorKind, Failure};

use super::Context;
use crate::port::{Body, BodyError, Host};

/// The most tags a request may carry.
const MAX_TAGS: usize = 16;

/// The whole body, within the configuration's limits of size and time.
pub(super) async fn body<H: Host, B: Body>(context: &Context<'_, H>, body: B) -> Result<Bytes, Failure> {
    let limits = &context.config.limits;
    let max_body = usize::try_from(limits.max_body).unwrap_or(usize::MAX);
    let too_large = || {
        let message = format!("the body is larger than {} bytes, the limit of this gateway", limits.max_body);
        Failure::new(ErrorKind::TooLarge, message)
    };
    let declared = context.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if declared.and_then(|text| text.parse::<usize>().ok()).is_some_and(|length| max_body < length) {
        return Err(too_large());
    }
    check_encoding(context.headers)?;
    match within(context.host, limits.body_timeout, body.whole(max_body)).await {
        Some(Ok(bytes)) => Ok(bytes),
        Some(Err(BodyError::TooLarge)) => Err(too_large()),
        Some(Err(BodyError::Network(error))) => {
            Err(Failure::new(ErrorKind::InvalidRequest, format!("the body broke off: {error}")))
        }
        None => {
            let message = format!("the body did not arrive within {} s", limits.body_timeout.as_secs());
            Err(Failure::new(ErrorKind::RequestTimeout, message))
        }
    }
}

/// Refuses a body that is compressed.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING).filter(|value| *value != "identity") else {
        return Ok(());
    };
    let encoding = String::from_utf8_lossy(encoding.as_bytes());
    let message = format!("content-encoding `{encoding}` is not taken: send the body as it is");
    Err(Failure::new(ErrorKind::InvalidRequest, message))
}

/// What `work` gives, unless `limit` passes first.
pub(super) async fn within<H: Host, T>(
    host: &H,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let (work, timer) = (pin!(work), pin!(host.sleep(limit)));
    match select(work, timer).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

/// The caller's tags for cost attribution, such as `team=search,feature=qa`.
pub(super) fn tags(headers: &HeaderMap) -> Result<BTreeMap<String, String>, Failure> {
    let Some(value) = headers.get("sluice-tags") else { return Ok(BTreeMap::new()) };
    let wrong = || {
        let message =
            format!("sluice-tags takes up to {MAX_TAGS} `name=value`, parted by commas, 64 characters each");
        Failure::new(ErrorKind::InvalidRequest, message)
    };
    let text = value.to_str().map_err(|_| wrong())?;
    let tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(|tag| {
        let (name, value) = tag.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        (!name.is_empty() && name.len() <= 64 && value.len() <= 64)
            .then(|| (name.to_owned(), value.to_owned()))
    });
    let tags = tags.collect::<Option<BTreeMap<_, _>>>().ok_or_else(wrong)?;
    if MAX_TAGS < tags.len() { Err(wrong()) } else { Ok(tags) }
}

/// A header's text, if there is any.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty())
}
