//! Windows of a chunk: stretches short enough that a vector of one says one thing.

use std::ops::Range;

/// Characters of a window that is not stretched.
const SIZE: usize = 250;
/// Most windows of a chunk: longer chunks have longer ones.
pub const MOST: usize = 8;

/// Windows of a text, as ranges of bytes: about 250 characters each, half of them shared with the next, begun and ended
/// between words. None where the whole text is little longer than one window: its own vector says as much.
#[must_use]
pub fn windows(text: &str) -> Vec<Range<usize>> {
    let count = text.chars().count();
    if count < SIZE * 3 / 2 {
        return Vec::new();
    }
    // Of windows that overlap by half, n cover (n + 1) / 2 sizes.
    let size = SIZE.max((2 * count).div_ceil(MOST + 1));
    let step = size / 2;
    let places: Vec<(usize, char)> = text.char_indices().collect();
    // The first place from `at` on where a word begins, if there is one near.
    let begin = |at: usize| {
        let near = places.iter().enumerate().skip(at.max(1)).take(30);
        let found = near
            .clone()
            .find(|(index, _)| places.get(index - 1).is_some_and(|(_, before)| before.is_whitespace()));
        found.map_or_else(|| places.get(at).map_or(text.len(), |place| place.0), |(_, place)| place.0)
    };
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        let start = if at == 0 { 0 } else { begin(at) };
        let last = count <= at + size + step / 2;
        let end = if last { text.len() } else { begin(at + size) };
        if start < end {
            out.push(start..end);
        }
        if last {
            return out;
        }
        at += step;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn windows_cover_the_text_and_are_few(text in "[a-zäöü東京 .]{0,3000}") {
            let windows = windows(&text);
            prop_assert!(windows.len() <= MOST + 1);
            if let (Some(first), Some(last)) = (windows.first(), windows.last()) {
                prop_assert_eq!((first.start, last.end), (0, text.len()));
            }
            for pair in windows.windows(2) {
                prop_assert!(pair[1].start <= pair[0].end && pair[0].start < pair[1].start);
            }
            for window in windows {
                prop_assert!(text.get(window).is_some());
            }
        }
    }

    #[test]
    fn windows_begin_with_words() {
        let text = "some words of a longer text that goes on ".repeat(25);
        let windows = windows(&text);
        assert_eq!(windows.len(), 7);
        for window in &windows {
            assert!(window.start == 0 || text.get(..window.start).unwrap().ends_with(' '));
            assert!((200..=420).contains(&window.len()), "{window:?}");
        }
        assert!(super::windows("short").is_empty());
    }
}
