//! Ids for calls that came without one. They say that they are made up, so that a provider who gave none gets none back.

const MADE_UP: &str = "call_gemini_";

/// The id of a call in a provider's answer: the same for the same answer, and another for the next.
pub(super) fn in_answer(answer_id: &str, choice: u32, index: u32) -> String {
    let letters: Vec<char> = answer_id.chars().filter(char::is_ascii_alphanumeric).collect();
    let tail: String = letters.iter().skip(letters.len().saturating_sub(16)).collect();
    let separator = if tail.is_empty() { "" } else { "_" };
    match choice {
        0 => format!("{MADE_UP}{tail}{separator}{index}"),
        _ => format!("{MADE_UP}{tail}{separator}{choice}_{index}"),
    }
}

/// The id of a call in a caller's request, by its place among the calls of a content: the same
/// when the conversation has grown, or lost its thoughts.
pub(super) fn in_request(content: usize, nth: usize) -> String {
    format!("{MADE_UP}at_{content}_{nth}")
}

/// Whether an id was made up here.
pub(super) fn is_made_up(id: &str) -> bool {
    id.starts_with(MADE_UP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_by_answer_choice_and_place() {
        let ids = [
            in_answer("r-1", 0, 0),
            in_answer("r-1", 0, 1),
            in_answer("r-1", 1, 0),
            in_answer("r-2", 0, 0),
            in_answer("", 0, 0),
            in_request(0, 0),
        ];
        for (i, id) in ids.iter().enumerate() {
            assert!(is_made_up(id) && !ids[..i].contains(id), "{id}");
        }
        assert!(!is_made_up("f1"));
    }
}
