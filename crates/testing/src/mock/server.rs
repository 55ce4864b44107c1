//! Requests in, answers out.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State as Extract};
use axum::http::{HeaderMap, Method, Response};
use tokio::time::sleep;

use super::answer::{Answer, answer};
use super::ask::Ask;
use super::check::Refusal;
use super::embeddings;
use super::fault::{Break, Faults, UsageAt};
use super::log::{Log, Outcome, Recorder};
use super::media::{self, Made, Media};
use super::reply::{self, Dialect, Reply};
use super::socket::{Fuse, Listener};
use super::{
    anthropic, bedrock, cohere, directive, gemini, models, ollama, openai_chat, openai_responses, webhook,
    workers_ai,
};

/// Larger bodies are not read.
const MOST_BODY_BYTES: usize = 64 << 20;

/// What all requests share.
#[derive(Clone)]
pub struct State {
    /// What was asked, if anyone wants to know.
    log: Option<Arc<Log>>,
    /// Counts for `times=`, also without a log.
    counts: Arc<Log>,
}

impl State {
    pub fn new(log: Option<Log>) -> Self {
        let log = log.map(Arc::new);
        let counts = log.clone().unwrap_or_default();
        Self { log, counts }
    }
}

/// Answers for ever.
pub async fn serve(listener: Listener, state: State) -> io::Result<()> {
    let router = Router::new().fallback(handle).with_state(state);
    axum::serve(listener, router.into_make_service_with_connect_info::<Fuse>()).await
}

async fn handle(
    Extract(state): Extract<State>,
    ConnectInfo(fuse): ConnectInfo<Fuse>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if path == "/_log" {
        return log(&state, &parts.method, parts.uri.query());
    }
    let recorder = Recorder::start(state.log.as_ref(), &parts.method, path, &parts.headers);
    let (clauses, route) = split_path(path);
    let Ok(body) = to_bytes(body, MOST_BODY_BYTES).await else {
        // The peer broke off, or sent more than anyone should.
        fuse.blow();
        return Response::new(Body::empty());
    };
    recorder.body(&body);
    let query = parts.uri.query();
    let asked = Asked { method: &parts.method, route: &route, query, headers: &parts.headers, body: &body };
    let (faults, outcome) = asked.decide(&clauses, &state.counts, &recorder);
    if let Some(delay) = faults.delay {
        sleep(delay).await;
    }
    respond(outcome, &faults, fuse, recorder)
}

fn respond(reply: Reply, faults: &Faults, fuse: Fuse, mut recorder: Recorder) -> Response<Body> {
    if faults.reset {
        recorder.end(Outcome::Reset);
        fuse.blow();
        return Response::new(Body::empty());
    }
    let mut reply = reply;
    if faults.gzip {
        reply.gzip();
    }
    if let Some((size, pace)) = faults.trickle {
        reply.trickle(size, pace);
    }
    reply.respond(faults, fuse, recorder)
}

fn log(state: &State, method: &Method, query: Option<&str>) -> Response<Body> {
    let id = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("id=")));
    let id = id.map(decode);
    if *method == Method::DELETE {
        state.counts.clear(id.as_deref());
        return Response::new(Body::from("[]"));
    }
    Response::new(Body::from(state.counts.json(id.as_deref())))
}

/// The fault clauses at the start of a path, and the rest.
fn split_path(path: &str) -> (String, String) {
    match path.strip_prefix("/f/").and_then(|rest| rest.split_once('/')) {
        Some((clauses, rest)) => (decode(clauses), format!("/{rest}")),
        None => (String::new(), path.into()),
    }
}

/// Takes percent signs out; what is not one stays.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex =
            if *first == b'%' { tail.get(..2).and_then(|two| std::str::from_utf8(two).ok()) } else { None };
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

const SSE: &str = "text/event-stream; charset=utf-8";

/// The shape of errors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    OpenAi,
    /// OpenAI's errors, and frames of their own.
    Responses,
    Anthropic,
    Bedrock,
    Cohere,
    Gemini,
    Ollama,
    WorkersAi,
}

