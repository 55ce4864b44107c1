//! What the cases under `tests/cases` show: each is read, and what is found in it counts.

use std::fs;

use sluice_providers::{
    catalog::{self, Provider},
    forced_tool,
    format::{Chat, JsonSchema, Protocol, Reader, Target},
    frames::{Decoder, Framing},
    tool_names,
};
use sluice_types::{
    chat::{OutputFormat, Part, Request, Tool},
    event::{Delta, Event},
    usage::Usage,
};

/// Something that callers rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// A whole answer.
    Chat,
    /// A streamed one.
    Stream,
    /// Tools, and calls of them.
    Tools,
    /// Several calls at once.
    ParallelTools,
    /// Pictures to look at.
    Images,
    /// Answers that follow a JSON schema.
    StructuredOutput,
    /// Thoughts.
    Reasoning,
    /// What the text rests on.
    Citations,
    /// Tokens read from the provider's cache.
    CachedUsage,
    /// Errors, told by kind.
    Errors,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Chat,
        Self::Stream,
        Self::Tools,
        Self::ParallelTools,
        Self::Images,
        Self::StructuredOutput,
        Self::Reasoning,
        Self::Citations,
        Self::CachedUsage,
        Self::Errors,
    ];

    /// Its name in the table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Chat => "whole answer",
            Self::Stream => "stream",
            Self::Tools => "tools",
            Self::ParallelTools => "parallel tools",
            Self::Images => "pictures in",
            Self::StructuredOutput => "structured output",
            Self::Reasoning => "reasoning",
            Self::Citations => "citations",
            Self::CachedUsage => "cached usage",
            Self::Errors => "errors",
        }
    }

    /// What the case is usually called that was made for it.
    pub fn case(self) -> &'static str {
        match self {
            Self::Chat | Self::Stream => "text",
            Self::Tools => "tool-call",
            Self::ParallelTools => "parallel-tools",
            Self::Images => "images",
            Self::StructuredOutput => "structured-output",
            Self::Reasoning => "thinking",
            Self::Citations => "citations",
            Self::CachedUsage => "usage-cache",
            Self::Errors => "rate-429",
        }
    }

    /// By what names the feature is told to be left out of a request.
    fn members(self) -> &'static [&'static str] {
        match self {
            Self::Tools => &["tools", "tool_choice"],
            Self::ParallelTools => &["tools", "parallel_tool_calls"],
            Self::Images => &["image_url", "image"],
            Self::StructuredOutput => &["response_format"],
            Self::Chat
            | Self::Stream
            | Self::Reasoning
            | Self::Citations
            | Self::CachedUsage
            | Self::Errors => &[],
        }
    }
}

/// A case and what it shows.
pub struct Case {
    /// Its file, below `tests/cases`.
    pub path: String,
    /// Its file's name without extension.
    pub name: String,
    /// Whose words these are; `None` if they are the format's.
    pub of: Option<&'static str>,
    /// The format it is read or written in.
    pub format: Chat,
    features: Vec<Feature>,
}

impl Case {
    /// Whether `feature` is found in it.
    pub fn shows(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }
}

/// Providers' whole answers in `format`.
pub fn answers(format: Chat) -> Vec<Case> {
    files(&format!("answer/{}", format.name()), "json")
        .map(|(path, name, body)| {
            let answer = format.read_answer(&body).unwrap();
            let mut features = usage(answer.usage);
            for choice in &answer.choices {
                features.extend(parts(&choice.parts));
            }
            Case { of: named_after(&name), path, name, format, features }
        })
        .collect()
}

/// Providers' streams in `format`, those that fail left out.
pub fn streams(format: Chat) -> Vec<Case> {
    let extension = match format.framing() {
        Framing::Sse => "sse",
        Framing::Lines => "ndjson",
        Framing::EventStream => "bin",
    };
    files(&format!("stream/{}", format.name()), extension)
        .map(|(path, name, body)| Case {
            of: named_after(&name),
            path,
            name,
            format,
            features: stream(format, &body),
        })
        .collect()
}

/// Providers' errors in `format`.
pub fn errors(format: Chat) -> Vec<Case> {
    files(&format!("error/{}", format.name()), "json")
        .map(|(path, name, _)| Case {
            of: named_after(&name),
            path,
            name,
            format,
            features: vec![Feature::Errors],
        })
        .collect()
}

/// Callers' requests as `provider` is asked in `format`, with what of them it is told.
pub fn requests(provider: &Provider, format: Chat) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |folder: &str, caller: Protocol, of| {
        for (path, name, body) in files(folder, "json") {
            let request = caller.read_request(&body).unwrap();
            if let Some(features) = told(provider, format, &request) {
                cases.push(Case { path, name, of, format, features });
            }
        }
    };
    for caller in Protocol::ALL {
        add(&format!("request/{}", caller.name()), caller, None);
    }
    let dialect = format!("dialect/{}", provider.name);
    if format == Chat::OpenaiChat && crate::cases().join(&dialect).exists() {
        add(&dialect, Protocol::OpenaiChat, Some(provider.name));
    }
    cases
}

