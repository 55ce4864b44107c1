//! Asking Qdrant. What is asked is [`vectors::qdrant`](crate::vectors::qdrant)'s.

use bytes::Bytes;

use crate::{
    config::document::Qdrant,
    port::{Body, Http, Secrets},
    vectors::{
        Namespace, Near, Nearest, Point, VectorsError,
        qdrant::{self, Ask},
    },
};

/// The largest answer, in bytes.
const ANSWER: usize = 2_000_000;

fn down(what: impl std::fmt::Display) -> VectorsError {
    VectorsError::Down(what.to_string())
}

/// The status and the body of the answer.
async fn send(
    host: &(impl Http + Secrets),
    written: &Qdrant,
    ask: Ask,
) -> Result<(u16, Bytes), VectorsError> {
    let mut request = http::Request::builder()
        .method(ask.method)
        .uri(format!("{}{}", written.url.as_str().trim_end_matches('/'), ask.path))
        .header("content-type", "application/json");
    if let Some(key) = &written.api_key {
        let Some(secret) = host.secret(key.0.name()).await else {
            let what = format!("set the secret {}, Qdrant's key", key.0.name());
            return Err(VectorsError::Absent(what));
        };
        request = request.header("api-key", secret.expose());
    }
    let request = request.body(Bytes::from(ask.body.to_string())).map_err(down)?;
    let answer = host.send(request).await.map_err(down)?;
    let status = answer.status().as_u16();
    let body = answer.into_body().whole(ANSWER).await;
    let body = body.map_err(|error| down(format!("its answer cannot be read: {error:?}")))?;
    Ok((status, body))
}

pub(super) async fn upsert(
    host: &(impl Http + Secrets),
    written: &Qdrant,
    space: &Namespace,
    points: &[Point],
) -> Result<(), VectorsError> {
    let dims = points.first().map_or(0, |point| point.vector.len());
    let collection = qdrant::collection(&written.collection, dims);
    let ask = qdrant::upsert(&collection, space, points);
    match send(host, written, ask.clone()).await? {
        (200, _) => return Ok(()),
        (404, _) => {}
        (status, body) => return Err(qdrant::problem(status, &body)),
    }
    for create in qdrant::create(&collection, dims) {
        match send(host, written, create).await? {
            // 409: somebody else has just made it.
            (200 | 409, _) => {}
            (status, body) => return Err(qdrant::problem(status, &body)),
        }
    }
    match send(host, written, ask).await? {
        (200, _) => Ok(()),
        (status, body) => Err(qdrant::problem(status, &body)),
    }
}

pub(super) async fn remove(
    host: &(impl Http + Secrets),
    written: &Qdrant,
    space: &Namespace,
    ids: &[String],
) -> Result<(), VectorsError> {
    // Nobody says how long the vectors were.
    for collection in collections(host, written).await? {
        match send(host, written, qdrant::remove(&collection, space, ids)).await? {
            (200 | 404, _) => {}
            (status, body) => return Err(qdrant::problem(status, &body)),
        }
    }
    Ok(())
}

/// The collections that are ours.
async fn collections(host: &(impl Http + Secrets), written: &Qdrant) -> Result<Vec<String>, VectorsError> {
    match send(host, written, qdrant::list()).await? {
        (200, body) => qdrant::listed(&written.collection, &body),
        (status, body) => Err(qdrant::problem(status, &body)),
    }
}

pub(super) async fn nearest(
    host: &(impl Http + Secrets),
    written: &Qdrant,
    space: &Namespace,
    wanted: &Nearest,
) -> Result<Vec<Near>, VectorsError> {
    let collection = qdrant::collection(&written.collection, wanted.vector.len());
    match send(host, written, qdrant::nearest(&collection, space, wanted)).await? {
        (200, body) => qdrant::found(&body, wanted.filter.as_ref()),
        (404, _) => Ok(Vec::new()),
        (status, body) => Err(qdrant::problem(status, &body)),
    }
}
