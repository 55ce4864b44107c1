//! Whether a rule of `conditional` holds for a request.

use sluice_types::time::Timestamp;

use super::facts::Facts;
use crate::config::document::{Day, OneOrMore, Pattern, Rule};

/// Whether `rule` holds for a request with these `facts` at `now`.
pub fn holds(rule: &Rule, facts: &Facts<'_>, now: Timestamp) -> bool {
    let Rule {
        all,
        any,
        not,
        model,
        tags,
        user,
        min_prompt_tokens,
        max_prompt_tokens,
        tools,
        images,
        stream,
        language,
        hours,
        days,
        region,
        min_sensitivity,
        min_complexity,
        max_complexity,
    } = rule;
    let is = |wanted: &Option<OneOrMore<Pattern>>, value: Option<&str>| {
        wanted
            .as_ref()
            .is_none_or(|wanted| value.is_some_and(|value| wanted.iter().any(|one| one.matches(value))))
    };
    // What costs nothing to know comes first.
    all.iter().all(|inner| holds(inner, facts, now))
        && (any.is_empty() || any.iter().any(|inner| holds(inner, facts, now)))
        && not.as_ref().is_none_or(|inner| !holds(inner, facts, now))
        && is(model, Some(facts.model))
        && is(user, facts.user)
        && tags.iter().all(|(name, wanted)| {
            facts.tags.get(name).is_some_and(|value| wanted.iter().any(|one| one.matches(value)))
        })
        && stream.is_none_or(|wanted| wanted == facts.stream)
        && tools.is_none_or(|wanted| wanted == facts.tools())
        && images.is_none_or(|wanted| wanted == facts.images())
        && hours.is_none_or(|hours| hours.contains(minute_of(now)))
        && days.as_ref().is_none_or(|days| days.iter().any(|day| *day == day_of(now)))
        && region.as_ref().is_none_or(|wanted| {
            facts.region.is_some_and(|region| wanted.iter().any(|one| one.matches_any_case(region)))
        })
        && min_prompt_tokens.is_none_or(|least| least <= facts.input_tokens())
        && max_prompt_tokens.is_none_or(|most| facts.input_tokens() <= most)
        && language.as_ref().is_none_or(|wanted| {
            facts.language().is_some_and(|language| wanted.iter().any(|one| *one == language))
        })
        && min_sensitivity.is_none_or(|least| least <= facts.sensitivity())
        && min_complexity.is_none_or(|least| least.get() <= facts.complexity())
        && max_complexity.is_none_or(|most| facts.complexity() <= most.get())
}

fn minute_of(now: Timestamp) -> u16 {
    u16::try_from(now.0 / 60_000 % 1_440).unwrap_or(0)
}

fn day_of(now: Timestamp) -> Day {
    // 1 January 1970 was a Thursday.
    match (now.0 / 86_400_000) % 7 {
        0 => Day::Thu,
        1 => Day::Fri,
        2 => Day::Sat,
        3 => Day::Sun,
        4 => Day::Mon,
        5 => Day::Tue,
        _ => Day::Wed,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use sluice_providers::format::Protocol;

    use super::*;

    /// A Saturday at noon.
    fn noon() -> Timestamp {
        Timestamp::from_date("2026-11-21").unwrap().plus(Duration::from_secs(43_200))
    }

    fn rule(json: &str) -> Rule {
        serde_json::from_str(json).unwrap()
    }

    fn facts<'a>(tags: &'a BTreeMap<String, String>) -> Facts<'a> {
        Facts {
            user: Some("ann"),
            region: Some("DE"),
            tokens: Some(1_000),
            stream: true,
            ..Facts::of("assistant", tags)
        }
    }

    #[test]
    fn rules_hold_by_everything_that_is_given() {
        let tags = BTreeMap::from([("team".to_owned(), "search".to_owned())]);
        let facts = facts(&tags);
        for (json, expected) in [
            (r#"{"model": "assist*"}"#, true),
            (r#"{"model": ["x", "assistant"], "user": "bob"}"#, false),
            (r#"{"tags": {"team": "sea*"}}"#, true),
            (r#"{"tags": {"team": "search", "feature": "*"}}"#, false),
            (r#"{"min_prompt_tokens": 1000, "max_prompt_tokens": 1000}"#, true),
            (r#"{"min_prompt_tokens": 1001}"#, false),
            (r#"{"tools": false, "images": false, "stream": true}"#, true),
            (r#"{"tools": true}"#, false),
            (r#"{"hours": "12:00-12:01", "days": ["sat", "sun"]}"#, true),
            (r#"{"days": "fri"}"#, false),
            (r#"{"region": ["fr", "de"]}"#, true),
            (r#"{"any": [{"user": "bob"}, {"region": "de"}], "not": {"hours": "00:00-08:00"}}"#, true),
            (r#"{"all": [{"user": "ann"}, {"not": {"region": "de"}}]}"#, false),
            (r#"{"language": "de"}"#, false),
            (r#"{"min_sensitivity": "low"}"#, true),
            (r#"{"min_sensitivity": "high"}"#, false),
        ] {
            assert_eq!(holds(&rule(json), &facts, noon()), expected, "{json}");
        }
    }

    #[test]
    fn rules_look_at_what_is_said_and_offered() {
        let tags = BTreeMap::new();
        let picture = r#"{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}"#;
        let asks = |text: &str, more: &str| {
            let content = format!(r#"[{{"type": "text", "text": "{text}"}}{more}]"#);
            let tool =
                r#"{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}"#;
            let tools = if more.is_empty() { "" } else { tool };
            format!(
                r#"{{"model": "m", "tools": [{tools}], "messages": [{{"role": "user", "content": {content}}}]}}"#
            )
        };
        let german = asks("Wie ist das Wetter und wann hört der Wind auf?", "");
        let secret = asks("My card is 4111 1111 1111 1111.", "");
        let mail = asks("Write to ann@example.com.", "");
        let shown = asks("What is this?", &format!(", {picture}"));
        let hard = asks(
            "Prove that the algorithm is correct, derive its asymptotic complexity, and discuss the trade-offs: \
             concurrency, consistency, latency. Justify each step; compare it with an alternative design.",
            "",
        );
        for (body, json, expected) in [
            (&german, r#"{"language": ["fr", "de"]}"#, true),
            (&german, r#"{"language": "en"}"#, false),
            (&german, r#"{"min_prompt_tokens": 5, "max_prompt_tokens": 50}"#, true),
            (&secret, r#"{"min_sensitivity": "high"}"#, true),
            (&mail, r#"{"min_sensitivity": "medium", "not": {"min_sensitivity": "high"}}"#, true),
            (&german, r#"{"min_sensitivity": "medium"}"#, false),
            (&shown, r#"{"images": true, "tools": true}"#, true),
            (&german, r#"{"any": [{"images": true}, {"tools": true}]}"#, false),
            (&hard, r#"{"min_complexity": 0.7}"#, true),
            (&hard, r#"{"max_complexity": 0.7}"#, false),
            (&shown, r#"{"max_complexity": 0.7}"#, true),
        ] {
            let request = Protocol::OpenaiChat.read_request(body.as_bytes()).unwrap();
            let facts = Facts { request: Some(&request), ..Facts::of("m", &tags) };
            assert_eq!(holds(&rule(json), &facts, noon()), expected, "{json}: {body}");
        }
    }

    #[test]
    fn a_tag_says_how_sensitive_a_request_is() {
        let tags = BTreeMap::from([("sensitivity".to_owned(), "high".to_owned())]);
        assert!(holds(&rule(r#"{"min_sensitivity": "medium"}"#), &facts(&tags), noon()));
    }
}
