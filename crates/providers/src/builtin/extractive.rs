//! The model `extractive`: answers with sentences of the conversation that fit the last question best.
//!
//! Sentences are ranked as search engines rank pages (BM25): by the question's words in them, rare words weighing more,
//! long sentences less. The best few are quoted in the order they stand, and every answer says that no model is
//! connected. The same request gives the same answer on every host: only sums, quotients and roots are taken, which
//! are exact everywhere.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use sluice_types::{
    answer::{Answer, Choice, Finish, FinishReason},
    chat::{Media, OutputFormat, Part, Request, Role, ToolChoice},
    error::{ErrorKind, Failure},
    json::{Members, Str},
    usage::{Source, Usage},
};

use super::{
    sentences::sentences,
    words::{self, Which},
};
use crate::tokens::{self, Counter};

/// The model's name.
pub(super) const NAME: &str = "extractive";

const LABEL: &str = "[builtin/extractive: no model is connected; sentences quoted from this conversation]";
const NOTHING: &str = "[builtin/extractive: no model is connected]\n\nThere is nothing in this conversation to answer \
                       from: add text that I can quote, or connect a model.";

/// The most sentences that are ranked; of a longer conversation the latest texts count.
const MAX_SENTENCES: usize = 2000;
/// The most words of the question that are looked for.
const MAX_WORDS: usize = 32;
/// The most sentences quoted, and the most characters of them.
const MAX_QUOTES: usize = 3;
const MAX_QUOTED_CHARS: usize = 900;
/// A sentence is quoted beside the best one if it scores at least this part of it.
const LEAST_PART: f64 = 0.4;

/// Answers `request`.
///
/// # Errors
///
/// `Unsupported` if JSON is asked for, or a tool call that must be made: quotes are neither.
pub(super) fn answer(request: &Request<'_>) -> Result<Answer<'static>, Failure> {
    refuse(request)?;
    let text = match quotes(request) {
        Some(quotes) => format!("{LABEL}\n\n{quotes}"),
        None => NOTHING.to_owned(),
    };
    let (text, finish) = cut(text, request);
    let usage = Usage {
        input_uncached: tokens::request(request),
        output_text: tokens::text(&text),
        source: Source::Estimated,
        ..Usage::default()
    };
    let parts = vec![Part::text(Str::from(text))];
    Ok(Answer {
        model: Str::from(NAME),
        choices: vec![Choice { index: 0, parts, finish, extra: Members::default() }],
        usage: Some(usage),
        ..Answer::default()
    })
}

fn refuse(request: &Request<'_>) -> Result<(), Failure> {
    let refused = |param: &str, what: &str| {
        let message = format!("builtin/{NAME} quotes text and cannot {what}: connect a model that can");
        Err(Failure { param: Some(param.to_owned()), ..Failure::new(ErrorKind::Unsupported, message) })
    };
    if request.output != OutputFormat::Text {
        return refused("response_format", "answer in JSON");
    }
    match request.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Tool(_)) => refused("tool_choice", "call tools"),
        _ => Ok(()),
    }
}

/// The sentences that answer the question; `None` if none does.
fn quotes(request: &Request<'_>) -> Option<String> {
    let texts = texts(request);
    let question = question(request)?;
    let mut buffer = String::new();
    let mut wanted: Vec<String> = Vec::new();
    words::for_each(question, Which::Telling, &mut buffer, &mut |word| {
        if wanted.len() < MAX_WORDS && !wanted.iter().any(|known| known == word) {
            wanted.push(word.to_owned());
        }
    });
    let mut candidates = Vec::new();
    for text in texts.iter().rev() {
        let room = MAX_SENTENCES - candidates.len();
        let mut found: Vec<Candidate<'_>> = sentences(text)
            .take(room)
            .filter(|sentence| is_statement(sentence) && *sentence != question)
            .map(|sentence| Candidate::new(sentence, &wanted, &mut buffer))
            .collect();
        // Texts are walked from the last to the first, and turned around at the end.
        found.reverse();
        candidates.append(&mut found);
        if MAX_SENTENCES <= candidates.len() {
            break;
        }
    }
    candidates.reverse();
    pick(&candidates, wanted.len())
}

/// All texts of the conversation, in order.
fn texts<'r>(request: &'r Request<'_>) -> Vec<Cow<'r, str>> {
    fn collect<'r>(parts: &'r [Part<'_>], texts: &mut Vec<Cow<'r, str>>) {
        for part in parts {
            match part {
                Part::Text { text, .. } => texts.push(Cow::Borrowed(text)),
                Part::ToolResult { parts, .. } => collect(parts, texts),
                Part::Document { source: Media::Base64 { media_type, data }, .. }
                    if media_type.starts_with("text/") =>
                {
                    let text =
                        STANDARD.decode(data.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                    texts.extend(text.map(Cow::Owned));
                }
                _ => {}
            }
        }
    }

    let mut texts = Vec::new();
    for turn in &request.turns {
        collect(&turn.parts, &mut texts);
    }
    texts
}

/// What is asked: of the user's last words the last question; where nothing is asked, the last sentence that is about
/// something.
fn question<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let said = request.turns.iter().rev().filter(|turn| turn.role == Role::User).find_map(|turn| {
        turn.parts.iter().rev().find_map(|part| match part {
            Part::Text { text, .. } if !text.trim().is_empty() => Some(&**text),
            _ => None,
        })
    })?;
    let (mut asked, mut told, mut last) = (None, None, None);
    let mut buffer = String::new();
    for sentence in sentences(said) {
        last = Some(sentence);
        if is_question(sentence) {
            asked = last;
        }
        let mut about = 0;
        words::for_each(sentence, Which::Telling, &mut buffer, &mut |_| about += 1);
        if 2 <= about {
            told = last;
        }
    }
    asked.or(told).or(last)
}

