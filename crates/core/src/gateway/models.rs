//! The models a caller may name.

use std::rc::Rc;

use serde::Serialize;
use sluice_providers::format::Protocol;
use sluice_types::error::{ErrorKind, Failure};

use super::{Context, Gateway, Reply, reply::Problem};
use crate::{
    config::{Model, percent},
    port::Host,
};

/// A model, in the words of both protocols' SDKs.
#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    object: &'static str,
    /// Models of a configuration have no birthday.
    created: u64,
    owned_by: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    display_name: &'a str,
    created_at: &'static str,
}

impl<'a> Listed<'a> {
    fn new(model: &'a Model) -> Self {
        let provider = model.targets.first().map_or("", |target| target.provider.name.as_str());
        let owned_by = if model.targets.len() == 1 { provider } else { "sluice" };
        Self {
            id: &model.name,
            object: "model",
            created: 0,
            owned_by,
            kind: "model",
            display_name: &model.name,
            created_at: "1970-01-01T00:00:00Z",
        }
    }
}

/// The same in Gemini's words.
fn gemini(model: &Listed<'_>) -> serde_json::Value {
    serde_json::json!({
        "name": format!("models/{}", model.id),
        "displayName": model.display_name,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    })
}

impl Gateway {
    /// Lists the configured models that the caller may name, whole: there is no second page.
    pub(super) async fn models<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
    ) -> Result<Reply<H::Body>, Problem> {
        let caller = self.authenticate(context).await?;
        let models: Vec<&Rc<Model>> =
            context.config.models().filter(|model| caller.may_name(&model.name)).collect();
        let data: Vec<Listed<'_>> = models.iter().map(|model| Listed::new(model)).collect();
        let list = match context.protocol {
            Protocol::Gemini => {
                let models: Vec<_> = data.iter().map(gemini).collect();
                serde_json::json!({"models": models})
            }
            Protocol::OpenaiChat | Protocol::OpenaiResponses => {
                serde_json::json!({"object": "list", "data": data})
            }
            Protocol::AnthropicMessages => serde_json::json!({
                "data": data,
                "has_more": false,
                "first_id": data.first().map(|model| model.id),
                "last_id": data.last().map(|model| model.id),
            }),
        };
        Ok(Reply::json(list.to_string().into_bytes()))
    }

    /// Tells about one model.
    pub(super) async fn model<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        name: &str,
    ) -> Result<Reply<H::Body>, Problem> {
        let caller = self.authenticate(context).await?;
        let Some(name) = percent::decode(name) else {
            return Err(
                Failure::new(ErrorKind::ModelNotFound, "the model's name is not valid in a URL").into()
            );
        };
        let model = self.admit_model(context, &caller, &name)?;
        let listed = Listed::new(&model);
        let body = match context.protocol {
            Protocol::Gemini => serde_json::to_vec(&gemini(&listed)),
            Protocol::OpenaiChat | Protocol::OpenaiResponses | Protocol::AnthropicMessages => {
                serde_json::to_vec(&listed)
            }
        };
        Ok(Reply::json(body.unwrap_or_default()))
    }
}
