//! A caller's request as one target wants it.

use std::borrow::Cow;

use sluice_providers::{
    format::{self, Chat, JsonSchema, Written},
    prices::Entry,
};
use sluice_types::{
    chat::{self, OutputFormat},
    error::Failure,
};

use super::{Context, attempt::Deadline, chat::Ask, images};
use crate::{
    capability,
    config::{HttpProvider, Target},
    port::Host,
    undo::Undo,
};

/// Writes the request for `target`: patched where it is the caller's own format and nothing must be altered, anew
/// elsewhere. What the target lacks is found before anything is sent.
pub(super) async fn request<H: Host>(
    context: &Context<'_, H>,
    ask: &Ask<'_>,
    target: &Target,
    provider: &HttpProvider,
    upstream: Chat,
    deadline: &Deadline,
) -> Result<(Written, Undo), Failure> {
    if let Some(lack) = capability::lack(&target.id, target.entry, &ask.request, || ask.tokens()) {
        return Err(lack);
    }
    let same_format = upstream == ask.protocol.format();
    let spec = format::Target {
        model: &target.model,
        dialect: &provider.dialect,
        strict: ask.strict,
        default_max_tokens: target.entry.and_then(Entry::output_tokens),
        same_format,
    };
    let mut request = alter(context, ask, target, upstream, deadline).await?;
    let mut undo = Undo::default();
    let way =
        if same_format { provider.dialect.json_schema } else { schema(&request, upstream, target, provider) };
    if let Some((prepared, done)) = Undo::prepare(&request, upstream, same_format, way) {
        (request, undo) = (Cow::Owned(prepared), done);
    }
    let written = match request {
        Cow::Borrowed(_) if same_format && !ask.changed => ask.protocol.patch_request(ask.body, &spec)?,
        request => upstream.write_request(&request, &spec)?,
    };
    Ok((written, undo))
}

/// How `target` is made to follow a schema: a model that the list says cannot is made to call a tool, if it can that.
/// So is one whose format takes no schema that leaves members open.
fn schema(
    request: &chat::Request<'_>,
    upstream: Chat,
    target: &Target,
    provider: &HttpProvider,
) -> JsonSchema {
    let unable = |entry: &Entry| entry.structured_output() == Some(false) && entry.tools() == Some(true);
    let closed_only = matches!(upstream, Chat::AnthropicMessages | Chat::BedrockConverse);
    let open = match &request.output {
        OutputFormat::Schema { schema, .. } => closed_only && !capability::is_closed(schema.text()),
        OutputFormat::Text | OutputFormat::Json => false,
    };
    match provider.dialect.json_schema {
        JsonSchema::Native if open || target.entry.is_some_and(unable) => JsonSchema::Tool,
        way => way,
    }
}

/// The request with what must change whatever the format: borrowed where nothing must.
async fn alter<'r, 'a, H: Host>(
    context: &Context<'_, H>,
    ask: &'r Ask<'a>,
    target: &Target,
    upstream: Chat,
    deadline: &Deadline,
) -> Result<Cow<'r, chat::Request<'a>>, Failure> {
    let mut request = Cow::Borrowed(&ask.request);
    if upstream.wants_image_bytes() && images::any(&request) {
        images::fetch(context, request.to_mut(), deadline).await?;
    }
    // A model that does not think refuses to be asked for it, and answers all the same.
    let thinks = target.entry.and_then(Entry::reasoning);
    if thinks == Some(false) && request.reasoning.is_some() && upstream != ask.protocol.format() {
        request.to_mut().reasoning = None;
    }
    Ok(request)
}