impl Shape {
    fn of(route: &str) -> Self {
        match route {
            _ if route.starts_with("/v1/messages") => Self::Anthropic,
            _ if route.starts_with("/v1/responses") => Self::Responses,
            _ if route.starts_with("/v1beta/") || route.starts_with("/v1/projects/") => Self::Gemini,
            _ if route.starts_with("/model/") => Self::Bedrock,
            _ if route.starts_with("/v2/") => Self::Cohere,
            _ if route.starts_with("/api/") => Self::Ollama,
            _ if workers_ai::model(route).is_some() => Self::WorkersAi,
            _ => Self::OpenAi,
        }
    }

    /// What the header of an error says.
    fn error_type(self, status: u16, code: Option<&'static str>) -> Option<&'static str> {
        (self == Self::Bedrock).then(|| code.unwrap_or_else(|| bedrock::error_type(status)))
    }

    fn refusal(self, refusal: &Refusal) -> Reply {
        let body = self.error(
            refusal.status,
            &refusal.message,
            refusal.param.as_deref(),
            refusal.code.filter(|_| !matches!(self, Self::Anthropic | Self::Ollama)),
        );
        let error_type = self.error_type(refusal.status, refusal.code);
        Reply { status: refusal.status, error_type, ..reply::whole(body, &Faults::default()) }
    }

    fn error(self, status: u16, message: &str, param: Option<&str>, code: Option<&str>) -> String {
        match self {
            Self::OpenAi | Self::Responses => openai_chat::error(status, message, param, code),
            Self::Anthropic => anthropic::error(status, message, code),
            Self::Bedrock => bedrock::error(message),
            Self::Cohere => cohere::error(message),
            Self::Gemini => gemini::error(status, message, code),
            Self::Ollama => ollama::error(message),
            Self::WorkersAi => workers_ai::error(status, message, code),
        }
    }

    /// An error the request asked for.
    fn told(self, status: u16, faults: &Faults) -> String {
        let message = match faults.code.as_deref() {
            Some("context_length_exceeded") if matches!(self, Self::OpenAi | Self::Responses) => {
                "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
            }
            Some("context_length_exceeded") => match self {
                Self::Bedrock => "Input is too long for requested model.",
                Self::Cohere => {
                    "too many tokens: total number of tokens in the prompt cannot exceed 8192 - received 9000."
                }
                Self::Gemini => {
                    "The input token count (9000) exceeds the maximum number of tokens allowed (8192)."
                }
                Self::Ollama => "the input length exceeds the context length",
                Self::WorkersAi => "AiError: The input exceeded this model context window limit (8192).",
                Self::OpenAi | Self::Responses | Self::Anthropic => {
                    "prompt is too long: 9000 tokens > 8192 maximum"
                }
            },
            _ => "mock: told to fail",
        };
        let code = faults.code.as_deref();
        let code = code.filter(|code| {
            *code != "context_length_exceeded" || matches!(self, Self::OpenAi | Self::Responses)
        });
        self.error(status, message, None, code)
    }

    fn dialect(self, faults: &Faults) -> Dialect {
        match self {
            Self::OpenAi => Dialect {
                content_type: SSE,
                before: "data: ",
                error: format!("data: {}\n\n", self.told(500, faults)).into(),
                ping: ": keep-alive\n\n".into(),
                garbage: "data: {\"choices\":[{\"delta\n\n".into(),
            },
            Self::Responses => Dialect {
                content_type: SSE,
                before: "data: ",
                error: openai_responses::error_frame(&self.told(500, faults)).into(),
                ping: ": keep-alive\n\n".into(),
                garbage: "event: response.output_text.delta\ndata: {\"type\":\"response.outp\n\n".into(),
            },
            Self::Anthropic => Dialect {
                content_type: SSE,
                before: "data: ",
                error: format!("event: error\ndata: {}\n\n", self.told(529, faults)).into(),
                ping: "event: ping\ndata: {\"type\":\"ping\"}\n\n".into(),
                garbage: "event: content_block_delta\ndata: {\"type\":\"content_blo\n\n".into(),
            },
            Self::Bedrock => Dialect {
                content_type: "application/vnd.amazon.eventstream",
                before: "",
                error: bedrock::exception(
                    faults.code.as_deref().unwrap_or("internalServerException"),
                    "mock: told to fail",
                )
                .into(),
                ping: Bytes::new(),
                garbage: bedrock::damaged().into(),
            },
            Self::Cohere => Dialect {
                content_type: SSE,
                before: "data: ",
                error: "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"mock: told to fail\"}}\n\n".into(),
                ping: ": keep-alive\n\n".into(),
                garbage: "event: content-delta\ndata: {\"type\":\"content-del\n\n".into(),
            },
            Self::Gemini => Dialect {
                content_type: SSE,
                before: "data: ",
                error: format!("data: {}\r\n\r\n", self.told(503, faults)).into(),
                ping: ": keep-alive\r\n\r\n".into(),
                garbage: "data: {\"candidates\":[{\"conte\r\n\r\n".into(),
            },
            Self::Ollama => Dialect {
                content_type: "application/x-ndjson",
                before: "",
                error: format!("{}\n", self.told(500, faults)).into(),
                ping: "\n".into(),
                garbage: "{\"model\":\"m\",\"mess\n".into(),
            },
            Self::WorkersAi => Dialect {
                content_type: SSE,
                before: "data: ",
                error: format!("data: {}\n\n", self.told(500, faults)).into(),
                ping: ": keep-alive\n\n".into(),
                garbage: "data: {\"respo\n\n".into(),
            },
        }
    }
}

/// A request that has come in whole.
struct Asked<'a> {
    method: &'a Method,
    route: &'a str,
    query: Option<&'a str>,
    headers: &'a HeaderMap,
    body: &'a Bytes,
}

