//! "Did you mean …?"

/// The name closest to `wrong` among `known`, if one is close enough to be a slip of the fingers.
pub fn closest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = match wrong.chars().count() {
        0..=2 => return None,
        3..=7 => 1,
        8..=11 => 2,
        _ => 3,
    };
    known
        .into_iter()
        .map(|name| (distance(&wrong.to_lowercase(), &name.to_lowercase()), name))
        .filter(|&(distance, _)| distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// `; did you mean x?`, or nothing.
pub fn hint<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    closest(wrong, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// How many letters to insert, delete, replace or swap with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, letter) in a.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, &other) in b.iter().enumerate() {
            let cell = |cells: &[usize], at: usize| cells.get(at).copied().unwrap_or(usize::MAX / 2);
            let replaced = cell(&last, column) + usize::from(letter != other);
            let mut best = replaced.min(cell(&last, column + 1) + 1).min(cell(&current, column) + 1);
            let before = column.checked_sub(1).and_then(|at| b.get(at));
            if before == Some(&letter) && previous == Some(other) {
                best = best.min(cell(&before_last, column.saturating_sub(1)) + 1);
            }
            current.push(best);
        }
        previous = Some(letter);
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_slips() {
        for (a, b, wanted) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("openai", "opnai", 1),
            ("opneai", "openai", 1),
            ("timeuot", "timeout", 1),
            ("kitten", "sitting", 3),
            ("ab", "ba", 1),
        ] {
            assert_eq!(distance(a, b), wanted, "{a} {b}");
        }
    }

    #[test]
    fn only_close_names_are_suggested() {
        let known = ["openai", "anthropic", "groq"];
        assert_eq!(closest("OpenAI", known), Some("openai"));
        assert_eq!(closest("antrophic", known), Some("anthropic"));
        assert_eq!(closest("mistral", known), None);
        assert_eq!(closest("x", known), None);
        assert_eq!(closest("gpt-99", ["gpt-4"]), None);
        assert_eq!(hint("grok", known), "; did you mean `groq`?");
    }
}
