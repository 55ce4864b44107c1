//! Which stores a request names, and how they are to be searched.
//!
//! Callers name them in a tool, the same in every protocol that has tools:
//!
//! ```json
//! {"type": "file_search", "vector_store_ids": ["vs_…"], "max_num_results": 8,
//!  "filters": {"type": "eq", "key": "team", "value": "search"}, "ranking_options": {"score_threshold": 0.2}}
//! ```
//!
//! A model's own are in the configuration. No provider is sent the tool: its stores are not the tenant's.

use serde::Deserialize;
use sluice_types::{
    chat::{Request, Tool, ToolChoice},
    error::Failure,
    json::{Raw, Str},
    knowledge::Filter,
};

/// The tool's type.
const KIND: &str = "file_search";

/// What Responses' `include` asks for to have passages told with the answer.
const RESULTS: &str = "file_search_call.results";

/// The most stores of one request.
pub const MAX_STORES: usize = 8;

/// The most passages of one request.
pub const MAX_RESULTS: u32 = 50;

/// How many are searched for unless something else is said.
pub const RESULTS_USUALLY: u32 = 10;

/// What is to be done where a search fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The request fails too.
    #[default]
    Refuse,
    /// The model answers without passages.
    Answer,
}

/// A model's own stores.
#[derive(Clone, Debug, PartialEq)]
pub struct Own {
    /// By id or name.
    pub stores: Vec<String>,
    /// The most passages.
    pub max_results: u32,
    /// The least score, 0 to 1.
    pub threshold: f64,
    /// What a failing search means.
    pub on_error: OnError,
}

/// What is to be searched before a request is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// Stores that the caller names, by id.
    pub named: Vec<String>,
    /// Stores of the model's, by id or name.
    pub own: Vec<String>,
    /// The most passages.
    pub most: u32,
    /// The least score, 0 to 1.
    pub threshold: f64,
    /// Which files are looked at.
    pub filter: Option<Filter>,
    /// Who puts the results in order, as the caller says.
    pub ranker: Option<String>,
    /// Whether the caller wants the passages told.
    pub results: bool,
    /// What a failing search means.
    pub on_error: OnError,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    vector_store_ids: Vec<Str<'a>>,
    #[serde(default)]
    max_num_results: Option<u32>,
    #[serde(default)]
    filters: Option<Filter>,
    #[serde(borrow, default)]
    ranking_options: Option<Ranking<'a>>,
}

#[derive(Deserialize)]
struct Ranking<'a> {
    #[serde(default)]
    score_threshold: Option<f64>,
    #[serde(borrow, default)]
    ranker: Option<Str<'a>>,
}

/// Takes what names stores out of `request`, and adds the model's own; `None` if there are none.
///
/// # Errors
///
/// What is wrong with the tool.
pub fn take(request: &mut Request<'_>, own: Option<&Own>) -> Result<Option<Wish>, Failure> {
    let mut wish = Wish {
        named: Vec::new(),
        own: own.map(|own| own.stores.clone()).unwrap_or_default(),
        most: own.map_or(RESULTS_USUALLY, |own| own.max_results),
        threshold: own.map_or(0.0, |own| own.threshold),
        filter: None,
        ranker: None,
        results: false,
        on_error: own.map(|own| own.on_error).unwrap_or_default(),
    };
    for (at, tool) in request.tools.iter().enumerate() {
        if let Tool::Other { kind, raw } = tool
            && **kind == *KIND
        {
            wish.read(raw, at)?;
        }
    }
    let named = request.tools.len();
    request.tools.retain(|tool| !matches!(tool, Tool::Other { kind, .. } if **kind == *KIND));
    if request.tools.len() < named {
        let of_it = |choice: &ToolChoice<'_>| match choice {
            ToolChoice::Other(raw) => raw.text().contains(KIND),
            ToolChoice::Auto | ToolChoice::None | ToolChoice::Required | ToolChoice::Tool(_) => false,
        };
        if request.tools.is_empty() || request.tool_choice.as_ref().is_some_and(of_it) {
            request.tool_choice = None;
        }
        if request.tools.is_empty() {
            request.parallel_tool_calls = None;
        }
    }
    if wish.named.is_empty() && wish.own.is_empty() {
        return Ok(None);
    }
    wish.results = take_include(request);
    Ok(Some(wish))
}

