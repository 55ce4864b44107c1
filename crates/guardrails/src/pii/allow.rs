//! What is let pass although it looks like personal data.

use regex_lite::Regex;

use super::Kind;

/// Values, patterns and domains of an operator that are not personal data: its own support number, its own domain.
#[derive(Clone, Debug, Default)]
pub struct Allow {
    values: Vec<String>,
    domains: Vec<String>,
    patterns: Vec<Regex>,
}

impl Allow {
    /// Also lets exactly this value pass, whatever its case.
    #[must_use]
    pub fn value(mut self, value: &str) -> Self {
        self.values.push(value.to_lowercase());
        self
    }

    /// Also lets addresses of this domain and of those below it pass.
    #[must_use]
    pub fn domain(mut self, domain: &str) -> Self {
        self.domains.push(domain.trim_start_matches(['@', '.']).to_lowercase());
        self
    }

    /// Also lets values pass that match this pattern from end to end. Matching is linear in the value.
    ///
    /// # Errors
    ///
    /// A text that says where the pattern is wrong.
    pub fn pattern(mut self, pattern: &str) -> Result<Self, String> {
        let whole = Regex::new(&format!("^(?:{pattern})$"));
        self.patterns
            .push(whole.map_err(|error| format!("the allowed pattern {pattern:?} cannot be read: {error}"))?);
        Ok(self)
    }

    /// Whether a value found is let pass.
    pub(crate) fn allows(&self, kind: Kind, value: &str) -> bool {
        if self.values.is_empty() && self.domains.is_empty() && self.patterns.is_empty() {
            return false;
        }
        let lower = value.to_lowercase();
        let in_domain = |domain: &String| {
            let host = match kind {
                Kind::Email => lower.rsplit_once('@').map_or("", |(_, host)| host),
                Kind::Url => {
                    let rest = lower.split_once("//").map_or(lower.as_str(), |(_, rest)| rest);
                    rest.split(['/', '?', '#', ':']).next().unwrap_or("")
                }
                _ => "",
            };
            host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        self.values.contains(&lower)
            || self.domains.iter().any(in_domain)
            || self.patterns.iter().any(|pattern| pattern.is_match(value))
    }
}
