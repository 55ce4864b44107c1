//! How much to think: the words of other formats in this one's. Newer models take a level, older ones a number of tokens
//! out of the answer's own limit.

use sluice_types::{
    chat::{Effort, Reasoning, Request},
    error::Failure,
};

use super::{
    dropped::Dropped,
    families::{Family, Style},
};
use crate::format::json::ObjectWriter;

/// What callers elsewhere call it.
const NAME: &str = "reasoning_effort";

/// The member `thinkingConfig`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Thinking {
    level: Option<&'static str>,
    budget: Option<i64>,
    /// Whether the thoughts are to be told.
    thoughts: bool,
}

impl Thinking {
    /// The wish of a caller of this very format, in its own words.
    pub(super) fn verbatim(reasoning: Option<Reasoning>) -> Option<Self> {
        let thoughts = Self { thoughts: true, ..Self::default() };
        Some(match reasoning? {
            Reasoning::Off => Self { budget: Some(0), ..Self::default() },
            Reasoning::Budget(tokens) => Self { budget: Some(tokens.into()), ..thoughts },
            Reasoning::Adaptive(None) => thoughts,
            Reasoning::Effort(effort) | Reasoning::Adaptive(Some(effort)) => {
                Self { level: Some(level(effort)), ..thoughts }
            }
        })
    }

    /// The wish of a caller of another format, as far as the model allows it.
    ///
    /// # Errors
    ///
    /// As [`Dropped::add`].
    pub(super) fn translate(
        request: &Request<'_>,
        family: &Family,
        dropped: &mut Dropped,
    ) -> Result<Option<Self>, Failure> {
        let Some(asked) = request.reasoning else { return Ok(None) };
        let thoughts = Self { thoughts: true, ..Self::default() };
        Ok(match (family.thinking, asked) {
            (Style::Never, Reasoning::Off) => None,
            (Style::Budget { off: true, .. }, Reasoning::Off) => {
                Some(Self { budget: Some(0), ..Self::default() })
            }
            // As little as there is, where that is almost nothing.
            (Style::Levels([Effort::Minimal, ..]), Reasoning::Off) => {
                Some(Self { level: Some(level(Effort::Minimal)), ..Self::default() })
            }
            (Style::Never, _) | (Style::Budget { .. } | Style::Levels(_), Reasoning::Off) => {
                dropped.add(NAME)?;
                None
            }
            (_, Reasoning::Adaptive(None)) => Some(thoughts),
            (Style::Budget { least, most, .. }, asked) => {
                let budget = within_limit(budget_of(asked, most), request.max_output_tokens);
                Some(Self { budget: Some(budget.min(most).max(least).into()), ..thoughts })
            }
            (Style::Levels(levels), asked) => {
                let effort = effort_of(asked);
                let known = levels.iter().rev().find(|level| **level <= effort).or(levels.first());
                Some(Self { level: known.copied().map(level), ..thoughts })
            }
        })
    }

    /// Writes the value of `thinkingConfig`.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::open(out);
        if self.thoughts {
            object.raw("includeThoughts", "true");
        }
        object.set_some("thinkingLevel", self.level.as_ref());
        object.set_some("thinkingBudget", self.budget.as_ref());
        object.close();
    }
}

/// At least a quarter of a caller's limit, which holds thoughts too, is left to the answer.
fn within_limit(budget: u32, limit: Option<u32>) -> u32 {
    limit.map_or(budget, |limit| budget.min(limit - limit / 4))
}

fn level(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal => "MINIMAL",
        Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High => "HIGH",
        Effort::XHigh | Effort::Max => "XHIGH",
    }
}

/// Tokens to think with.
fn budget_of(asked: Reasoning, most: u32) -> u32 {
    match asked {
        Reasoning::Budget(tokens) => tokens,
        Reasoning::Off => 0,
        Reasoning::Effort(effort) | Reasoning::Adaptive(Some(effort)) => match effort {
            Effort::Minimal => 512,
            Effort::Low => 1024,
            Effort::Medium => 8192,
            Effort::High => 24_576,
            Effort::XHigh | Effort::Max => most,
        },
        Reasoning::Adaptive(None) => most,
    }
}

