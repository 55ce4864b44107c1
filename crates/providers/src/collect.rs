//! A streamed answer gathered into a whole one, for a store: the inverse of [`replay`](crate::replay).

use std::borrow::Cow;

use crate::format::cite;

use sluice_types::{
    answer::{Answer, Choice, Finish, FinishReason},
    chat::Part,
    citation::Citation,
    event::{Delta, Event},
    json::{Members, Str},
};

/// An answer as far as it has come.
#[derive(Debug, Default)]
pub struct Collector {
    answer: Answer<'static>,
    /// Choices that have ended.
    finished: usize,
    /// Bytes of what was said.
    bytes: usize,
    /// Bytes beyond which nothing is kept.
    limit: usize,
}

impl Collector {
    /// An empty one that gives up on answers of more than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Takes one step of the stream.
    pub fn event(&mut self, event: &Event<'_>) {
        if self.limit < self.bytes {
            return;
        }
        match event {
            Event::Start { id, model, created } => {
                self.answer.id = id.clone().into_owned();
                self.answer.model = model.clone().into_owned();
                self.answer.created = *created;
            }
            Event::Delta { choice, delta } => {
                self.bytes += length(delta);
                if self.limit < self.bytes {
                    self.answer.choices = Vec::new();
                } else {
                    add(&mut self.choice(*choice).parts, delta);
                }
            }
            Event::Finish { choice, finish } => {
                self.choice(*choice).finish = finish.clone().into_owned();
                self.finished += 1;
            }
            Event::Usage(usage) => self.answer.usage = Some(*usage),
            Event::End | Event::Failed(_) => {}
        }
    }

    /// The answer; `None` if it was too large, or has not come to its end.
    pub fn answer(self) -> Option<Answer<'static>> {
        let whole = !self.answer.choices.is_empty() && self.answer.choices.len() == self.finished;
        (whole && self.bytes <= self.limit).then_some(self.answer)
    }

    fn choice(&mut self, index: u32) -> &mut Choice<'static> {
        let choices = &mut self.answer.choices;
        let at = match choices.binary_search_by_key(&index, |choice| choice.index) {
            Ok(at) => at,
            Err(at) => {
                let (parts, finish) = (Vec::new(), Finish::plain(FinishReason::Stop));
                choices.insert(at, Choice { index, parts, finish, extra: Members::default() });
                at
            }
        };
        #[expect(clippy::indexing_slicing, reason = "found or put there just now")]
        &mut choices[at]
    }
}

fn length(delta: &Delta<'_>) -> usize {
    match delta {
        Delta::Text(text)
        | Delta::Reasoning(text)
        | Delta::Signature(text)
        | Delta::RedactedReasoning(text)
        | Delta::Refusal(text)
        | Delta::Arguments { json: text, .. } => text.len(),
        Delta::ToolCall { id, name, .. } => id.len() + name.len(),
        Delta::Citation(citation) => citation.quote.as_deref().map_or(0, str::len) + 64,
    }
}

fn owned(text: &Str<'_>) -> Str<'static> {
    text.clone().into_owned()
}

fn push(to: &mut Str<'static>, more: &str) {
    Cow::to_mut(&mut to.0).push_str(more);
}

/// Adds `delta` to the part that it goes on with, or begins another.
fn add(parts: &mut Vec<Part<'static>>, delta: &Delta<'_>) {
    let begun = match (delta, parts.last_mut()) {
        (Delta::Text(more), Some(Part::Text { text, .. }))
        | (Delta::Refusal(more), Some(Part::Refusal { text }))
        | (Delta::Reasoning(more), Some(Part::Reasoning { text, signature: None })) => {
            return push(text, more);
        }
        (Delta::Signature(seal), Some(Part::Reasoning { signature: open @ None, .. })) => {
            *open = Some(owned(seal));
            return;
        }
        (Delta::Arguments { index, json }, _) => {
            let calls = parts.iter_mut().filter_map(|part| match part {
                Part::ToolCall { arguments, .. } => Some(arguments),
                _ => None,
            });
            let at = usize::try_from(*index).unwrap_or(usize::MAX);
            if let Some(arguments) = { calls }.nth(at) {
                push(arguments, json);
            }
            return;
        }
        (Delta::Citation(citation), _) => {
            // Beside no text there is nothing to cite.
            let _ = cite::attach(parts, Citation::clone(citation).into_owned());
            return;
        }
        (Delta::Text(text), _) => Part::text(owned(text)),
        (Delta::Refusal(text), _) => Part::Refusal { text: owned(text) },
        (Delta::Reasoning(text), _) => Part::Reasoning { text: owned(text), signature: None },
        (Delta::Signature(seal), _) => Part::Reasoning { text: Str::default(), signature: Some(owned(seal)) },
        (Delta::RedactedReasoning(data), _) => Part::RedactedReasoning { data: owned(data) },
        (Delta::ToolCall { id, name, .. }, _) => Part::ToolCall {
            id: owned(id),
            name: owned(name),
            arguments: Str::default(),
            extra: Members::default(),
            cache: None,
        },
    };
    parts.push(begun);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay;

    fn answer() -> Answer<'static> {
        let text = |text: &'static str| Part::text(text);
        let call = |id: &'static str, arguments: &'static str| Part::ToolCall {
            id: id.into(),
            name: "look_up".into(),
            arguments: arguments.into(),
            extra: Members::default(),
            cache: None,
        };
        let thought = |text: &'static str, seal: Option<&'static str>| Part::Reasoning {
            text: text.into(),
            signature: seal.map(Str::from),
        };
        let choice = |index, parts, reason| Choice {
            index,
            parts,
            finish: Finish::plain(reason),
            extra: Members::default(),
        };
        Answer {
            id: "a1".into(),
            model: "m".into(),
            created: Some(7),
            choices: vec![
                choice(
                    0,
                    vec![
                        thought("First this.", Some("seal")),
                        thought("Then that.", None),
                        text("It is a longer text, told in several pieces of some words each."),
                        call("c1", "{\"a\": 1}"),
                        call("c2", ""),
                        call("c3", "{}"),
                    ],
                    FinishReason::ToolCalls,
                ),
                choice(1, vec![Part::Refusal { text: "No.".into() }], FinishReason::ContentFilter),
            ],
            usage: None,
            extra: Members::default(),
        }
    }

    #[test]
    fn what_is_told_as_a_stream_is_gathered_again() {
        let mut collector = Collector::new(10_000);
        replay::events(&answer(), &mut |event| collector.event(&event));
        assert_eq!(collector.answer(), Some(answer()));
    }

    #[test]
    fn an_answer_without_its_end_is_none() {
        let mut collector = Collector::new(10_000);
        replay::events(&answer(), &mut |event| {
            if !matches!(event, Event::Finish { choice: 1, .. }) {
                collector.event(&event);
            }
        });
        assert_eq!(collector.answer(), None);
    }

    #[test]
    fn an_answer_that_is_too_large_is_none() {
        let mut collector = Collector::new(20);
        replay::events(&answer(), &mut |event| collector.event(&event));
        assert_eq!(collector.answer(), None);
    }

    #[test]
    fn an_answer_is_stored_and_read_as_it_was() {
        let text = serde_json::to_string(&answer()).unwrap();
        assert_eq!(serde_json::from_str::<Answer<'_>>(&text).unwrap(), answer());
    }
}
