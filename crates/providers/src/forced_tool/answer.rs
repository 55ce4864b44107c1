//! The way back: the forced call's arguments become the answer's text.

use sluice_types::{
    answer::{Answer, Choice, Finish, FinishReason},
    chat::Part,
    event::{Delta, Event},
    json::Str,
};

use super::{Forced, strip::Strip};

impl Forced {
    /// The answer without the forced call: its arguments are the text, and the model was done. What else the model said
    /// beside the call is left out, for the text would be no JSON with it; calls of the caller's tools stay.
    pub fn unwrap_answer<'a>(&self, mut answer: Answer<'a>) -> Answer<'a> {
        for choice in &mut answer.choices {
            self.unwrap_choice(choice);
        }
        answer
    }

    fn unwrap_choice(&self, choice: &mut Choice<'_>) {
        let is_forced = |part: &Part<'_>| matches!(part, Part::ToolCall { name, .. } if *name == *self.name);
        if !choice.parts.iter().any(is_forced) {
            return;
        }
        let mut answered = false;
        choice.parts.retain(|part| match part {
            Part::Text { .. } => false,
            part if is_forced(part) => !std::mem::replace(&mut answered, true),
            _ => true,
        });
        for part in &mut choice.parts {
            if is_forced(part)
                && let Part::ToolCall { arguments, .. } = part
            {
                *part = Part::text(self.text(std::mem::take(arguments)));
            }
        }
        let calls = choice.parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
        done(&mut choice.finish, calls);
    }

    /// The text that a call's arguments are.
    fn text<'a>(&self, arguments: Str<'a>) -> Str<'a> {
        if !self.wrapped {
            return if arguments.is_empty() { "{}".into() } else { arguments };
        }
        let (mut strip, mut text) = (Strip::default(), String::new());
        strip.push(&arguments, &mut |piece| text.push_str(piece));
        if text.is_empty() { arguments } else { text.into() }
    }
}

/// A model that has answered does not wait for its tool, unless it called others, too.
fn done(finish: &mut Finish<'_>, calls: bool) {
    if finish.reason == FinishReason::ToolCalls && !calls {
        *finish = Finish::plain(FinishReason::Stop);
    }
}

/// The same for a stream. Nothing is held back: what comes is handed on at once, also what the model says before it
/// calls.
#[derive(Debug)]
pub struct Unwrap {
    forced: Forced,
    choices: Vec<State>,
}

/// What one answer has said so far.
#[derive(Debug, Default)]
struct State {
    choice: u32,
    /// The indices of calls of the forced tool; the first is the answer.
    forced: Vec<u32>,
    /// How many calls of the caller's tools there are.
    calls: u32,
    /// Whether any of the answer has come.
    said: bool,
    strip: Strip,
}

impl Unwrap {
    /// A filter at the start of a stream.
    pub fn new(forced: Forced) -> Self {
        Self { forced, choices: Vec::new() }
    }

    /// Tells `emit` what `event` is to the caller.
    pub fn event(&mut self, event: Event<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        match event {
            Event::Delta { choice, delta: Delta::ToolCall { index, id, name } } => {
                let is_forced = *name == *self.forced.name;
                let Some(state) = self.state(choice) else { return };
                if is_forced {
                    state.forced.push(index);
                    return;
                }
                state.calls += 1;
                let index = state.index(index);
                emit(Event::Delta { choice, delta: Delta::ToolCall { index, id, name } });
            }
            Event::Delta { choice, delta: Delta::Arguments { index, json } } => {
                self.arguments(choice, index, json, emit);
            }
            Event::Finish { choice, mut finish } => {
                let wrapped = self.forced.wrapped;
                if let Some(state) = self.state(choice).filter(|state| !state.forced.is_empty()) {
                    done(&mut finish, state.calls != 0);
                    if !wrapped && !state.said && finish.reason == FinishReason::Stop {
                        state.said = true;
                        emit(Event::Delta { choice, delta: Delta::Text("{}".into()) });
                    }
                }
                emit(Event::Finish { choice, finish });
            }
            event => emit(event),
        }
    }

    fn arguments(&mut self, choice: u32, index: u32, json: Str<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let wrapped = self.forced.wrapped;
        let Some(state) = self.state(choice) else { return };
        if !state.forced.contains(&index) {
            let index = state.index(index);
            return emit(Event::Delta { choice, delta: Delta::Arguments { index, json } });
        }
        if state.forced.first() != Some(&index) || json.is_empty() {
            return;
        }
        let said = &mut state.said;
        let mut tell = |text: Str<'_>| {
            *said = true;
            emit(Event::Delta { choice, delta: Delta::Text(text) });
        };
        if wrapped {
            state.strip.push(&json, &mut |text| tell(text.into()));
        } else {
            tell(json);
        }
    }

    fn state(&mut self, choice: u32) -> Option<&mut State> {
        let at = self.choices.iter().position(|state| state.choice == choice).unwrap_or_else(|| {
            self.choices.push(State { choice, ..State::default() });
            self.choices.len() - 1
        });
        self.choices.get_mut(at)
    }
}