fn is_question(sentence: &str) -> bool {
    sentence.trim_end_matches(['"', '\'', ')', '”', '»', '」']).ends_with(['?', '？', '؟'])
}

/// Whether a sentence may be quoted: questions answer nothing, and neither do our own labels.
fn is_statement(sentence: &str) -> bool {
    !is_question(sentence) && !sentence.contains("builtin/extractive") && !NOTHING.contains(sentence)
}

/// A sentence that may be quoted.
struct Candidate<'s> {
    sentence: &'s str,
    /// How often each wanted word is in it.
    hits: Vec<(usize, u32)>,
    /// Its words.
    length: u32,
}

impl<'s> Candidate<'s> {
    fn new(sentence: &'s str, wanted: &[String], buffer: &mut String) -> Self {
        let (mut hits, mut length) = (Vec::<(usize, u32)>::new(), 0_u32);
        words::for_each(sentence, Which::All, buffer, &mut |word| {
            length += 1;
            let Some(which) = wanted.iter().position(|known| known == word) else { return };
            match hits.iter_mut().find(|(known, _)| *known == which) {
                Some((_, times)) => *times += 1,
                None => hits.push((which, 1)),
            }
        });
        Self { sentence, hits, length }
    }
}

/// The best sentences, in the order they stand, one a line.
fn pick(candidates: &[Candidate<'_>], wanted: usize) -> Option<String> {
    let mut holders = vec![0_u32; wanted];
    for (which, _) in candidates.iter().flat_map(|candidate| &candidate.hits) {
        if let Some(holders) = holders.get_mut(*which) {
            *holders += 1;
        }
    }
    let all = f64::from(u32::try_from(candidates.len()).unwrap_or(u32::MAX));
    let words: f64 = candidates.iter().map(|candidate| f64::from(candidate.length)).sum();
    let usual = (words / all).max(1.0);
    let score = |candidate: &Candidate<'_>| -> f64 {
        let length = 0.25 + 0.75 * f64::from(candidate.length) / usual;
        let weight = |(which, times): &(usize, u32)| {
            let rare = ((all + 1.0) / (f64::from(holders.get(*which).copied().unwrap_or(0)) + 0.5)).sqrt();
            let times = f64::from(*times);
            rare * times * 2.2 / (times + 1.2 * length)
        };
        candidate.hits.iter().map(weight).sum()
    };
    let mut ranked: Vec<(usize, f64)> = candidates.iter().map(score).enumerate().collect();
    ranked.retain(|(_, score)| 0.0 < *score);
    // The sort is stable: of equals the earlier stays first.
    ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let best = ranked.first()?.1;
    let mut picked: Vec<(usize, &str)> = Vec::new();
    let mut chars = 0;
    for (at, score) in ranked {
        let Some(candidate) = candidates.get(at) else { continue };
        chars += candidate.sentence.chars().count();
        let full = MAX_QUOTES <= picked.len() || (!picked.is_empty() && MAX_QUOTED_CHARS < chars);
        if full || score < best * LEAST_PART {
            break;
        }
        if !picked.iter().any(|(_, known)| *known == candidate.sentence) {
            picked.push((at, candidate.sentence));
        }
    }
    picked.sort_by_key(|(at, _)| *at);
    let lines = picked.iter().map(|(_, sentence)| sentence.split_whitespace().collect::<Vec<_>>().join(" "));
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// Ends the answer where the request says: before a stop text, or at the limit of tokens.
fn cut(mut text: String, request: &Request<'_>) -> (String, Finish<'static>) {
    let mut finish = Finish::plain(FinishReason::Stop);
    let stops = request.stop.iter().filter(|stop| !stop.is_empty());
    let met = stops.filter_map(|stop| Some((text.find(&**stop)?, stop))).min_by_key(|(at, _)| *at);
    if let Some((at, stop)) = met {
        text.truncate(at);
        finish.reason = FinishReason::StopSequence;
        finish.stop_sequence = Some(stop.clone().into_owned());
    }
    let limit = request.max_output_tokens.map_or(u64::MAX, u64::from);
    let mut counter = Counter::default();
    let over = text.char_indices().find(|(_, c)| {
        counter.push(*c);
        limit < counter.total()
    });
    if let Some((at, _)) = over {
        text.truncate(at);
        finish = Finish::plain(FinishReason::Length);
    }
    (text, finish)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sluice_types::chat::Turn;

    use super::*;

    fn turn(role: Role, text: &str) -> Turn<'_> {
        let parts = vec![Part::text(text)];
        Turn { role, name: None, parts, extra: Members::default() }
    }

    fn ask<'a>(turns: &[(Role, &'a str)]) -> Request<'a> {
        Request { turns: turns.iter().map(|(role, text)| turn(*role, text)).collect(), ..Request::default() }
    }

    fn said(request: &Request<'_>) -> (String, Finish<'static>) {
        let answer = answer(request).unwrap();
        let Some(choice) = answer.choices.into_iter().next() else { panic!("no choice") };
        let Part::Text { text, .. } = &choice.parts[0] else { panic!("no text") };
        (text.to_string(), choice.finish)
    }

    const SHOP: &str = "We sell tea. Refunds are paid within 14 days of purchase. Our office is in Lisbon. \
                        Opening hours are 9 to 17.";

    #[test]
    fn the_sentence_that_fits_is_quoted_under_a_label() {
        let request = ask(&[(Role::System, SHOP), (Role::User, "How long do I have for a refund?")]);
        let (text, finish) = said(&request);
        assert_eq!(text, format!("{LABEL}\n\nRefunds are paid within 14 days of purchase."));
        assert_eq!(finish.reason, FinishReason::Stop);
    }

    #[test]
    fn text_before_the_question_counts_and_the_question_does_not() {
        let request =
            ask(&[(Role::User, "The cat is called Miso. The dog is called Rex. What is the cat called?")]);
        assert!(said(&request).0.ends_with("]\n\nThe cat is called Miso.\nThe dog is called Rex."));
    }

    #[test]
    fn without_anything_to_quote_it_says_so() {
        for turns in [
            &[(Role::User, "What is the capital of France?")][..],
            &[(Role::System, SHOP), (Role::User, "Who won the match?")],
            &[(Role::System, SHOP)],
            &[(Role::User, "?")],
            &[],
        ] {
            assert_eq!(said(&ask(turns)).0, NOTHING);
        }
    }

    #[test]
    fn its_own_words_are_not_quoted() {
        let first = said(&ask(&[(Role::System, SHOP), (Role::User, "Where is the office?")])).0;
        let request = ask(&[
            (Role::User, "Where is the office?"),
            (Role::Assistant, &first),
            (Role::User, "Is there a conversation about the office to answer from, and a model?"),
        ]);
        assert_eq!(said(&request).0, format!("{LABEL}\n\nOur office is in Lisbon."));
    }

    #[test]
    fn other_scripts_are_answered_too() {
        let request = ask(&[(
            Role::User,
            "東京の人口は約1400万人です。大阪は食べ物で有名です。大阪は何で有名ですか？",
        )]);
        assert!(said(&request).0.contains("大阪は食べ物で有名です。"));
        let request =
            ask(&[(Role::User, "Столица Франции — Париж. Столица Италии — Рим. Назови столица Италии?")]);
        assert!(said(&request).0.contains("Столица Италии — Рим."));
    }

    #[test]
    fn stop_texts_and_limits_are_kept() {
        let mut request = ask(&[(Role::System, SHOP), (Role::User, "Where is the office?")]);
        request.stop = vec!["Lisbon".into(), " in ".into()];
        let (text, finish) = said(&request);
        assert!(text.ends_with("Our office is"));
        assert_eq!(
            (finish.reason, finish.stop_sequence.as_deref()),
            (FinishReason::StopSequence, Some(" in "))
        );
        request.max_output_tokens = Some(5);
        let (text, finish) = said(&request);
        assert_eq!(finish.reason, FinishReason::Length);
        assert!(tokens::text(&text) <= 5 && !text.is_empty());
    }

    #[test]
    fn what_it_cannot_do_honestly_it_refuses() {
        let json = Request { output: OutputFormat::Json, ..Request::default() };
        let forced = Request { tool_choice: Some(ToolChoice::Required), ..Request::default() };
        for (request, param) in [(json, "response_format"), (forced, "tool_choice")] {
            let failure = answer(&request).unwrap_err();
            assert_eq!((failure.kind, failure.param.as_deref()), (ErrorKind::Unsupported, Some(param)));
        }
    }

    #[test]
    fn huge_conversations_are_bounded() {
        let text = "The office is in Lisbon. ".repeat(100_000);
        let request = ask(&[(Role::System, &text), (Role::User, "Where is the office?")]);
        assert_eq!(said(&request).0, format!("{LABEL}\n\nThe office is in Lisbon."));
    }

    proptest! {
        #[test]
        fn any_text_is_answered_the_same_twice(a in "\\PC{0,60}", b in "(\\PC|[.?!\n ]){0,60}", limit in 0..40_u32) {
            let mut request = ask(&[(Role::System, &a), (Role::User, &b)]);
            request.max_output_tokens = Some(limit);
            let first = answer(&request).unwrap();
            prop_assert_eq!(&first, &answer(&request).unwrap());
            prop_assert!(first.usage.unwrap().output_text <= u64::from(limit));
        }
    }
}
