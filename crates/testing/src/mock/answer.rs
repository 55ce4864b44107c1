//! What the mock says, before any wire format.

use serde_json::{Value, json};

use super::ask::{Ask, Choice, Tool, hash};
use super::{directive, sample};

/// What the model makes of a request.
#[derive(Debug)]
pub struct Answer {
    pub parts: Vec<Part>,
    pub stop: Stop,
    pub usage: Usage,
}

/// One run of output.
#[derive(Debug)]
pub struct Part {
    pub kind: Kind,
    /// The output as it is streamed: text, or a call's arguments.
    pub tokens: Vec<String>,
}

/// What kind of output.
#[derive(Debug)]
pub enum Kind {
    Thinking,
    /// Thinking that nobody may read.
    Redacted,
    Text,
    Refusal,
    Call {
        name: String,
        /// Tells the calls of one answer apart.
        number: usize,
    },
}

/// Why the model stopped.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    End,
    Calls,
    Length,
    Sequence(String),
    Refusal,
    Filter,
}

/// Tokens.
#[derive(Debug)]
pub struct Usage {
    /// All input, cached or not.
    pub input: u64,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache (Anthropic only).
    pub cache_write: u64,
    /// All output, reasoning included.
    pub output: u64,
    pub reasoning: u64,
}

impl Part {
    fn new(kind: Kind, text: &str, cut: fn(&str) -> Vec<String>) -> Self {
        Self { kind, tokens: cut(text) }
    }

    /// The whole output.
    pub fn text(&self) -> String {
        self.tokens.concat()
    }
}

/// Thinks, calls tools and speaks as `ask` says.
pub fn answer(ask: &Ask) -> Answer {
    let mut parts = Vec::new();
    let thinks = ask.think || ask.has("think");
    if thinks {
        let thought = format!("The user wrote {} characters, é漢🦀. Answer.", ask.prompt.chars().count());
        parts.push(Part::new(Kind::Thinking, &thought, words));
    }
    if ask.has("redacted") {
        parts.push(Part::new(Kind::Redacted, &format!("RED{:016x}", ask.seed), whole));
    }
    let mut stop = Stop::End;
    let calls = calls(ask);
    if ask.has("refuse") {
        parts.push(Part::new(Kind::Refusal, "I can't help with that.", words));
        stop = Stop::Refusal;
    } else if calls.is_empty() {
        let (text, sequence) = until_stop(&text(ask), &ask.stop);
        if let Some(sequence) = sequence {
            stop = Stop::Sequence(sequence);
        }
        let cut = if ask.schema.is_some() || ask.has("json") { pieces } else { words };
        if !text.is_empty() {
            parts.push(Part::new(Kind::Text, &text, cut));
        }
    } else {
        if ask.has("preamble") {
            parts.push(Part::new(Kind::Text, "Let me look that up, é漢🦀.", words));
        }
        parts.extend(calls);
        stop = Stop::Calls;
    }
    if ask.has("filter") {
        stop = Stop::Filter;
    }
    if shorten(&mut parts, ask) {
        stop = Stop::Length;
    }
    let usage = usage(ask, &parts, thinks);
    Answer { parts, stop, usage }
}

/// A thinking block's proof, which must come back with it unchanged.
pub fn signature(thinking: &str) -> String {
    format!("ErUB{:016x}+/{:08x}==", hash(thinking.as_bytes()), thinking.len())
}

fn calls(ask: &Ask) -> Vec<Part> {
    if !ask.results.is_empty() || ask.has("text") {
        return Vec::new();
    }
    let said = directive::strip(&ask.prompt);
    let mut wanted: Vec<&Tool> = match &ask.choice {
        Choice::None => Vec::new(),
        Choice::Named(name) => ask.tools.iter().filter(|tool| tool.name == *name).collect(),
        Choice::Any | Choice::Auto => {
            let count = match ask.argument("tools").or_else(|| ask.argument("tool")) {
                Some(number) => number.parse().unwrap_or(1),
                None => usize::from(ask.choice == Choice::Any),
            };
            let named: Vec<&Tool> = ask.tools.iter().filter(|tool| said.contains(&tool.name)).collect();
            if count == 0 { named } else { ask.tools.iter().cycle().take(count).collect() }
        }
    };
    if !ask.parallel {
        wanted.truncate(1);
    }
    let part = |(number, tool): (usize, &Tool)| {
        let mut arguments = sample::value(&tool.schema);
        if let Some(arguments) = arguments.as_object_mut()
            && 0 < number
            && arguments.contains_key("number")
        {
            arguments.insert("number".into(), number.into());
        }
        let kind = Kind::Call { name: tool.name.clone(), number };
        Part::new(kind, &arguments.to_string(), pieces)
    };
    wanted.into_iter().enumerate().map(part).collect()
}