impl Wish {
    fn read(&mut self, raw: &Raw<'_>, at: usize) -> Result<(), Failure> {
        let place = |member: &str| format!("tools[{at}].{member}");
        let wire: Wire<'_> = raw.read().map_err(|error| {
            let allowed = "must be {\"type\": \"file_search\", \"vector_store_ids\": [\"vs_…\"]} with, if you like, \
                           max_num_results, filters and ranking_options";
            Failure::invalid(format!("tools[{at}]"), format!("{allowed} ({error})"))
        })?;
        if wire.vector_store_ids.is_empty() {
            return Err(Failure::invalid(place("vector_store_ids"), "must name at least one vector store"));
        }
        for id in wire.vector_store_ids {
            if !self.named.iter().any(|known| *known == *id) {
                self.named.push(id.to_string());
            }
        }
        if MAX_STORES < self.named.len() {
            let most = format!("must name at most {MAX_STORES} vector stores");
            return Err(Failure::invalid(place("vector_store_ids"), most));
        }
        if let Some(most) = wire.max_num_results {
            if !(1..=MAX_RESULTS).contains(&most) {
                let allowed = format!("must be a number from 1 to {MAX_RESULTS}");
                return Err(Failure::invalid(place("max_num_results"), allowed));
            }
            self.most = most;
        }
        self.filter = wire.filters.or(self.filter.take());
        if let Some(ranking) = wire.ranking_options {
            self.ranker = ranking.ranker.map(|ranker| ranker.to_string());
            if let Some(threshold) = ranking.score_threshold {
                if !(0.0..=1.0).contains(&threshold) {
                    let place = place("ranking_options.score_threshold");
                    return Err(Failure::invalid(place, "must be a number from 0 to 1"));
                }
                self.threshold = threshold;
            }
        }
        Ok(())
    }
}

/// Takes the wish for results out of `include`: no provider knows of it.
fn take_include(request: &mut Request<'_>) -> bool {
    let Some(include) = request.extra.value("include") else { return false };
    let Ok(wanted) = include.read::<Vec<Str<'_>>>() else { return false };
    let left: Vec<&Str<'_>> = wanted.iter().filter(|name| ***name != *RESULTS).collect();
    if left.len() == wanted.len() {
        return false;
    }
    match Raw::write(&left).filter(|_| !left.is_empty()) {
        Some(raw) => request.extra.set("include", raw),
        None => {
            request.extra.take("include");
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use sluice_providers::format::Protocol;

    use super::*;

    const TOOL: &str = r#"{"type":"file_search","vector_store_ids":["vs_1","vs_2","vs_1"],"max_num_results":3,
        "filters":{"type":"eq","key":"team","value":"a"},"ranking_options":{"ranker":"auto","score_threshold":0.25}}"#;

    fn own() -> Own {
        let stores = vec!["handbook".to_owned()];
        Own { stores, max_results: 5, threshold: 0.1, on_error: OnError::Answer }
    }

    #[test]
    fn every_protocol_names_stores_alike() {
        for (protocol, body) in [
            (
                Protocol::OpenaiChat,
                r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"tool_choice":"auto","tools":[TOOL]}"#,
            ),
            (
                Protocol::OpenaiResponses,
                r#"{"model":"m","input":"hi","tool_choice":{"type":"file_search"},"include":["file_search_call.results"],"tools":[TOOL]}"#,
            ),
            (
                Protocol::AnthropicMessages,
                r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"tools":[TOOL]}"#,
            ),
        ] {
            let body = body.replace("TOOL", TOOL);
            let mut request = protocol.read_request(body.as_bytes()).unwrap();
            let wish = take(&mut request, None).unwrap().unwrap();
            assert_eq!(wish.named, ["vs_1", "vs_2"], "{protocol:?}");
            assert_eq!((wish.most, wish.threshold, wish.ranker.as_deref()), (3, 0.25, Some("auto")));
            assert!(wish.filter.is_some());
            assert_eq!(wish.results, protocol == Protocol::OpenaiResponses);
            assert!(request.tools.is_empty() && request.tool_choice.is_none());
            assert!(request.extra.value("include").is_none());
            assert!(take(&mut request, None).unwrap().is_none());
        }
    }

    #[test]
    fn a_models_own_stores_join_the_callers() {
        let mut request = Request::default();
        let wish = take(&mut request, Some(&own())).unwrap().unwrap();
        assert_eq!(
            (wish.own.as_slice(), wish.most, wish.on_error),
            (["handbook".to_owned()].as_slice(), 5, OnError::Answer)
        );
        request.tools.push(Tool::Other { kind: "file_search".into(), raw: Raw::parse(TOOL).unwrap() });
        request.tools.push(Tool::Other { kind: "web_search".into(), raw: Raw::parse("{}").unwrap() });
        let wish = take(&mut request, Some(&own())).unwrap().unwrap();
        assert_eq!((wish.named.len(), wish.own.len(), wish.most, request.tools.len()), (2, 1, 3, 1));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place() {
        for (tool, place) in [
            (r#"{"type":"file_search"}"#, "tools[0].vector_store_ids"),
            (r#"{"type":"file_search","vector_store_ids":"vs_1"}"#, "tools[0]"),
            (
                r#"{"type":"file_search","vector_store_ids":["a"],"max_num_results":0}"#,
                "tools[0].max_num_results",
            ),
            (
                r#"{"type":"file_search","vector_store_ids":["a"],"ranking_options":{"score_threshold":2}}"#,
                "tools[0].ranking_options.score_threshold",
            ),
            (r#"{"type":"file_search","vector_store_ids":["a"],"filters":{"type":"like"}}"#, "tools[0]"),
        ] {
            let mut request = Request::default();
            request.tools.push(Tool::Other { kind: "file_search".into(), raw: Raw::parse(tool).unwrap() });
            assert_eq!(take(&mut request, None).unwrap_err().param.as_deref(), Some(place), "{tool}");
        }
    }
}
