//! How much may be put into a request, and where: as a text of the last turn that is the user's, before his own words. Every
//! format can say that, what stands before it stays the same (providers' prompt caches depend on it), and passages have no
//! more weight than what a user says.

use sluice_providers::prices::Entry;
use sluice_types::chat::{Part, Request, Role, Turn};

use crate::config::Target;

/// The window of a model that the list does not know.
const WINDOW: u64 = 16_000;

/// Tokens kept for the answer where neither the caller nor the list says how long it may be.
const ANSWER: u64 = 4_096;

/// The most tokens of passages, however wide the window is.
const MOST: u64 = 24_000;

/// Tokens that passages may have, so that the smallest window among `targets` holds them, the request (`used`) and its
/// answer. A twentieth is kept back, for tokens are estimated.
pub fn budget<'t>(targets: impl IntoIterator<Item = &'t Target>, request: &Request<'_>, used: u64) -> usize {
    let left = |entry: Option<&Entry>| {
        let window = entry.and_then(Entry::context_tokens).map_or(WINDOW, u64::from);
        let answer = match (request.max_output_tokens, entry.and_then(Entry::output_tokens)) {
            (Some(asked), _) => u64::from(asked),
            (None, Some(most)) => u64::from(most).min(ANSWER),
            (None, None) => ANSWER,
        };
        (window - window / 20).saturating_sub(used).saturating_sub(answer)
    };
    let least = targets.into_iter().map(|target| left(target.entry)).min().unwrap_or(WINDOW);
    usize::try_from(least.min(MOST)).unwrap_or(usize::MAX)
}

/// Puts `text` into `request`.
pub fn put(request: &mut Request<'_>, text: &str) {
    let part = Part::text(text.to_owned());
    let Some(turn) = request.turns.iter_mut().rev().find(|turn| turn.role == Role::User) else {
        request.turns.push(Turn {
            role: Role::User,
            name: None,
            parts: vec![part],
            extra: Default::default(),
        });
        return;
    };
    // Results of tools come first in a turn.
    let after = turn.parts.iter().rposition(|part| matches!(part, Part::ToolResult { .. }));
    turn.parts.insert(after.map_or(0, |at| at + 1), part);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(parts: Vec<Part<'static>>) -> Turn<'static> {
        Turn { role: Role::User, name: None, parts, extra: Default::default() }
    }

    #[test]
    fn passages_stand_before_the_question_and_behind_results() {
        let result =
            Part::ToolResult { call_id: "c".into(), parts: Vec::new(), is_error: false, cache: None };
        let answer = Turn { role: Role::Assistant, ..user(vec![Part::text("an answer")]) };
        for (turns, at) in [
            (vec![user(vec![Part::text("first")]), answer, user(vec![Part::text("question")])], (2, 0)),
            (vec![user(vec![result, Part::text("question")])], (0, 1)),
            (Vec::new(), (0, 0)),
        ] {
            let mut request = Request { turns, ..Request::default() };
            put(&mut request, "passages");
            assert_eq!(request.turns[at.0].parts[at.1], Part::text("passages"));
        }
    }

    #[test]
    fn the_budget_leaves_room_for_request_and_answer() {
        let request = Request { max_output_tokens: Some(1_000), ..Request::default() };
        assert_eq!(budget([], &request, 0), WINDOW as usize);
        assert_eq!(budget([], &Request::default(), 99_000), WINDOW as usize);
    }
}