impl Asked<'_> {
    /// Checks the request, finds its faults and decides the answer.
    fn decide(&self, clauses: &str, counts: &Log, recorder: &Recorder) -> (Faults, Reply) {
        let shape = Shape::of(self.route);
        match self.try_decide(shape, clauses, counts, recorder) {
            Ok(decided) => decided,
            Err(refusal) => (Faults::default(), shape.refusal(&refusal)),
        }
    }

    fn try_decide(
        &self,
        shape: Shape,
        clauses: &str,
        counts: &Log,
        recorder: &Recorder,
    ) -> Result<(Faults, Reply), Refusal> {
        let fixed = Faults::parse(clauses).map_err(bad_clause)?;
        if let Some(id) = &fixed.id {
            recorder.id(id);
        }
        let faults = |prompt: &str| self.faults(&fixed, prompt, counts, recorder);
        let route = (self.method.as_str(), self.route.trim_end_matches('/'));
        match route {
            ("POST", "/v1/chat/completions") => {
                let ask = openai_chat::read(self.headers, self.body)?;
                let faults = faults(&ask.prompt)?;
                recorder.usage(&answer(&ask).usage);
                let reply = chat(&ask, &faults, shape, openai_chat::json, openai_chat::frames);
                Ok((faults, reply))
            }
            ("POST", "/v1/responses") => {
                let request = openai_responses::read(self.headers, self.body)?;
                let faults = faults(&request.ask.prompt)?;
                let whole = |_: &Ask, answer: &_, usage| openai_responses::json(&request, answer, usage);
                let frames = |_: &Ask, answer: &_, usage| openai_responses::frames(&request, answer, usage);
                let reply = chat(&request.ask, &faults, shape, whole, frames);
                Ok((faults, reply))
            }
            ("POST", "/v1/messages") => {
                let ask = anthropic::read(self.headers, self.body, anthropic::For::Message)?;
                let faults = faults(&ask.prompt)?;
                let reply = chat(&ask, &faults, shape, anthropic::json, anthropic::frames);
                Ok((faults, reply))
            }
            ("POST", "/v1/messages/count_tokens") => {
                let ask = anthropic::read(self.headers, self.body, anthropic::For::CountTokens)?;
                let faults = faults(&ask.prompt)?;
                let body = format!(r#"{{"input_tokens":{}}}"#, ask.input_tokens());
                let reply = plain(body, &faults, shape);
                Ok((faults, reply))
            }
            ("POST", "/v1/embeddings") => {
                let embed = embeddings::read(self.headers, self.body)?;
                let faults = faults(&embed.prompt)?;
                let reply = plain(embed.json(faults.floats), &faults, shape);
                Ok((faults, reply))
            }
            ("POST", path) if shape == Shape::Bedrock => {
                let Some((model, stream)) = converse(path) else { return Err(unknown_url("POST", path)) };
                let ask = bedrock::read(self.headers, &model, stream, self.body)?;
                let faults = faults(&ask.prompt)?;
                let reply = chat(&ask, &faults, shape, bedrock::json, bedrock::frames);
                Ok((faults, reply))
            }
            ("POST", "/v2/chat") => {
                let ask = cohere::read(self.headers, self.body)?;
                let faults = faults(&ask.prompt)?;
                let reply = chat(&ask, &faults, shape, cohere::json, cohere::frames);
                Ok((faults, reply))
            }
            ("POST", "/v2/embed") => {
                let (answer, text) = cohere::embed(self.headers, self.body)?;
                let faults = faults(&text)?;
                let reply = plain(answer, &faults, shape);
                Ok((faults, reply))
            }
            ("POST", "/v2/rerank") => {
                let (answer, query) = cohere::rerank(self.headers, self.body)?;
                let faults = faults(&query)?;
                let reply = plain(answer, &faults, shape);
                Ok((faults, reply))
            }
            ("POST", "/api/chat") => {
                let ask = ollama::read(self.headers, self.body)?;
                let faults = faults(&ask.prompt)?;
                let reply = chat(&ask, &faults, shape, ollama::json, ollama::frames);
                Ok((faults, reply))
            }
            ("GET", "/api/tags") => {
                let faults = faults("")?;
                let reply = plain(ollama::tags(self.headers)?, &faults, shape);
                Ok((faults, reply))
            }
            ("POST", path) if shape == Shape::WorkersAi => {
                let model = decode(workers_ai::model(path).unwrap_or_default());
                if let Some(embedded) = workers_ai::embed(self.headers, self.body) {
                    let (answer, text) = embedded?;
                    let faults = faults(&text)?;
                    let reply = plain(answer, &faults, shape);
                    return Ok((faults, reply));
                }
                let ask = workers_ai::read(self.headers, &model, self.body)?;
                let faults = faults(&ask.prompt)?;
                let reply = chat(&ask, &faults, shape, workers_ai::json, workers_ai::frames);
                Ok((faults, reply))
            }
            ("GET", path) if path == "/v1/models" || path.starts_with("/v1/models/") => {
                let id = path.strip_prefix("/v1/models/").map(decode);
                let faults = faults("")?;
                let reply = plain(models::json(self.headers, id.as_deref())?, &faults, shape);
                Ok((faults, reply))
            }
            ("POST", "/check") => {
                let (answer, text) = webhook::answer(self.headers, self.body)?;
                let faults = faults(&text)?;
                let reply = plain(answer, &faults, shape);
                Ok((faults, reply))
            }
            ("POST", path) if media::is_route(path) => {
                let Media { prompt, made } = media::answer(path, self.headers, self.body)?;
                let faults = faults(&prompt)?;
                let reply = match made {
                    Made::Events(frames) if faults.status.is_none() => {
                        reply::stream(&frames, &faults, &shape.dialect(&faults))
                    }
                    Made::Bytes(content_type, bytes) if faults.status.is_none() => {
                        Reply { content_type, ..reply::whole(bytes, &faults) }
                    }
                    Made::Json(body) => plain(body, &faults, shape),
                    Made::Events(_) | Made::Bytes(..) => plain(String::new(), &faults, shape),
                };
                Ok((faults, reply))
            }
            ("POST", path) if shape == Shape::Gemini => {
                let path = decode(path);
                if let Some(embedded) = gemini::embed(&path, self.headers, self.body) {
                    let (answer, text) = embedded?;
                    let faults = faults(&text)?;
                    let reply = plain(answer, &faults, shape);
                    return Ok((faults, reply));
                }
                let Some(route) = gemini::route(&path) else { return Err(unknown_url("POST", &path)) };
                let ask = gemini::read(&route, self.query, self.headers, self.body)?;
                let faults = faults(&ask.prompt)?;
                let reply = chat(&ask, &faults, shape, gemini::json, gemini::frames);
                Ok((faults, reply))
            }
            (method, path) => Err(unknown_url(method, path)),
        }
    }

    /// The base URL's faults, and on top of them those of the prompt; none once their `times` are over.
    fn faults(
        &self,
        fixed: &Faults,
        prompt: &str,
        counts: &Log,
        recorder: &Recorder,
    ) -> Result<Faults, Refusal> {
        let mut chosen = fixed.clone();
        let mut named = None;
        for directive in directive::all(prompt) {
            let only_for = directive.name.strip_prefix("fault@");
            if directive.name == "id" {
                recorder.id(directive.value);
                named = Some(directive.value);
            } else if directive.name == "fault" || (only_for.is_some() && only_for == fixed.id.as_deref()) {
                chosen = Faults::parse(directive.value).map_err(bad_clause)?;
                if let Some(id) = &chosen.id {
                    recorder.id(id);
                }
            }
        }
        let Some(times) = chosen.times else { return Ok(chosen) };
        // Without a name all requests would share one count, and what one test does would depend on the others.
        let Some(name) = chosen.id.as_deref().or(named) else {
            return Err(bad_clause("mock: `times` wants an `id` to count by".into()));
        };
        let over = times < counts.count(name);
        Ok(if over { Faults::default() } else { chosen })
    }
}

