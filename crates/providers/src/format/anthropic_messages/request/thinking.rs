//! How much to think: the words of other formats in this one's, as data by family of models.
//!
//! Callers elsewhere ask for an effort. Newer models take one (`adaptive`), older ones a number of tokens out of the
//! answer's own limit (`enabled`). Where the format forbids a combination, the weaker wish gives way and is named.

use sluice_types::{
    chat::{Effort, Reasoning, Request, ToolChoice},
    error::Failure,
};

use super::{dropped::Dropped, options::write_effort};

/// What a family of models takes.
#[derive(Debug)]
pub(in crate::format) struct Family {
    /// A model belongs here if its name holds this, `.` read as `-`.
    name: &'static str,
    style: Style,
    /// The efforts it knows, smallest first.
    efforts: &'static [Effort],
    /// What it takes of temperature, top_p and top_k.
    pub(in crate::format) sampling: Sampling,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// It does not think.
    Never,
    /// By a number of tokens.
    Budget,
    /// By effort, if asked.
    Adaptive,
    /// By effort, and it cannot be told not to.
    Always,
}

/// What a family takes of temperature, top_p and top_k.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum Sampling {
    /// All.
    Any,
    /// Temperature or top_p, not both.
    One,
    /// None of them: each is an error.
    None,
}

const fn family(name: &'static str, style: Style, efforts: &'static [Effort], sampling: Sampling) -> Family {
    Family { name, style, efforts, sampling }
}

/// The efforts of today's models.
const ALL: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max];
/// Those of the first models that had any.
const EARLY: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::Max];
/// Those that every such model has.
const COMMON: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High];
const NO: &[Effort] = &[];

/// The families; the first that fits counts. From Anthropic's guides as of 2026-07, not tried against live models.
const FAMILIES: &[Family] = &[
    family("fable", Style::Always, ALL, Sampling::None),
    family("mythos", Style::Always, ALL, Sampling::None),
    family("opus-5", Style::Adaptive, ALL, Sampling::None),
    family("sonnet-5", Style::Adaptive, ALL, Sampling::None),
    family("haiku-5", Style::Adaptive, ALL, Sampling::None),
    family("opus-4-8", Style::Adaptive, ALL, Sampling::None),
    family("opus-4-7", Style::Adaptive, ALL, Sampling::None),
    family("opus-4-6", Style::Adaptive, EARLY, Sampling::One),
    family("sonnet-4-6", Style::Adaptive, EARLY, Sampling::One),
    family("opus-4-5", Style::Budget, NO, Sampling::One),
    family("sonnet-4-5", Style::Budget, NO, Sampling::One),
    family("haiku-4-5", Style::Budget, NO, Sampling::One),
    family("opus-4-1", Style::Budget, NO, Sampling::One),
    family("opus-4", Style::Budget, NO, Sampling::Any),
    family("sonnet-4", Style::Budget, NO, Sampling::Any),
    family("claude-3-7", Style::Budget, NO, Sampling::Any),
    family("claude-3", Style::Never, NO, Sampling::Any),
    family("claude-2", Style::Never, NO, Sampling::Any),
    // A model newer than this table: newer ones are told an effort.
    family("claude", Style::Adaptive, COMMON, Sampling::Any),
    // Other makers' models behind this format.
    family("", Style::Budget, NO, Sampling::Any),
];

/// The family `model` belongs to.
pub(in crate::format) fn family_of(model: &str) -> &'static Family {
    const LAST: Family = family("", Style::Budget, NO, Sampling::Any);
    let name = model.to_ascii_lowercase().replace('.', "-");
    FAMILIES.iter().find(|family| name.contains(family.name)).unwrap_or(&LAST)
}

impl Family {
    /// The greatest effort it knows that is no greater than the one asked for.
    fn effort(&self, asked: Effort) -> Option<Effort> {
        self.efforts.iter().rev().find(|effort| **effort <= asked).or(self.efforts.first()).copied()
    }
}

/// Tokens to think with, by effort. The greatest leaves every model of the table room to answer.
fn budget_of(effort: Effort) -> u32 {
    match effort {
        Effort::Minimal => 1024,
        Effort::Low => 2048,
        Effort::Medium => 8192,
        Effort::High => 16_384,
        Effort::XHigh | Effort::Max => 24_576,
    }
}

/// The effort a number of tokens comes to.
fn effort_of(budget: u32) -> Effort {
    match budget {
        0..=4096 => Effort::Low,
        4097..=12_288 => Effort::Medium,
        12_289..=20_480 => Effort::High,
        _ => Effort::XHigh,
    }
}

