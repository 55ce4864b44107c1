//! How many tokens a Messages request has: the provider's count where it counts, else ours.

use std::rc::Rc;

use sluice_providers::{
    format::{self, Chat, Protocol, anthropic_messages},
    tokens,
};
use sluice_types::error::Failure;

use super::{
    Context, Gateway, Reply,
    attempt::{self, Deadline, Outgoing},
    receive,
    reply::Problem,
};
use crate::{
    config::{Target, Upstream},
    port::{Body, Host},
};

impl Gateway {
    /// Counts a Messages request's tokens. Nothing is generated and nothing is charged, so nothing is written down.
    pub(super) async fn count_tokens<H: Host, B: Body>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        body: B,
    ) -> Result<Reply, Problem> {
        let caller = self.authenticate(context).await?;
        let body = receive::body(context, body).await?;
        let request = anthropic_messages::read_count_request(&body)?;
        let model = self.admit_model(context, &caller, &request.model)?;
        let allowed =
            model.targets.iter().find(|target| caller.tenant.may_use_provider(&target.provider.name));
        let counted = match allowed {
            Some(target) => count(context, target, &body).await,
            None => None,
        };
        // An estimate is a better answer than an error: callers use the count to decide what to send.
        let tokens = counted.and_then(Result::ok).unwrap_or_else(|| tokens::request(&request));
        Ok(Reply::json(anthropic_messages::write_count(tokens)))
    }
}

/// The provider's own count; `None` if its format has none.
async fn count<H: Host>(
    context: &Context<'_, H>,
    target: &Target,
    body: &[u8],
) -> Option<Result<u64, Failure>> {
    let Upstream::Http(provider) = &target.provider.upstream else { return None };
    let format = provider.chat.filter(|&format| format == Chat::AnthropicMessages)?;
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
        let outgoing = Outgoing { provider, format, path: "/messages/count_tokens".to_owned(), body };
        let response = attempt::send(context, outgoing, &deadline).await?;
        anthropic_messages::read_count(&attempt::whole(context.host, response, &deadline).await?)
    };
    Some(ask.await)
}
