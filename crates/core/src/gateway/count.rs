//! How many tokens a request has: the provider's count where it counts, else ours.

use std::rc::Rc;

use serde_json::value::RawValue;
use sluice_providers::{
    format::{self, Chat, Protocol, anthropic_messages},
    tokens,
};
use sluice_types::{error::Failure, json::from_bytes};

use super::{
    Context, Gateway, Reply,
    attempt::{self, Deadline},
    guard, receive,
    reply::Problem,
    send::Outgoing,
};
use crate::{
    config::{Target, Upstream},
    port::{Body, Host},
};

/// A Gemini request to be counted may stand inside another object.
#[derive(serde::Deserialize)]
struct Whole<'a> {
    #[serde(borrow, default, rename = "generateContentRequest", alias = "generate_content_request")]
    request: Option<&'a RawValue>,
}

impl Gateway {
    /// Counts a Messages request's tokens. Nothing is generated and nothing is charged, so nothing is written down.
    pub(super) async fn count_tokens<H: Host, B: Body>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        body: B,
    ) -> Result<Reply<H::Body>, Problem> {
        let caller = self.enter(context).await?;
        let body = receive::body(context, body).await?;
        let request = anthropic_messages::read_count_request(&body)?;
        let model = self.admit_model(context, &caller, &request.model)?;
        // What is not to leave does not leave to be counted either.
        let altered = guard::counted(context, &caller, &model, &request)?;
        let allowed = model.targets.iter().find(|target| caller.may_use(&target.provider));
        let counted = match allowed {
            Some(target) if altered.is_none() => self.count(context, target, &body).await,
            Some(_) | None => None,
        };
        // An estimate is a better answer than an error: callers use the count to decide what to send.
        let tokens = counted
            .and_then(Result::ok)
            .unwrap_or_else(|| tokens::request(altered.as_ref().unwrap_or(&request)));
        Ok(Reply::json(anthropic_messages::write_count(tokens)))
    }

    /// Counts the tokens of a Gemini request, by length.
    pub(super) async fn count_contents<H: Host, B: Body>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        model: &str,
        body: B,
    ) -> Result<Reply<H::Body>, Problem> {
        let caller = self.enter(context).await?;
        self.admit_model(context, &caller, model)?;
        let body = receive::body(context, body).await?;
        let whole: Option<Whole<'_>> = from_bytes(&body).ok();
        let inner = whole.and_then(|whole| whole.request).map(RawValue::get);
        let request = Protocol::Gemini.read_request(inner.map_or(&body, str::as_bytes))?;
        let counted = serde_json::json!({"totalTokens": tokens::request(&request)});
        Ok(Reply::json(counted.to_string().into_bytes()))
    }

    /// The provider's own count; `None` if its format has none.
    async fn count<H: Host>(
        &self,
        context: &Context<'_, H>,
        target: &Target,
        body: &[u8],
    ) -> Option<Result<u64, Failure>> {
        let Upstream::Http(provider) = &target.provider.upstream else { return None };
        let format = Chat::AnthropicMessages;
        if !provider.chat.contains(&format) {
            return None;
        }
        let spec = format::Target {
            model: &target.model,
            dialect: &provider.dialect,
            strict: false,
            default_max_tokens: None,
            same_format: true,
        };
        let ask = async {
            let body = Protocol::AnthropicMessages.patch_request(body, &spec)?.body;
            let deadline = Deadline::total(context.host, target);
            let address = provider.address("/messages/count_tokens", &target.model)?;
            let outgoing = Outgoing::json(provider, format, address, body);
            let response = self.send(context, outgoing, &deadline).await?;
            anthropic_messages::read_count(&attempt::whole(context.host, response, &deadline).await?)
        };
        Some(ask.await)
    }
}