/// The effort a wish comes to.
fn effort_of(asked: Reasoning) -> Effort {
    match asked {
        Reasoning::Effort(effort) | Reasoning::Adaptive(Some(effort)) => effort,
        Reasoning::Budget(0..=512) | Reasoning::Off => Effort::Minimal,
        Reasoning::Budget(513..=4096) => Effort::Low,
        Reasoning::Budget(4097..=12_288) => Effort::Medium,
        Reasoning::Budget(_) | Reasoning::Adaptive(None) => Effort::High,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::families::family_of, *};

    fn ask(model: &str, reasoning: Reasoning, limit: Option<u32>) -> (String, Vec<String>) {
        let request = Request { reasoning: Some(reasoning), max_output_tokens: limit, ..Request::default() };
        let mut dropped = Dropped::new(false);
        let thinking = Thinking::translate(&request, family_of(model), &mut dropped).unwrap();
        let mut out = Vec::new();
        if let Some(thinking) = thinking {
            thinking.write(&mut out);
        }
        (String::from_utf8(out).unwrap(), dropped.into_names())
    }

    #[test]
    fn an_effort_is_a_level_or_a_budget() {
        for (model, reasoning, told) in [
            (
                "gemini-3-pro",
                Reasoning::Effort(Effort::Minimal),
                r#"{"includeThoughts":true,"thinkingLevel":"LOW"}"#,
            ),
            (
                "gemini-3-pro",
                Reasoning::Effort(Effort::Medium),
                r#"{"includeThoughts":true,"thinkingLevel":"LOW"}"#,
            ),
            (
                "gemini-3-flash",
                Reasoning::Effort(Effort::Max),
                r#"{"includeThoughts":true,"thinkingLevel":"HIGH"}"#,
            ),
            (
                "gemini-3-flash",
                Reasoning::Budget(8000),
                r#"{"includeThoughts":true,"thinkingLevel":"MEDIUM"}"#,
            ),
            ("gemini-3-flash", Reasoning::Adaptive(None), r#"{"includeThoughts":true}"#),
            (
                "gemini-2.5-flash",
                Reasoning::Effort(Effort::Low),
                r#"{"includeThoughts":true,"thinkingBudget":1024}"#,
            ),
            (
                "gemini-2.5-pro",
                Reasoning::Effort(Effort::Max),
                r#"{"includeThoughts":true,"thinkingBudget":32768}"#,
            ),
            ("gemini-2.5-pro", Reasoning::Budget(5), r#"{"includeThoughts":true,"thinkingBudget":128}"#),
            (
                "gemini-2.5-flash",
                Reasoning::Budget(u32::MAX),
                r#"{"includeThoughts":true,"thinkingBudget":24576}"#,
            ),
        ] {
            assert_eq!(ask(model, reasoning, None), (told.to_owned(), vec![]), "{model} {reasoning:?}");
        }
        let told = ask("gemini-2.5-flash", Reasoning::Effort(Effort::High), Some(4000)).0;
        assert_eq!(told, r#"{"includeThoughts":true,"thinkingBudget":3000}"#);
    }

    #[test]
    fn no_thinking_is_said_where_it_can_be() {
        let off = |model| ask(model, Reasoning::Off, None);
        assert_eq!(off("gemini-2.5-flash"), (r#"{"thinkingBudget":0}"#.to_owned(), vec![]));
        assert_eq!(off("gemini-3-flash"), (r#"{"thinkingLevel":"MINIMAL"}"#.to_owned(), vec![]));
        assert_eq!(off("gemini-2.0-flash"), (String::new(), vec![]));
        for model in ["gemini-2.5-pro", "gemini-3-pro"] {
            assert_eq!(off(model), (String::new(), vec![NAME.to_owned()]), "{model}");
        }
        assert_eq!(ask("gemini-2.0-flash", Reasoning::Effort(Effort::Low), None).1, [NAME]);
    }
}
