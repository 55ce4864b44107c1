//! `generationConfig` as callers write it.

use sluice_types::{
    chat::{Effort, OutputFormat, Reasoning, Request},
    error::Failure,
    json::{Raw, Str},
};

use super::{
    super::{names, schema},
    read::keep,
};
use crate::format::json::Value;

/// The name of what is read here.
const NAME: &str = "generationConfig";

/// Reads `generationConfig` into `request`; what is unknown, or says more than can be said elsewhere, is kept.
pub(super) fn read<'a>(value: &Value<'a, '_>, request: &mut Request<'a>) -> Result<(), Failure> {
    let config = value.object()?;
    let mut form = Form::default();
    let mut seen: Vec<String> = Vec::with_capacity(config.fields().len());
    for (name, raw) in config.fields().iter().filter(|(_, raw)| raw.get() != "null") {
        let name = names::camel(name);
        let value = Value { raw, path: config.path.member(&name) };
        if seen.iter().any(|seen| *seen == *name) {
            return Err(value.path.invalid("is given twice"));
        }
        if !read_member(&name, &value, request, &mut form)? {
            keep(request, NAME, &name, Raw::from(*raw));
        }
        seen.push(name.into_owned());
    }
    form.read(request);
    Ok(())
}

/// Reads one member; `false` if it is to be kept as it is.
fn read_member<'a>(
    name: &str,
    value: &Value<'a, '_>,
    request: &mut Request<'a>,
    form: &mut Form<'a>,
) -> Result<bool, Failure> {
    match name {
        "maxOutputTokens" => request.max_output_tokens = value.count()?,
        "temperature" => request.temperature = value.number()?,
        "topP" => request.top_p = value.number()?,
        "topK" => request.top_k = value.count()?,
        "seed" => request.seed = value.number()?,
        "frequencyPenalty" => request.frequency_penalty = value.number()?,
        "presencePenalty" => request.presence_penalty = value.number()?,
        "candidateCount" => request.choices = value.count()?,
        "stopSequences" => {
            for (i, raw) in value.list()?.into_iter().enumerate() {
                request.stop.push(Value { raw, path: value.path.item(i) }.string()?);
            }
            return Ok(true);
        }
        "thinkingConfig" => return read_thinking(value, request),
        "responseMimeType" => {
            form.mime_type = Some((value.string()?, Raw::from(value.raw)));
            return Ok(true);
        }
        "responseSchema" => {
            form.schema = Some(Raw::from(value.raw));
            form.json_schema.get_or_insert_with(|| schema::to_json_schema(value.raw));
            return Ok(true);
        }
        "responseJsonSchema" => {
            form.json_schema = Some(Raw::from(value.raw));
            return Ok(true);
        }
        _ => return Ok(false),
    }
    // A number that is out of our range is the provider's to judge.
    Ok(match name {
        "maxOutputTokens" => request.max_output_tokens.is_some(),
        "temperature" => request.temperature.is_some(),
        "topP" => request.top_p.is_some(),
        "topK" => request.top_k.is_some(),
        "seed" => request.seed.is_some(),
        "frequencyPenalty" => request.frequency_penalty.is_some(),
        "presencePenalty" => request.presence_penalty.is_some(),
        _ => request.choices.is_some(),
    })
}

/// What is said of the form of the answer, in three members that may come in any order.
#[derive(Default)]
struct Form<'a> {
    mime_type: Option<(Str<'a>, Raw<'a>)>,
    schema: Option<Raw<'a>>,
    json_schema: Option<Raw<'a>>,
}

impl<'a> Form<'a> {
    fn read(self, request: &mut Request<'a>) {
        match (self.mime_type, self.json_schema) {
            (Some((mime_type, _)), None) if mime_type == "application/json" => {
                request.output = OutputFormat::Json;
            }
            (Some((mime_type, _)), None) if mime_type == "text/plain" => {}
            (None, None) => {}
            (mime_type, Some(schema))
                if mime_type.as_ref().is_none_or(|(mime_type, _)| *mime_type == "application/json") =>
            {
                request.output = OutputFormat::Schema { name: None, description: None, schema, strict: None };
            }
            // Such as one word of a list: nothing elsewhere says that.
            (mime_type, json_schema) => {
                if let Some((_, raw)) = mime_type {
                    keep(request, NAME, "responseMimeType", raw);
                }
                match (self.schema, json_schema) {
                    (Some(schema), _) => keep(request, NAME, "responseSchema", schema),
                    (None, Some(schema)) => keep(request, NAME, "responseJsonSchema", schema),
                    (None, None) => {}
                }
            }
        }
    }
}

/// Reads `thinkingConfig`; `false` if it says what cannot be said elsewhere.
fn read_thinking(value: &Value<'_, '_>, request: &mut Request<'_>) -> Result<bool, Failure> {
    let config = value.object()?;
    let level = names::string(&config, "thinkingLevel")?;
    let budget = names::get(&config, "thinkingBudget")?.map(|budget| budget.number::<f64>()).transpose()?;
    let thoughts = names::boolean(&config, "includeThoughts")?;
    let known = ["thinkingLevel", "thinkingBudget", "includeThoughts"];
    if !names::rest(&config, &known).is_empty() {
        return Ok(false);
    }
    request.reasoning = match (level, budget.flatten(), thoughts) {
        (Some(word), ..) if word.eq_ignore_ascii_case("THINKING_LEVEL_UNSPECIFIED") => None,
        (Some(word), ..) => match effort_of(&word) {
            Some(effort) => Some(Reasoning::Effort(effort)),
            None => return Ok(false),
        },
        (None, Some(budget), _) if budget < 0.0 => Some(Reasoning::Adaptive(None)),
        (None, Some(0.0), _) => Some(Reasoning::Off),
        (None, Some(budget), _) => Some(Reasoning::Budget(budget as u32)),
        (None, None, Some(true)) => Some(Reasoning::Adaptive(None)),
        (None, None, _) => None,
    };
    Ok(true)
}

fn effort_of(word: &str) -> Option<Effort> {
    Some(match word.to_ascii_uppercase().as_str() {
        "MINIMAL" => Effort::Minimal,
        "LOW" => Effort::Low,
        "MEDIUM" => Effort::Medium,
        "HIGH" => Effort::High,
        "XHIGH" => Effort::XHigh,
        _ => return None,
    })
}
