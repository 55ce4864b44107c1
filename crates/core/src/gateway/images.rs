//! Pictures that a provider cannot fetch itself.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, header};
use sluice_types::{
    chat::{self, Media, Part},
    error::{ErrorKind, Failure},
};

use super::{Context, attempt::Deadline};
use crate::{
    port::{Body, Host},
    remote_image,
};

/// Whether `request` has pictures at addresses.
pub(super) fn any(request: &chat::Request<'_>) -> bool {
    fn remote(part: &Part<'_>) -> bool {
        match part {
            Part::Image { source: Media::Url(_), .. } => true,
            Part::ToolResult { parts, .. } => parts.iter().any(remote),
            _ => false,
        }
    }
    request.turns.iter().flat_map(|turn| &turn.parts).any(remote)
}

/// Puts the bytes of pictures at addresses into `request`.
pub(super) async fn fetch<H: Host>(
    context: &Context<'_, H>,
    request: &mut chat::Request<'_>,
    deadline: &Deadline,
) -> Result<(), Failure> {
    let (mut fetched, mut bytes) = (0, 0);
    let mut parts: Vec<&mut Part<'_>> =
        request.turns.iter_mut().flat_map(|turn| turn.parts.iter_mut()).collect();
    while let Some(part) = parts.pop() {
        match part {
            Part::ToolResult { parts: inner, .. } => parts.extend(inner.iter_mut()),
            Part::Image { source, .. } => {
                let Media::Url(url) = source else { continue };
                fetched += 1;
                if remote_image::MAX_IMAGES < fetched {
                    let message = format!("must not appear more than {} times", remote_image::MAX_IMAGES);
                    return Err(Failure::invalid("image_url", message));
                }
                let picture = picture(context, url, deadline).await?;
                if let Media::Base64 { data, .. } = &picture {
                    bytes += data.len() / 4 * 3;
                }
                if remote_image::MAX_ALL < bytes {
                    let most = remote_image::MAX_ALL >> 20;
                    return Err(Failure::invalid(
                        "image_url",
                        format!("must not be more than {most} MiB in all"),
                    ));
                }
                *source = picture;
            }
            _ => {}
        }
    }
    Ok(())
}

async fn picture<H: Host>(
    context: &Context<'_, H>,
    url: &str,
    deadline: &Deadline,
) -> Result<Media<'static>, Failure> {
    let wrong = |what: &str| Failure::invalid("image_url", format!("cannot be fetched: {what}"));
    let request = Request::get(remote_image::address(url)?)
        .header(header::ACCEPT, "image/png, image/jpeg, image/gif, image/webp")
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::USER_AGENT, concat!("sluice/", env!("CARGO_PKG_VERSION")))
        .body(Bytes::new())
        .map_err(|error| Failure::new(ErrorKind::Internal, error.to_string()))?;
    let sent = deadline.bound(context.host, context.host.send(request)).await?;
    let response = sent.map_err(|error| wrong(&error.to_string()))?;
    if !response.status().is_success() {
        return Err(wrong(&format!("its host answers {}", response.status().as_u16())));
    }
    let body = deadline.bound(context.host, response.into_body().whole(remote_image::MAX_IMAGE)).await?;
    let body = body.map_err(|_| wrong("it breaks off or is larger than 5 MiB"))?;
    let media_type =
        remote_image::media_type(&body).ok_or_else(|| wrong("it is no PNG, JPEG, GIF or WebP"))?;
    Ok(Media::Base64 { media_type: media_type.into(), data: STANDARD.encode(&body).into() })
}
