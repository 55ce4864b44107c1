//! The fingerprint of a request: SHA-256 over all that can change its answer, and over nothing else.
//!
//! What only says how the answer travels (streamed or not), who is asking, or what a provider may keep is left out, and so is
//! white space between the tokens of JSON. Every struct is taken apart by name, so that whoever adds a member decides here.

use sha2::{Digest as _, Sha256};
use sluice_types::{
    chat::{Media, OutputFormat, Part, Reasoning, Request, Role, Tool, ToolChoice, Turn},
    json::{Members, Raw},
};

use super::Partition;
use crate::key;

/// Members that change no answer: names for people, what providers keep, how they bill.
const IDLE: [&str; 12] = [
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "user",
    "previous_response_id",
    "background",
];

/// The fingerprint of `request` within `partition`.
pub fn fingerprint(partition: &Partition<'_>, request: &Request<'_>) -> key::Digest {
    digest("1", partition, request, None)
}

/// The fingerprint of `request` with its last turn's texts in the form `canonical`.
pub fn of_form(partition: &Partition<'_>, request: &Request<'_>, canonical: &str) -> key::Digest {
    digest("form 1", partition, request, Some(canonical))
}

/// The fingerprint of all that `request` says but for its last turn's texts: what two requests must have in common before
/// anybody asks whether these mean the same.
pub fn of_scope(partition: &Partition<'_>, request: &Request<'_>) -> key::Digest {
    digest("scope 1", partition, request, Some(""))
}

/// `last` stands for the last turn's texts, if it is given.
fn digest(kind: &str, partition: &Partition<'_>, request: &Request<'_>, last: Option<&str>) -> key::Digest {
    let mut hash = Fields(Sha256::new());
    let Partition { tenant, namespace, within, model, targets, guardrails, beta, knowledge } = partition;
    hash.text(kind);
    hash.text(tenant);
    hash.optional(*within, Fields::text);
    hash.text(model);
    hash.list(targets.iter(), |hash, target| hash.text(target));
    hash.list(guardrails.iter(), |hash, name| hash.text(name));
    for part in [beta, knowledge, namespace] {
        hash.optional(*part, Fields::text);
    }
    hash.request(request, last);
    hash.0.finalize().into()
}

/// Fields, each with its length, so that no two lists of them look the same.
struct Fields(Sha256);