/// The features of `request` that `provider` is told of; `None` if it cannot be asked.
fn told(provider: &Provider, format: Chat, request: &Request<'_>) -> Option<Vec<Feature>> {
    let mut features: Vec<_> = request.turns.iter().flat_map(|turn| parts(&turn.parts)).collect();
    // Calls in the history of a conversation are none of tools that are offered, and what a provider runs is no tool of
    // the caller's.
    if request.tools.iter().any(|tool| matches!(tool, Tool::Function { .. })) {
        features.push(Feature::Tools);
    } else {
        features.retain(|feature| !matches!(feature, Feature::Tools | Feature::ParallelTools));
    }
    if matches!(request.output, OutputFormat::Schema { .. }) {
        features.push(Feature::StructuredOutput);
    }
    let changed = match provider.json_schema {
        JsonSchema::Native => None,
        JsonSchema::Tool => forced_tool::force(request).map(|(request, _)| request),
        JsonSchema::Words => forced_tool::in_words(request),
    };
    let request = changed.as_ref().unwrap_or(request);
    let renamed = tool_names::replace(request, format);
    let request = renamed.as_ref().map_or(request, |(request, _)| request);
    let dialect = provider.dialect();
    let target = Target {
        model: "upstream-model",
        dialect: &dialect,
        strict: false,
        default_max_tokens: Some(4096),
        same_format: false,
    };
    let dropped = format.write_request(request, &target).ok()?.dropped;
    let left_out =
        |feature: &Feature| feature.members().iter().any(|name| dropped.iter().any(|it| it == name));
    features.retain(|feature| !left_out(feature));
    Some(features)
}

fn parts(parts: &[Part<'_>]) -> Vec<Feature> {
    let mut features = Vec::new();
    let calls = parts.iter().filter(|part| matches!(part, Part::ToolCall { .. })).count();
    features.extend((0 < calls).then_some(Feature::Tools));
    features.extend((1 < calls).then_some(Feature::ParallelTools));
    for part in parts {
        if matches!(part, Part::Text { citations, .. } if !citations.is_empty()) {
            features.push(Feature::Citations);
        }
        features.extend(match part {
            Part::Text { text, .. } if !text.is_empty() => Some(Feature::Chat),
            Part::Image { .. } => Some(Feature::Images),
            Part::Reasoning { text, .. } if !text.is_empty() => Some(Feature::Reasoning),
            _ => None,
        });
    }
    features
}

fn stream(format: Chat, body: &[u8]) -> Vec<Feature> {
    let (mut decoder, mut reader) = (Decoder::new(format.framing()), Reader::new(format));
    decoder.push(body);
    decoder.finish();
    let (mut features, mut ended) = (Vec::new(), false);
    let mut emit = |event: Event<'_>| match event {
        Event::Delta { delta, .. } => features.extend(match delta {
            Delta::Text(_) => Some(Feature::Stream),
            Delta::Reasoning(_) => Some(Feature::Reasoning),
            Delta::Citation(_) => Some(Feature::Citations),
            Delta::ToolCall { index: 0, .. } => Some(Feature::Tools),
            Delta::ToolCall { .. } => Some(Feature::ParallelTools),
            _ => None,
        }),
        Event::Usage(told) => features.extend(usage(Some(told))),
        Event::End => ended = true,
        _ => {}
    };
    while let Ok(Some(frame)) = decoder.next() {
        reader.frame(&frame, &mut emit);
    }
    reader.finish(&mut emit);
    if ended { features } else { Vec::new() }
}

fn usage(usage: Option<Usage>) -> Vec<Feature> {
    let cached = usage.is_some_and(|usage| 0 < usage.cache_read);
    cached.then_some(Feature::CachedUsage).into_iter().collect()
}

/// The provider that a case is named after: `workers-ai-v1` is one of Workers AI.
fn named_after(name: &str) -> Option<&'static str> {
    let is = |provider: &&Provider| {
        let rest = name.strip_prefix(&provider.name.replace('_', "-"));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    catalog::all().iter().find(is).map(|provider| provider.name)
}

/// The cases in `folder`: path, name, bytes; what is expected of them left out.
fn files(folder: &str, extension: &'static str) -> impl Iterator<Item = (String, String, Vec<u8>)> {
    let entries =
        fs::read_dir(crate::cases().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let folder = folder.to_owned();
    names.into_iter().filter_map(move |file| {
        let name = file.strip_suffix(extension)?.strip_suffix('.')?;
        let path = format!("{folder}/{file}");
        let is_case = !name.contains('.');
        is_case.then(|| (path.clone(), name.to_owned(), fs::read(crate::cases().join(path)).unwrap()))
    })
}
