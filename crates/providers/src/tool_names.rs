//! Names of tools that a format refuses: replaced by ones it takes, and put back in what comes of them.
//!
//! A name that fits stays. The others are spelled in allowed characters with a digest of the whole name behind, so a name
//! is sent the same in every request, and two names stay two.

use std::collections::BTreeSet;

use sluice_types::{
    answer::Answer,
    chat::{Part, Request, Tool, ToolChoice},
    event::{Delta, Event},
    json::Str,
};

use crate::format::Chat;

/// The most characters of a name.
const MAX: usize = 64;

/// The characters of a digest, with what stands before it.
const DIGEST: usize = 9;

/// Names that were replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The caller's name and the one that is sent.
    replaced: Vec<(String, String)>,
}

/// Whether `format` takes a tool of this name.
pub fn fits(name: &str, format: Chat) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let long = name.is_empty() || MAX < name.len();
    match format {
        // What the model makes of a name is between it and its template.
        Chat::OllamaChat | Chat::WorkersAi => !name.is_empty(),
        Chat::Gemini => {
            let begins = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
            !long && begins && name.bytes().all(|b| plain(b) || matches!(b, b'.' | b':'))
        }
        Chat::OpenaiChat
        | Chat::OpenaiResponses
        | Chat::AnthropicMessages
        | Chat::CohereChat
        | Chat::BedrockConverse => !long && name.bytes().all(plain),
    }
}

/// The request with names that `format` takes, and how to put the caller's back; `None` if all fit as they are.
pub fn replace<'a>(request: &Request<'a>, format: Chat) -> Option<(Request<'a>, Names)> {
    let mut all: BTreeSet<&str> = BTreeSet::new();
    for tool in &request.tools {
        if let Tool::Function { name, .. } = tool {
            all.insert(name);
        }
    }
    if let Some(ToolChoice::Tool(name)) = &request.tool_choice {
        all.insert(name);
    }
    for part in request.turns.iter().flat_map(|turn| &turn.parts) {
        if let Part::ToolCall { name, .. } = part {
            all.insert(name);
        }
    }
    let (mut taken, unfit): (BTreeSet<String>, Vec<&str>) = {
        let (fit, unfit): (Vec<&str>, Vec<&str>) = all.into_iter().partition(|name| fits(name, format));
        (fit.into_iter().map(str::to_owned).collect(), unfit)
    };
    if unfit.is_empty() {
        return None;
    }
    let mut names = Names::default();
    for name in unfit {
        let mut made = (0..).map(|attempt| spelled(name, attempt));
        let sent = made.find(|sent| !taken.contains(sent)).unwrap_or_default();
        taken.insert(sent.clone());
        names.replaced.push((name.to_owned(), sent));
    }
    let mut renamed = request.clone();
    names.rename(&mut renamed);
    Some((renamed, names))
}