fn unknown_url(method: &str, path: &str) -> Refusal {
    let message = format!("Unknown request URL: {method} {path}.");
    Refusal { status: 404, message, param: None, code: Some("unknown_url") }
}

/// The model a path of Converse names, in one segment, and whether it asks for a stream.
fn converse(path: &str) -> Option<(String, bool)> {
    let (model, call) = path.strip_prefix("/model/")?.split_once('/')?;
    let stream = match call {
        "converse" => false,
        "converse-stream" => true,
        _ => return None,
    };
    (!model.is_empty()).then(|| (decode(model), stream))
}

fn bad_clause(message: String) -> Refusal {
    Refusal { status: 400, message, param: None, code: Some("mock") }
}

fn chat(
    ask: &Ask,
    faults: &Faults,
    shape: Shape,
    whole: impl Fn(&Ask, &Answer, UsageAt) -> String,
    frames: impl Fn(&Ask, &Answer, UsageAt) -> Vec<reply::Frame>,
) -> Reply {
    let answer = answer(ask);
    if faults.whole {
        return plain(whole(ask, &answer, faults.usage), faults, shape);
    }
    if ask.stream && !faults.error200 && faults.status.is_none() && faults.body.is_none() {
        return reply::stream(&frames(ask, &answer, faults.usage), faults, &shape.dialect(faults));
    }
    if ask.stream
        && faults.status.is_none()
        && let Some(bad) = faults.body
    {
        let usual = whole(ask, &answer, faults.usage);
        return reply::bad(bad, &usual, Some(&shape.dialect(faults)));
    }
    plain(whole(ask, &answer, faults.usage), faults, shape)
}