fn text(ask: &Ask) -> String {
    if let Some(schema) = &ask.schema {
        let any =
            json!({ "type": "object", "properties": { "echo": { "const": directive::strip(&ask.prompt) } } });
        return sample::value(if schema.is_null() { &any } else { schema }).to_string();
    }
    if ask.has("json") {
        return json!({ "echo": directive::strip(&ask.prompt), "text": "é漢🦀" }).to_string();
    }
    if ask.has("empty") {
        return String::new();
    }
    if ask.has("system") {
        return format!("System: {}", ask.system);
    }
    if ask.has("messages") {
        return format!("Messages: {}.", ask.messages);
    }
    if let Some(stop) = ask.stop.first().filter(|_| ask.has("stop")) {
        return format!("Before the stop, é漢🦀. {stop} After it.");
    }
    if let Some(count) = ask.argument("tokens") {
        let count = count.parse().unwrap_or(1);
        let word = |number| if number % 10 == 9 { "漢🦀 ".into() } else { format!("w{number} ") };
        return (0..count).map(word).collect();
    }
    if !ask.results.is_empty() {
        return format!("The tools answered: {}. é漢🦀", ask.results.join("; "));
    }
    let mut said = directive::strip(&ask.prompt);
    if let Some((end, _)) = said.char_indices().nth(200) {
        said.truncate(end);
    }
    let images =
        if ask.images.is_empty() { String::new() } else { format!(" Seen: {}.", ask.images.join(", ")) };
    format!("You said: {said} é漢🦀.{images}")
}

fn until_stop(text: &str, stop: &[String]) -> (String, Option<String>) {
    let found = stop.iter().filter_map(|stop| Some((text.split_once(stop.as_str())?.0, stop)));
    match found.min_by_key(|(before, _)| before.len()) {
        Some((before, stop)) => (before.into(), Some(stop.clone())),
        None => (text.into(), None),
    }
}

/// Stops at the limit; says whether anything was lost.
fn shorten(parts: &mut Vec<Part>, ask: &Ask) -> bool {
    if ask.has("length")
        && let Some(last) = parts.last_mut()
    {
        last.tokens.truncate((last.tokens.len() / 2).max(1));
        return true;
    }
    let mut left = ask.max_tokens.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    let before: usize = parts.iter().map(|part| part.tokens.len()).sum();
    for part in &mut *parts {
        part.tokens.truncate(left);
        left = left.saturating_sub(part.tokens.len());
    }
    let after: usize = parts.iter().map(|part| part.tokens.len()).sum();
    parts.retain(|part| !part.tokens.is_empty());
    after < before
}

fn usage(ask: &Ask, parts: &[Part], thinks: bool) -> Usage {
    let input = ask.input_tokens();
    let cost = |part: &Part| match part.kind {
        Kind::Call { .. } => 5 + part.tokens.len(),
        Kind::Redacted => 11,
        Kind::Thinking | Kind::Text | Kind::Refusal => part.tokens.len(),
    };
    let hidden = |part: &&Part| matches!(part.kind, Kind::Thinking | Kind::Redacted);
    let reasoning: usize = parts.iter().filter(hidden).map(cost).sum();
    let output = parts.iter().map(cost).sum::<usize>() + usize::from(thinks);
    Usage {
        input,
        cache_read: input / 4,
        cache_write: input / 8,
        output: output as u64,
        reasoning: reasoning as u64,
    }
}

/// A token per word, with the space after it.
fn words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(Into::into).collect()
}

/// A token per six characters.
fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(6).map(|piece| piece.iter().collect()).collect()
}

fn whole(text: &str) -> Vec<String> {
    vec![text.into()]
}

/// A call's arguments as an object, empty if they were cut short.
pub fn arguments(part: &Part) -> Value {
    serde_json::from_str(&part.text()).unwrap_or_else(|_| json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(prompt: &str) -> Ask {
        let tool =
            |name: &str| Tool { name: name.into(), schema: json!({ "type": "object", "properties": {} }) };
        let tools = vec![tool("weather"), tool("time")];
        Ask { prompt: prompt.into(), tools, parallel: true, messages: 1, ..Ask::default() }
    }

    #[test]
    fn it_repeats_the_prompt() {
        let answer = answer(&ask("hi"));
        assert_eq!(answer.parts[0].text(), "You said: hi é漢🦀.");
        assert_eq!(answer.stop, Stop::End);
    }

    #[test]
    fn it_calls_tools_it_is_told_to_call() {
        assert_eq!(answer(&ask("[[tools 3]]")).parts.len(), 3);
        assert_eq!(answer(&ask("what time is it?")).parts.len(), 1);
        assert_eq!(answer(&Ask { choice: Choice::Any, ..ask("hi") }).stop, Stop::Calls);
        assert_eq!(answer(&Ask { choice: Choice::None, ..ask("[[tool]]") }).stop, Stop::End);
    }

    #[test]
    fn the_limit_beats_everything() {
        assert_eq!(answer(&Ask { max_tokens: Some(2), ..ask("one two three") }).stop, Stop::Length);
        assert_eq!(answer(&ask("[[tool]] [[length]]")).stop, Stop::Length);
    }

    #[test]
    fn a_stop_sequence_ends_the_text() {
        let answer = answer(&Ask { stop: vec!["END".into()], ..ask("[[stop]]") });
        assert_eq!(answer.stop, Stop::Sequence("END".into()));
        assert_eq!(answer.parts[0].text(), "Before the stop, é漢🦀. ");
    }
}