/// `name` in letters, digits and underscores, with a digest of it.
fn spelled(name: &str, attempt: u32) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let mut out: String = name.chars().map(fit).take(MAX - DIGEST).collect();
    if !out.starts_with(|c: char| c.is_ascii_alphabetic()) {
        out.insert_str(0, "t_");
        out.truncate(MAX - DIGEST);
    }
    // FNV-1a: short, and the same on every host.
    let bytes = name.bytes().chain(attempt.to_le_bytes().into_iter().filter(|_| attempt != 0));
    let digest =
        bytes.fold(0x811c_9dc5_u32, |digest, byte| (digest ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    out.push_str(&format!("_{digest:08x}"));
    out
}

impl Names {
    fn rename(&self, request: &mut Request<'_>) {
        for tool in &mut request.tools {
            if let Tool::Function { name, .. } = tool {
                self.send(name);
            }
        }
        if let Some(ToolChoice::Tool(name)) = &mut request.tool_choice {
            self.send(name);
        }
        for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
            if let Part::ToolCall { name, .. } = part {
                self.send(name);
            }
        }
    }

    fn send(&self, name: &mut Str<'_>) {
        if let Some((_, sent)) = self.replaced.iter().find(|(ours, _)| *name == **ours) {
            *name = Str::from(sent.clone());
        }
    }

    /// The caller's name of the tool that was sent as `sent`, if it was replaced.
    pub fn original(&self, sent: &str) -> Option<&str> {
        self.replaced.iter().find(|(_, replaced)| replaced == sent).map(|(ours, _)| &**ours)
    }

    /// The answer with the caller's names.
    pub fn restore_answer<'a>(&'a self, mut answer: Answer<'a>) -> Answer<'a> {
        for part in answer.choices.iter_mut().flat_map(|choice| &mut choice.parts) {
            if let Part::ToolCall { name, .. } = part
                && let Some(original) = self.original(name)
            {
                *name = original.into();
            }
        }
        answer
    }

    /// The event with the caller's name.
    pub fn restore_event<'e>(&'e self, event: Event<'e>) -> Event<'e> {
        match event {
            Event::Delta { choice, delta: Delta::ToolCall { index, id, name } } => {
                let name = self.original(&name).map_or(name, Str::from);
                Event::Delta { choice, delta: Delta::ToolCall { index, id, name } }
            }
            event => event,
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_types::{
        answer::{Choice, Finish, FinishReason},
        chat::{Role, Turn},
        json::Members,
    };

    use super::*;

    fn tool(name: &str) -> Tool<'_> {
        Tool::Function { name: name.into(), description: None, parameters: None, strict: None, cache: None }
    }

    fn call(name: &str) -> Part<'_> {
        let extra = Members::default();
        Part::ToolCall { id: "c".into(), name: name.into(), arguments: "{}".into(), extra, cache: None }
    }

    fn request<'a>(names: &[&'a str]) -> Request<'a> {
        let turn = Turn {
            role: Role::Assistant,
            name: None,
            parts: names.iter().map(|name| call(name)).collect(),
            extra: Members::default(),
        };
        Request {
            tools: names.iter().map(|name| tool(name)).collect(),
            tool_choice: names.last().map(|name| ToolChoice::Tool((*name).into())),
            turns: vec![turn],
            ..Request::default()
        }
    }

    fn sent(request: &Request<'_>) -> Vec<String> {
        let name = |tool: &Tool<'_>| match tool {
            Tool::Function { name, .. } => name.to_string(),
            Tool::Other { .. } => String::new(),
        };
        request.tools.iter().map(name).collect()
    }

    #[test]
    fn names_that_fit_stay() {
        assert_eq!(replace(&request(&["lookup", "a-b_C9"]), Chat::OpenaiChat), None);
        assert_eq!(replace(&request(&["a.b:c"]), Chat::Gemini), None);
        assert!(replace(&request(&["9a"]), Chat::Gemini).is_some());
        assert_eq!(replace(&request(&["größe"]), Chat::OllamaChat), None);
    }

    #[test]
    fn names_that_do_not_are_spelled_otherwise_everywhere() {
        let long = "x".repeat(65);
        let asked = request(&["lookup", "größe.lesen", "größe:lesen", "", &long]);
        let (renamed, names) = replace(&asked, Chat::OpenaiChat).unwrap();
        let all = sent(&renamed);
        assert_eq!(all[0], "lookup");
        assert!(all[1].starts_with("gr__e_lesen_"), "{}", all[1]);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|name| fits(name, Chat::OpenaiChat) && fits(name, Chat::Gemini)));
        assert_eq!(renamed.tool_choice, Some(ToolChoice::Tool(all[4].clone().into())));
        let Part::ToolCall { name, .. } = &renamed.turns[0].parts[1] else { panic!("no call") };
        assert_eq!(**name, *all[1]);
        assert_eq!(names.original(&all[1]), Some("größe.lesen"));
        // The same name is sent the same, whatever stands beside it.
        let (alone, _) = replace(&request(&["größe.lesen"]), Chat::AnthropicMessages).unwrap();
        assert_eq!(sent(&alone)[0], all[1]);
    }

    #[test]
    fn a_name_that_is_taken_is_not_taken_twice() {
        let made = spelled("a.b", 0);
        let (renamed, names) = replace(&request(&["a.b", &made]), Chat::OpenaiChat).unwrap();
        let all = sent(&renamed);
        assert_eq!(all[1], made);
        assert_ne!(all[0], made);
        assert_eq!((names.original(&all[0]), names.original(&made)), (Some("a.b"), None));
    }

    #[test]
    fn answers_and_events_have_the_callers_names() {
        let (renamed, names) = replace(&request(&["a.b", "c"]), Chat::OpenaiChat).unwrap();
        let all = sent(&renamed);
        let choice = Choice {
            index: 0,
            parts: all.iter().map(|name| call(name)).collect(),
            finish: Finish::plain(FinishReason::ToolCalls),
            extra: Members::default(),
        };
        let answer = names.restore_answer(Answer { choices: vec![choice], ..Answer::default() });
        assert_eq!(answer.choices[0].parts, [call("a.b"), call("c")]);
        let delta = Delta::ToolCall { index: 0, id: "c".into(), name: all[0].as_str().into() };
        let Event::Delta { delta: Delta::ToolCall { name, .. }, .. } =
            names.restore_event(Event::Delta { choice: 0, delta })
        else {
            panic!("no call")
        };
        assert_eq!(name, "a.b");
    }
}
