//! What answers tell about limits, in the words of the caller's SDK.

use sluice_types::{
    quota::{Standing, Unit, Window},
    time::Timestamp,
};

use super::Bound;

/// `x-ratelimit-*` in OpenAI's words, and `anthropic-ratelimit-*` as well for callers of Messages: for requests and for
/// tokens, of the window that has least left of its limit.
pub fn headers(
    bounds: &[Bound],
    standings: &[Standing],
    now: Timestamp,
    messages: bool,
) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for (unit, [limit, left, reset], [a_limit, a_left, a_reset]) in [
        (
            Unit::Requests,
            ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
            [
                "anthropic-ratelimit-requests-limit",
                "anthropic-ratelimit-requests-remaining",
                "anthropic-ratelimit-requests-reset",
            ],
        ),
        (
            Unit::Tokens,
            ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
            [
                "anthropic-ratelimit-tokens-limit",
                "anthropic-ratelimit-tokens-remaining",
                "anthropic-ratelimit-tokens-reset",
            ],
        ),
    ] {
        let rates = bounds.iter().zip(standings).filter(|(bound, _)| {
            bound.rule.unit == unit && matches!(bound.rule.window, Window::Last(_)) && 0 < bound.rule.limit
        });
        // Shares are compared by cross-multiplication: exact, and nothing divides by zero.
        let tightest = rates.min_by(|(a, a_standing), (b, b_standing)| {
            let share = |standing: &Standing, other: &Bound| {
                u128::from(standing.remaining).saturating_mul(u128::from(other.rule.limit))
            };
            share(a_standing, b).cmp(&share(b_standing, a))
        });
        let Some((bound, standing)) = tightest else { continue };
        let wait = standing.reset.unwrap_or(0);
        found.push((limit, bound.rule.limit.to_string()));
        found.push((left, standing.remaining.to_string()));
        found.push((reset, span(wait)));
        if messages {
            found.push((a_limit, bound.rule.limit.to_string()));
            found.push((a_left, standing.remaining.to_string()));
            found.push((a_reset, rfc3339(Timestamp(now.0.saturating_add(wait)))));
        }
    }
    found
}

/// The seconds to wait, never too few.
pub fn after(milliseconds: u64) -> u64 {
    milliseconds.div_ceil(1_000).max(1)
}

/// A span as OpenAI writes it: `59s`, `6m0s`, `1h0m0s`; rounded up to the second.
fn span(milliseconds: u64) -> String {
    let seconds = milliseconds.div_ceil(1_000);
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// A time as RFC 3339 writes it, to the second, rounded up.
fn rfc3339(time: Timestamp) -> String {
    let seconds = time.0.div_ceil(1_000);
    let of_day = seconds % 86_400;
    let date = Timestamp(seconds.saturating_mul(1_000)).date();
    format!("{date}T{:02}:{:02}:{:02}Z", of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use sluice_types::quota::Rule;

    use super::*;

    #[test]
    fn the_tightest_window_is_told_in_the_callers_words() {
        let bound = |unit, window, limit| Bound {
            rule: Rule { meter: String::new(), unit, window, limit, warn: None, hard: true },
            what: String::new(),
            move_to: None,
        };
        let bounds = [
            bound(Unit::Requests, Window::Last(60_000), 10),
            bound(Unit::Requests, Window::Last(3_600_000), 100),
            bound(Unit::Requests, Window::Now, 1),
            bound(Unit::NanoUsd, Window::Day, 1),
        ];
        let standing = |remaining, reset| Standing { remaining, reset: Some(reset) };
        let standings = [standing(9, 60_000), standing(3, 3_599_001), standing(0, 0), standing(0, 0)];
        let now = Timestamp::from_date("2026-11-21").unwrap();
        assert_eq!(
            headers(&bounds, &standings, now, true),
            [
                ("x-ratelimit-limit-requests", "100".to_owned()),
                ("x-ratelimit-remaining-requests", "3".to_owned()),
                ("x-ratelimit-reset-requests", "1h0m0s".to_owned()),
                ("anthropic-ratelimit-requests-limit", "100".to_owned()),
                ("anthropic-ratelimit-requests-remaining", "3".to_owned()),
                ("anthropic-ratelimit-requests-reset", "2026-11-21T01:00:00Z".to_owned()),
            ]
        );
        assert_eq!((span(59_001).as_str(), span(360_000).as_str(), span(0).as_str()), ("1m0s", "6m0s", "0s"));
        assert_eq!((after(0), after(1), after(1_001)), (1, 1, 2));
    }
}