/// The least a provider accepts as a budget.
const LEAST_BUDGET: u32 = 1024;

/// The limit of an answer where neither the caller nor the configuration gives one.
const DEFAULT_MAX_TOKENS: u32 = 4096;

/// What is sent about thinking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::format) struct Thinking {
    /// The member `thinking`.
    pub(in crate::format) mode: Option<Mode>,
    /// The member `output_config.effort`.
    pub(in crate::format) effort: Option<&'static str>,
    /// The member `max_tokens`.
    pub(in crate::format) max_tokens: u32,
}

/// The member `thinking`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum Mode {
    Enabled(u32),
    Adaptive,
    Disabled,
}

impl Thinking {
    /// Whether the model is asked to think.
    pub(in crate::format) fn is_on(&self) -> bool {
        matches!(self.mode, Some(Mode::Enabled(_) | Mode::Adaptive))
    }

    /// The wish of a caller of this very format, in its own words.
    pub(super) fn verbatim(request: &Request<'_>, default_max_tokens: Option<u32>) -> Self {
        let (mode, effort) = match request.reasoning {
            None => (None, None),
            Some(Reasoning::Off) => (Some(Mode::Disabled), None),
            Some(Reasoning::Budget(tokens)) => (Some(Mode::Enabled(tokens)), None),
            Some(Reasoning::Adaptive(effort)) => (Some(Mode::Adaptive), effort),
            Some(Reasoning::Effort(effort)) => (None, Some(effort)),
        };
        let max_tokens = request.max_output_tokens.or(default_max_tokens).unwrap_or(DEFAULT_MAX_TOKENS);
        Self { mode, effort: effort.map(write_effort), max_tokens }
    }

    /// The wish of a caller of another format, as far as the model and the rest of the request allow it.
    ///
    /// `resumes_without_thought` says that the model is in the middle of using tools and its calls carry no thought:
    /// with a budget, the provider refuses to go on from there.
    ///
    /// # Errors
    ///
    /// As [`Dropped::add`].
    pub(in crate::format) fn translate(
        request: &Request<'_>,
        family: &Family,
        default_max_tokens: Option<u32>,
        resumes_without_thought: bool,
        dropped: &mut Dropped,
    ) -> Result<Self, Failure> {
        let asked = request.max_output_tokens;
        let silent = Self {
            mode: None,
            effort: None,
            max_tokens: asked.or(default_max_tokens).unwrap_or(DEFAULT_MAX_TOKENS),
        };
        let (effort, budget) = match request.reasoning {
            None => return Ok(silent),
            Some(Reasoning::Off) => {
                dropped.add_if(family.style == Style::Always, NAME)?;
                let mode = matches!(family.style, Style::Budget | Style::Adaptive).then_some(Mode::Disabled);
                return Ok(Self { mode, ..silent });
            }
            Some(Reasoning::Effort(effort)) => (effort, budget_of(effort)),
            Some(Reasoning::Adaptive(effort)) => {
                let effort = effort.unwrap_or(Effort::High);
                (effort, budget_of(effort))
            }
            Some(Reasoning::Budget(tokens)) => (effort_of(tokens), tokens.max(LEAST_BUDGET)),
        };
        // A call that must be made is worth more than a thought before it.
        let forced = matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Tool(_)));
        if forced && !request.tools.is_empty() || family.style == Style::Never {
            dropped.add(NAME)?;
            return Ok(silent);
        }
        // The limit holds thoughts and answer: without a caller's limit, the answer keeps its room beside the thoughts.
        let max_tokens = match asked {
            Some(max_tokens) => max_tokens,
            None => silent.max_tokens.max(budget.saturating_add(DEFAULT_MAX_TOKENS)),
        };
        if family.style != Style::Budget {
            let effort = family.effort(effort).map(write_effort);
            return Ok(Self { mode: Some(Mode::Adaptive), effort, max_tokens });
        }
        // At least a quarter of a caller's limit is left to the answer.
        let budget = if asked.is_some() { budget.min(max_tokens - max_tokens / 4) } else { budget };
        if budget < LEAST_BUDGET || resumes_without_thought {
            dropped.add(NAME)?;
            return Ok(silent);
        }
        Ok(Self { mode: Some(Mode::Enabled(budget)), effort: None, max_tokens })
    }
}

/// What callers elsewhere call it.
const NAME: &str = "reasoning_effort";

#[cfg(test)]
mod tests {
    use sluice_types::chat::Tool;

    use super::*;