fn plain(body: String, faults: &Faults, shape: Shape) -> Reply {
    let status = faults.status.unwrap_or(200);
    let error200 = faults.error200 || matches!(faults.breaks, Some((Break::Error, _)));
    let garbage =
        matches!(faults.breaks, Some((Break::Garbage, _))).then_some(super::fault::BadBody::Malformed);
    let body = if status != 200 {
        shape.told(status, faults)
    } else if error200 {
        shape.told(500, faults)
    } else {
        body
    };
    let reply = match faults.body.or(garbage) {
        Some(bad) => reply::bad(bad, &body, None),
        None => reply::whole(body, faults),
    };
    let error_type = if status == 200 { None } else { shape.error_type(status, None) };
    Reply { status, error_type, ..reply }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_a_part_of_the_path() {
        let split = split_path("/f/status=429,ctype=text%2Fhtml/v1/models");
        assert_eq!(split, ("status=429,ctype=text/html".into(), "/v1/models".into()));
        assert_eq!(split_path("/v1/models"), (String::new(), "/v1/models".into()));
    }

    #[test]
    fn a_model_stands_in_one_segment_of_the_path() {
        assert_eq!(converse("/model/a.b%3A0/converse"), Some(("a.b:0".into(), false)));
        assert_eq!(converse("/model/arn%3Ax%2Fy/converse-stream"), Some(("arn:x/y".into(), true)));
        for wrong in ["/model//converse", "/model/a/b/converse", "/model/a/invoke", "/model/a"] {
            assert_eq!(converse(wrong), None, "{wrong}");
        }
    }
}