impl Fields {
    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.number(u64::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn list<T>(&mut self, items: impl ExactSizeIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        self.number(items.len() as u64);
        for item in items {
            write(self, item);
        }
    }

    fn float(&mut self, value: f64) {
        // Zero has two signs.
        self.number((value + 0.0).to_bits());
    }

    /// JSON without the white space between its tokens.
    fn json(&mut self, raw: &Raw<'_>) {
        let bytes = raw.text().as_bytes();
        let (mut length, mut begun) = (0_u64, 0);
        let (mut quoted, mut escaped) = (false, false);
        let mut run = |hash: &mut Sha256, from: usize, to: usize| {
            let run = bytes.get(from..to).unwrap_or_default();
            hash.update(run);
            length += run.len() as u64;
        };
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b' ' | b'\t' | b'\n' | b'\r' if !quoted => {
                    run(&mut self.0, begun, at);
                    begun = at + 1;
                }
                _ => {}
            }
        }
        run(&mut self.0, begun, bytes.len());
        self.number(length);
    }

    fn members(&mut self, members: &Members<'_>) {
        let mut told: Vec<_> = members.0.iter().filter(|(name, _)| !IDLE.contains(&&**name)).collect();
        told.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.list(told.into_iter(), |hash, (name, value)| {
            hash.text(name);
            hash.json(value);
        });
    }

    fn request(&mut self, request: &Request<'_>, last: Option<&str>) {
        let Request {
            model: _,
            turns,
            tools,
            tool_choice,
            parallel_tool_calls,
            max_output_tokens,
            temperature,
            top_p,
            top_k,
            seed,
            frequency_penalty,
            presence_penalty,
            stop,
            output,
            reasoning,
            choices,
            stream: _,
            include_usage: _,
            user: _,
            extra,
        } = request;
        self.list(turns.iter().enumerate(), |hash, (at, turn)| {
            hash.turn(turn, last.filter(|_| at + 1 == turns.len()));
        });
        self.list(tools.iter(), Self::tool);
        self.optional(tool_choice.as_ref(), |hash, choice| match choice {
            ToolChoice::Auto => hash.number(0),
            ToolChoice::None => hash.number(1),
            ToolChoice::Required => hash.number(2),
            ToolChoice::Tool(name) => hash.text(name),
            ToolChoice::Other(raw) => hash.json(raw),
        });
        self.optional(*parallel_tool_calls, |hash, parallel| hash.number(u64::from(parallel)));
        self.optional(*max_output_tokens, |hash, most| hash.number(u64::from(most)));
        for value in [*temperature, *top_p, *frequency_penalty, *presence_penalty] {
            self.optional(value, Self::float);
        }
        self.optional(*top_k, |hash, most| hash.number(u64::from(most)));
        self.optional(*seed, |hash, seed| hash.number(seed.cast_unsigned()));
        self.list(stop.iter(), |hash, text| hash.text(text));
        match output {
            OutputFormat::Text => self.number(0),
            OutputFormat::Json => self.number(1),
            OutputFormat::Schema { name, description, schema, strict } => {
                self.number(2);
                self.optional(name.as_deref(), Self::text);
                self.optional(description.as_deref(), Self::text);
                self.json(schema);
                self.optional(*strict, |hash, strict| hash.number(u64::from(strict)));
            }
        }
        self.optional(*reasoning, |hash, reasoning| match reasoning {
            Reasoning::Off => hash.number(0),
            Reasoning::Adaptive(None) => hash.number(1),
            Reasoning::Adaptive(Some(effort)) => hash.number(2 + effort as u64),
            Reasoning::Effort(effort) => hash.number(100 + effort as u64),
            Reasoning::Budget(tokens) => hash.number(1_000 + u64::from(tokens)),
        });
        self.number(u64::from(choices.unwrap_or(1)));
        self.members(extra);
    }

    /// `texts` stands for its texts, if it is given.
    fn turn(&mut self, turn: &Turn<'_>, texts: Option<&str>) {
        let Turn { role, name, parts, extra } = turn;
        self.number(match role {
            // Two words for one thing.
            Role::System | Role::Developer => 0,
            Role::User => 1,
            Role::Assistant => 2,
        });
        self.optional(name.as_deref(), Self::text);
        self.list(parts.iter(), |hash, part| match (part, texts) {
            (Part::Text { .. }, Some(text)) => hash.tagged(0, text),
            _ => hash.part(part),
        });
        self.members(extra);
    }

    fn part(&mut self, part: &Part<'_>) {
        match part {
            Part::Text { text, cache: _, citations: _ } => self.tagged(0, text),
            Part::Image { source, detail, cache: _ } => {
                self.number(1);
                self.media(source);
                self.optional(detail.as_deref(), Self::text);
            }
            Part::Document { source, name, cache: _ } => {
                self.number(2);
                self.media(source);
                self.optional(name.as_deref(), Self::text);
            }
            Part::Audio { data, format } => {
                self.tagged(3, data);
                self.text(format);
            }
            Part::ToolCall { id, name, arguments, extra, cache: _ } => {
                self.tagged(4, id);
                self.text(name);
                self.text(arguments);
                self.members(extra);
            }
            Part::ToolResult { call_id, parts, is_error, cache: _ } => {
                self.tagged(5, call_id);
                self.list(parts.iter(), Self::part);
                self.number(u64::from(*is_error));
            }
            Part::Reasoning { text, signature } => {
                self.tagged(6, text);
                self.optional(signature.as_deref(), Self::text);
            }
            Part::RedactedReasoning { data } => self.tagged(7, data),
            Part::Refusal { text } => self.tagged(8, text),
            Part::Other { kind, raw } => {
                self.tagged(9, kind);
                self.json(raw);
            }
        }
    }

    fn tagged(&mut self, tag: u64, text: &str) {
        self.number(tag);
        self.text(text);
    }

    fn media(&mut self, media: &Media<'_>) {
        match media {
            Media::Url(url) => self.tagged(0, url),
            Media::Base64 { media_type, data } => {
                self.tagged(1, media_type);
                self.text(data);
            }
            Media::File { id } => self.tagged(2, id),
        }
    }

    fn tool(&mut self, tool: &Tool<'_>) {
        match tool {
            Tool::Function { name, description, parameters, strict, cache: _ } => {
                self.tagged(0, name);
                self.optional(description.as_deref(), Self::text);
                self.optional(parameters.as_ref(), Self::json);
                self.optional(*strict, |hash, strict| hash.number(u64::from(strict)));
            }
            Tool::Other { kind, raw } => {
                self.tagged(1, kind);
                self.json(raw);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_providers::format::Protocol;

    use super::*;

    const PARTITION: Partition<'_> = Partition {
        tenant: "acme",
        namespace: None,
        within: None,
        model: "m",
        targets: &["a/m"],
        guardrails: &[],
        beta: None,
        knowledge: None,
    };

    fn of(body: &str) -> key::Digest {
        let request = Protocol::OpenaiChat.read_request(body.as_bytes()).unwrap();
        fingerprint(&PARTITION, &request)
    }

    fn with(member: &str) -> String {
        format!(
            r#"{{"model":"m","messages":[{{"role":"system","content":"Be brief."}},{{"role":"user","content":"hi"}}]{member}}}"#
        )
    }

    #[test]
    fn what_matters_changes_it() {
        let tool = r#","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]"#;
        let schema =
            r#","response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"a":"b c"}}}"#;
        let bodies = [
            with(""),
            with(r#","temperature":0"#),
            with(r#","temperature":0.5"#),
            with(r#","top_p":0.5"#),
            with(r#","max_tokens":5"#),
            with(r#","seed":5"#),
            with(r#","stop":["a"]"#),
            with(r#","stop":["a","b"]"#),
            with(r#","stop":["ab"]"#),
            with(r#","n":2"#),
            with(r#","frequency_penalty":0.5"#),
            with(r#","presence_penalty":0.5"#),
            with(r#","reasoning_effort":"low""#),
            with(r#","reasoning_effort":"high""#),
            with(r#","logprobs":true"#),
            with(r#","response_format":{"type":"json_object"}"#),
            with(tool),
            with(&tool.replace("object", "obj ect")),
            with(schema),
            with(&schema.replace("b c", "bc")),
            with(&format!(r#"{tool},"tool_choice":"required""#)),
            with("").replace("brief", "long"),
            with("").replace("hi", "hi "),
            with("").replace("user", "assistant"),
        ];
        let mut prints: Vec<_> = bodies.iter().map(|body| of(body)).collect();
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), bodies.len());
    }

    #[test]
    fn a_scope_is_all_but_the_last_question() {
        let read = |body: &str| -> [key::Digest; 2] {
            let request = Protocol::OpenaiChat.read_request(body.as_bytes()).unwrap();
            [of_scope(&PARTITION, &request), of_form(&PARTITION, &request, "form")]
        };
        let plain = read(&with(""));
        assert_ne!(plain[0], plain[1]);
        assert_eq!(read(&with("").replace("hi", "another question")), plain);
        let others = [
            with("").replace("brief", "long"),
            with(r#","temperature":0.5"#),
            with(r#","seed":5"#),
            with(r#","response_format":{"type":"json_object"}"#),
            with("").replace(r#"{"role":"user""#, r#"{"role":"user","content":"before"},{"role":"user""#),
            with("").replace(r#"{"role":"user""#, r#"{"role":"user","name":"ann""#),
            with("").replace("user", "assistant"),
        ];
        let mut prints: Vec<_> = others.iter().flat_map(|body| read(body)).chain(plain).collect();
        let count = prints.len();
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), count);
    }

    #[test]
    fn what_does_not_matter_does_not() {
        let plain = of(&with(""));
        for member in [
            r#","stream":true,"stream_options":{"include_usage":true}"#,
            r#","user":"u1","metadata":{"a":"b"},"store":true,"prompt_cache_key":"k""#,
            r#","n":1"#,
        ] {
            assert_eq!(of(&with(member)), plain, "{member}");
        }
        assert_eq!(of(&with("").replace("system", "developer")), plain);
        assert_eq!(of(&with("").replace(':', " : ")), plain);
        let schema =
            r#","response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"a":"b c"}}}"#;
        assert_eq!(of(&with(&schema.replace("{\"a\":", "{ \"a\" :\n"))), of(&with(schema)));
    }

    #[test]
    fn protocols_share_it() {
        let chat = with(r#","max_tokens":5"#);
        let messages = r#"{"model":"m","max_tokens":5,"system":"Be brief.","messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}"#;
        let request = Protocol::AnthropicMessages.read_request(messages.as_bytes()).unwrap();
        assert_eq!(fingerprint(&PARTITION, &request), of(&chat));
    }

    #[test]
    fn whom_it_is_for_and_who_makes_it_change_it() {
        let body = with("");
        let request = Protocol::OpenaiChat.read_request(body.as_bytes()).unwrap();
        let guardrails = ["standard".to_owned()];
        let partitions = [
            PARTITION,
            Partition { tenant: "acm", ..PARTITION },
            Partition { namespace: Some("u1"), ..PARTITION },
            Partition { within: Some("u1"), ..PARTITION },
            Partition { within: Some(""), ..PARTITION },
            Partition { model: "n", ..PARTITION },
            Partition { targets: &["a/m", "b/m"], ..PARTITION },
            Partition { targets: &[], ..PARTITION },
            Partition { guardrails: &guardrails, ..PARTITION },
            Partition { beta: Some("files-api-2025-04-14"), ..PARTITION },
            Partition { knowledge: Some("vs_1/1/7"), ..PARTITION },
            Partition { knowledge: Some("vs_1/1/8"), ..PARTITION },
        ];
        let mut prints: Vec<_> =
            partitions.iter().map(|partition| fingerprint(partition, &request)).collect();
        prints.extend(partitions.iter().map(|partition| of_scope(partition, &request)));
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), 2 * partitions.len());
    }
}
