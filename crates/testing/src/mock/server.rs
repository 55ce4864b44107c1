//! Requests in, answers out.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State as Extract};
use axum::http::{HeaderMap, Method, Response};
use tokio::time::sleep;

use super::answer::answer;
use super::ask::Ask;
use super::check::Refusal;
use super::embeddings;
use super::fault::{Break, Faults, UsageAt};
use super::log::{Log, Outcome, Recorder};
use super::reply::{self, Dialect, Reply};
use super::socket::{Fuse, Listener};
use super::{anthropic, directive, models, ollama, openai_chat, workers_ai};

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
    let asked = Asked { method: &parts.method, route: &route, headers: &parts.headers, body: &body };
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

/// The shape of errors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    OpenAi,
    Anthropic,
    Ollama,
    WorkersAi,
}

/// What streams of server-sent events are called.
const EVENTS: &str = "text/event-stream; charset=utf-8";

impl Shape {
    fn refusal(self, refusal: &Refusal) -> Reply {
        let body = self.error(
            refusal.status,
            &refusal.message,
            refusal.param.as_deref(),
            refusal.code.filter(|_| matches!(self, Self::OpenAi | Self::WorkersAi)),
        );
        Reply { status: refusal.status, ..reply::whole(body, &Faults::default()) }
    }

    fn error(self, status: u16, message: &str, param: Option<&str>, code: Option<&str>) -> String {
        match self {
            Self::OpenAi => openai_chat::error(status, message, param, code),
            Self::Anthropic => anthropic::error(status, message, code),
            Self::Ollama => ollama::error(message),
            Self::WorkersAi => workers_ai::error(status, message, code),
        }
    }

    /// An error the request asked for.
    fn told(self, status: u16, faults: &Faults) -> String {
        let message = match faults.code.as_deref() {
            Some("context_length_exceeded") if self == Self::OpenAi => {
                "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
            }
            Some("context_length_exceeded") => match self {
                Self::Ollama => "the input length exceeds the context length",
                Self::WorkersAi => "AiError: The input exceeded this model context window limit (8192).",
                _ => "prompt is too long: 9000 tokens > 8192 maximum",
            },
            _ => "mock: told to fail",
        };
        let code = faults.code.as_deref();
        let code = code.filter(|code| self == Self::OpenAi || *code != "context_length_exceeded");
        self.error(status, message, None, code)
    }

    fn dialect(self, faults: &Faults) -> Dialect {
        match self {
            Self::OpenAi => Dialect {
                error: format!("data: {}\n\n", self.told(500, faults)),
                ping: ": keep-alive\n\n",
                garbage: "data: {\"choices\":[{\"delta\n\n",
                before: "data: ",
                content_type: EVENTS,
            },
            Self::Anthropic => Dialect {
                error: format!("event: error\ndata: {}\n\n", self.told(529, faults)),
                ping: "event: ping\ndata: {\"type\":\"ping\"}\n\n",
                garbage: "event: content_block_delta\ndata: {\"type\":\"content_blo\n\n",
                before: "data: ",
                content_type: EVENTS,
            },
            Self::Ollama => Dialect {
                error: format!("{}\n", self.told(500, faults)),
                ping: "\n",
                garbage: "{\"model\":\"m\",\"mess\n",
                before: "",
                content_type: "application/x-ndjson",
            },
            Self::WorkersAi => Dialect {
                error: format!("data: {}\n\n", self.told(500, faults)),
                ping: ": keep-alive\n\n",
                garbage: "data: {\"respo\n\n",
                before: "data: ",
                content_type: EVENTS,
            },
        }
    }
}

/// A request that has come in whole.
struct Asked<'a> {
    method: &'a Method,
    route: &'a str,
    headers: &'a HeaderMap,
    body: &'a Bytes,
}

impl Asked<'_> {
    /// Checks the request, finds its faults and decides the answer.
    fn decide(&self, clauses: &str, counts: &Log, recorder: &Recorder) -> (Faults, Reply) {
        let shape = match self.route {
            route if route.starts_with("/v1/messages") => Shape::Anthropic,
            route if route.starts_with("/api/") => Shape::Ollama,
            route if workers_ai::model(route).is_some() => Shape::WorkersAi,
            _ => Shape::OpenAi,
        };
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
                let reply = chat(&ask, &faults, shape, openai_chat::json, openai_chat::frames);
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
            (method, path) => Err(Refusal {
                status: 404,
                message: format!("Unknown request URL: {method} {path}."),
                param: None,
                code: Some("unknown_url"),
            }),
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
        for directive in directive::all(prompt) {
            let only_for = directive.name.strip_prefix("fault@");
            if directive.name == "id" {
                recorder.id(directive.value);
            } else if directive.name == "fault" || (only_for.is_some() && only_for == fixed.id.as_deref()) {
                chosen = Faults::parse(directive.value).map_err(bad_clause)?;
                if let Some(id) = &chosen.id {
                    recorder.id(id);
                }
            }
        }
        let Some(times) = chosen.times else { return Ok(chosen) };
        let name = chosen.id.as_deref().unwrap_or_default();
        let over = times < counts.count(name);
        Ok(if over { Faults::default() } else { chosen })
    }
}

fn bad_clause(message: String) -> Refusal {
    Refusal { status: 400, message, param: None, code: Some("mock") }
}

type Whole = fn(&Ask, &super::answer::Answer, UsageAt) -> String;
type Frames = fn(&Ask, &super::answer::Answer, UsageAt) -> Vec<reply::Frame>;

fn chat(ask: &Ask, faults: &Faults, shape: Shape, whole: Whole, frames: Frames) -> Reply {
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
    Reply { status, ..reply }
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
}