    fn ask(model: &str, reasoning: Reasoning, max_tokens: Option<u32>) -> (Thinking, Vec<String>) {
        let request =
            Request { reasoning: Some(reasoning), max_output_tokens: max_tokens, ..Request::default() };
        translate(model, &request)
    }

    fn translate(model: &str, request: &Request<'_>) -> (Thinking, Vec<String>) {
        let mut dropped = Dropped::new(false);
        let thinking = Thinking::translate(request, family_of(model), None, false, &mut dropped).unwrap();
        (thinking, dropped.into_names())
    }

    #[test]
    fn models_are_told_apart_by_any_spelling_of_their_name() {
        for (model, style) in [
            ("claude-opus-4-7", Style::Adaptive),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Style::Budget),
            ("anthropic/claude-opus-4.6", Style::Adaptive),
            ("claude-opus-4-20250514", Style::Budget),
            ("claude-3-5-sonnet@20240620", Style::Never),
            ("claude-3-7-sonnet-latest", Style::Budget),
            ("claude-fable-5", Style::Always),
            ("claude-nova-9", Style::Adaptive),
            ("kimi-k2", Style::Budget),
        ] {
            assert_eq!(family_of(model).style, style, "{model}");
        }
    }

    #[test]
    fn an_effort_is_an_effort_or_a_budget() {
        let (thinking, _) = ask("claude-opus-4-8", Reasoning::Effort(Effort::XHigh), None);
        assert_eq!((thinking.mode, thinking.effort), (Some(Mode::Adaptive), Some("xhigh")));
        for (effort, told) in [(Effort::Minimal, "low"), (Effort::XHigh, "high"), (Effort::Max, "max")] {
            assert_eq!(ask("claude-opus-4-6", Reasoning::Effort(effort), None).0.effort, Some(told));
        }
        let (thinking, _) = ask("claude-haiku-4-5", Reasoning::Effort(Effort::Medium), None);
        assert_eq!((thinking.mode, thinking.effort), (Some(Mode::Enabled(8192)), None));
        assert_eq!(thinking.max_tokens, 8192 + 4096);
        let (thinking, _) = ask("claude-haiku-4-5", Reasoning::Effort(Effort::Max), None);
        assert_eq!((thinking.mode, thinking.max_tokens), (Some(Mode::Enabled(24_576)), 24_576 + 4096));
    }

    #[test]
    fn a_budget_fits_the_callers_limit_or_gives_way() {
        let (thinking, dropped) = ask("claude-haiku-4-5", Reasoning::Effort(Effort::High), Some(4000));
        assert_eq!((thinking.mode, thinking.max_tokens), (Some(Mode::Enabled(3000)), 4000));
        assert!(dropped.is_empty());
        let (thinking, dropped) = ask("claude-haiku-4-5", Reasoning::Effort(Effort::High), Some(1300));
        assert_eq!((thinking.mode, thinking.max_tokens), (None, 1300));
        assert_eq!(dropped, [NAME]);
    }

    #[test]
    fn a_forced_tool_beats_thinking() {
        let tool = Tool::Function {
            name: "f".into(),
            description: None,
            parameters: None,
            strict: None,
            cache: None,
        };
        let request = Request {
            reasoning: Some(Reasoning::Effort(Effort::Low)),
            tools: vec![tool],
            tool_choice: Some(ToolChoice::Required),
            ..Request::default()
        };
        let (thinking, dropped) = translate("claude-opus-4-8", &request);
        assert!(!thinking.is_on());
        assert_eq!(dropped, [NAME]);
    }

    #[test]
    fn no_thinking_is_said_where_it_can_be() {
        assert_eq!(ask("claude-opus-4-8", Reasoning::Off, None).0.mode, Some(Mode::Disabled));
        assert_eq!(
            ask("claude-3-5-haiku", Reasoning::Off, None),
            (Thinking { max_tokens: 4096, ..Thinking::default() }, vec![])
        );
        assert_eq!(ask("claude-fable-5", Reasoning::Off, None).1, [NAME]);
    }

    #[test]
    fn tools_in_use_without_a_thought_go_on_without_one() {
        let request = Request { reasoning: Some(Reasoning::Effort(Effort::Low)), ..Request::default() };
        let mut dropped = Dropped::new(false);
        let family = family_of("claude-haiku-4-5");
        let thinking = Thinking::translate(&request, family, None, true, &mut dropped).unwrap();
        assert_eq!((thinking.mode, dropped.into_names()), (None, vec![NAME.to_owned()]));
    }
}