impl State {
    /// The index of a caller's call among the caller's calls.
    fn index(&self, index: u32) -> u32 {
        let before = self.forced.iter().filter(|forced| **forced < index).count();
        index.saturating_sub(u32::try_from(before).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use sluice_types::json::Members;

    use super::*;

    fn forced(wrapped: bool) -> Forced {
        Forced { name: "answer_in_json".to_owned(), wrapped }
    }

    fn call(name: &'static str, arguments: &'static str) -> Part<'static> {
        let extra = Members::default();
        Part::ToolCall { id: "c".into(), name: name.into(), arguments: arguments.into(), extra, cache: None }
    }

    fn text(text: &'static str) -> Part<'static> {
        Part::text(text)
    }

    fn unwrapped(
        wrapped: bool,
        parts: Vec<Part<'static>>,
        reason: FinishReason,
    ) -> (Vec<Part<'static>>, FinishReason) {
        let finish = Finish { raw: Some("tool_use".into()), ..Finish::plain(reason) };
        let choice = Choice { index: 0, parts, finish, extra: Members::default() };
        let answer = Answer { choices: vec![choice], ..Answer::default() };
        let choice = forced(wrapped).unwrap_answer(answer).choices.remove(0);
        (choice.parts, choice.finish.reason)
    }

    #[test]
    fn the_forced_call_is_the_answer() {
        let (parts, reason) = unwrapped(
            false,
            vec![text("Here:"), call("answer_in_json", r#"{"a": 1.0}"#), call("answer_in_json", "{}")],
            FinishReason::ToolCalls,
        );
        assert_eq!((parts, reason), (vec![text(r#"{"a": 1.0}"#)], FinishReason::Stop));
        let (parts, reason) =
            unwrapped(true, vec![call("answer_in_json", r#"{"answer":[1"#)], FinishReason::Length);
        assert_eq!((parts, reason), (vec![text("[1")], FinishReason::Length));
        let (parts, _) = unwrapped(false, vec![call("answer_in_json", "")], FinishReason::ToolCalls);
        assert_eq!(parts, [text("{}")]);
    }

    #[test]
    fn a_callers_call_stays_and_is_waited_for() {
        let (parts, reason) =
            unwrapped(false, vec![text("I look."), call("lookup", "{}")], FinishReason::ToolCalls);
        assert_eq!((parts.len(), reason), (2, FinishReason::ToolCalls));
        let (parts, reason) = unwrapped(
            false,
            vec![call("answer_in_json", "{}"), call("lookup", "{}")],
            FinishReason::ToolCalls,
        );
        assert_eq!((parts.len(), reason), (2, FinishReason::ToolCalls));
    }

    /// What becomes of a stream's deltas, in short.
    fn streamed(wrapped: bool, deltas: Vec<Delta<'static>>) -> Vec<String> {
        let mut filter = Unwrap::new(forced(wrapped));
        let mut told = Vec::new();
        let mut emit = |event: Event<'_>| {
            told.push(match event {
                Event::Delta { delta: Delta::Text(text), .. } => format!("text {text}"),
                Event::Delta { delta: Delta::ToolCall { index, name, .. }, .. } => {
                    format!("call {index} {name}")
                }
                Event::Delta { delta: Delta::Arguments { index, json }, .. } => {
                    format!("arguments {index} {json}")
                }
                Event::Finish { finish, .. } => format!("{:?}", finish.reason),
                other => format!("{other:?}"),
            });
        };
        for delta in deltas {
            filter.event(Event::Delta { choice: 0, delta }, &mut emit);
        }
        let finish = Finish::plain(FinishReason::ToolCalls);
        filter.event(Event::Finish { choice: 0, finish }, &mut emit);
        told
    }

    fn begun(index: u32, name: &'static str) -> Delta<'static> {
        Delta::ToolCall { index, id: "c".into(), name: name.into() }
    }

    fn more(index: u32, json: &'static str) -> Delta<'static> {
        Delta::Arguments { index, json: json.into() }
    }

    #[test]
    fn arguments_become_text_as_they_come() {
        let told = streamed(false, vec![begun(0, "answer_in_json"), more(0, "{\"a\":"), more(0, "1}")]);
        assert_eq!(told, ["text {\"a\":", "text 1}", "Stop"]);
        let told = streamed(
            true,
            vec![begun(0, "answer_in_json"), more(0, "{\"answ"), more(0, "er\":[1,"), more(0, "2]}")],
        );
        assert_eq!(told, ["text [1,", "text 2]", "Stop"]);
        assert_eq!(streamed(false, vec![begun(0, "answer_in_json")]), ["text {}", "Stop"]);
    }

    #[test]
    fn a_callers_calls_are_counted_without_the_forced_one() {
        let told = streamed(
            false,
            vec![
                begun(0, "lookup"),
                more(0, "{}"),
                begun(1, "answer_in_json"),
                more(1, "{\"a\":1}"),
                begun(2, "now"),
                more(2, "{}"),
            ],
        );
        assert_eq!(
            told,
            [
                "call 0 lookup",
                "arguments 0 {}",
                "text {\"a\":1}",
                "call 1 now",
                "arguments 1 {}",
                "ToolCalls"
            ]
        );
    }
}
