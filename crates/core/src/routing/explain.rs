//! Why a request went where it went, for the operator.

use serde::Serialize;
use sluice_types::error::Attempt;

/// What was decided, and on what grounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Explanation {
    /// The model asked.
    pub model: String,
    /// Its strategy.
    pub strategy: &'static str,
    /// Why the first target is the first.
    pub reason: String,
    /// The arm of a split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
    /// What there was to choose from, the strategy's best first, those left out at the end.
    pub candidates: Vec<Candidate>,
    /// What nested models decided.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nested: Vec<Explanation>,
}

/// One of the things there were to choose from.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Candidate {
    /// `provider/model`, or the name of a nested model.
    pub target: String,
    /// `closed`, `silent`, `open`, `half_open`, `drained`, `forbidden`: of a nested model, that of its first target.
    pub state: &'static str,
    /// Why it is not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<&'static str>,
    /// What the strategy ordered by; what that is, its reason says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// What the request is expected to cost, in dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<String>,
    /// How long the answer is expected to take, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// The share of failures in the last minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<f64>,
}

/// What a header tells: what was decided, and what came of it. A row has the latter anyway.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    decided: Explanation,
    /// Attempts that failed.
    #[serde(skip_serializing_if = "<[Attempt]>::is_empty")]
    attempts: &'a [Attempt],
    /// The target that lost a race against the one that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    raced: Option<&'a str>,
}

impl Explanation {
    /// As JSON in one line of ASCII that fits into a header, with the `attempts` that failed since and the target that lost
    /// a race: where it is too long, candidates are left out from the end, then attempts.
    pub fn header(&self, attempts: &[Attempt], raced: Option<&str>) -> String {
        let mut told = Told { decided: self.clone(), attempts, raced };
        loop {
            let json = ascii(&serde_json::to_string(&told).unwrap_or_default());
            if json.len() <= LONGEST {
                return json;
            }
            if told.decided.nested.pop().is_some() || told.decided.candidates.pop().is_some() {
                continue;
            }
            let Some((_, fewer)) = told.attempts.split_last() else { return json };
            told.attempts = fewer;
        }
    }
}

/// The longest header, in bytes: hosts and proxies take 8 KB of headers at the least.
const LONGEST: usize = 4_096;

/// Other letters escaped as JSON has them.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use sluice_types::error::ErrorKind;

    use super::*;

    #[test]
    fn a_header_is_ascii_and_not_too_long() {
        let candidate =
            Candidate { target: "house/größe🙂".to_owned(), state: "closed", ..Candidate::default() };
        let explanation =
            Explanation { model: "m".to_owned(), candidates: vec![candidate; 200], ..Explanation::default() };
        let attempt = Attempt { target: "house/m".to_owned(), kind: ErrorKind::UpstreamNetwork };
        let header = explanation.header(std::slice::from_ref(&attempt), Some("b/m"));
        assert!(header.is_ascii() && header.len() <= LONGEST);
        let read: serde_json::Value = serde_json::from_str(&header).unwrap();
        assert_eq!(read["candidates"][0]["target"], "house/größe🙂");
        assert_eq!(
            (&read["attempts"][0]["error"], &read["raced"]),
            (&"upstream_network".into(), &"b/m".into())
        );
        assert!(explanation.header(&vec![attempt; 200], None).len() <= LONGEST);
    }
}
