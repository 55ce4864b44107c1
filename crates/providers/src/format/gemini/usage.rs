//! Tokens counted, in the words of this format: the prompt includes what was cached, the candidates leave thoughts out.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    json::Members,
    usage::{Source, Usage},
};

use super::super::openai_chat::{Many, Number, Object, Text};
use crate::format::json::{ObjectWriter, list};

/// `usageMetadata` as it is told.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Counts<'a> {
    prompt_token_count: Number,
    cached_content_token_count: Number,
    candidates_token_count: Number,
    thoughts_token_count: Number,
    tool_use_prompt_token_count: Number,
    #[serde(borrow)]
    prompt_tokens_details: Many<Object<Modality<'a>>>,
    #[serde(borrow)]
    cache_tokens_details: Many<Object<Modality<'a>>>,
    #[serde(borrow)]
    candidates_tokens_details: Many<Object<Modality<'a>>>,
    #[serde(borrow)]
    tool_use_prompt_tokens_details: Many<Object<Modality<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Modality<'a> {
    #[serde(borrow)]
    modality: Text<'a>,
    token_count: Number,
}

/// The members of `usageMetadata` that are counted here.
const KNOWN: &[&str] = &[
    "promptTokenCount",
    "cachedContentTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "toolUsePromptTokenCount",
    "totalTokenCount",
    "promptTokensDetails",
    "cacheTokensDetails",
    "candidatesTokensDetails",
    "toolUsePromptTokensDetails",
];

/// Reads `usageMetadata`. Counts that are all zero tell nothing, and what is broken is as good as absent.
pub(super) fn read(raw: &RawValue) -> Option<Usage> {
    counted(&serde_json::from_str(raw.get()).ok()?)
}

/// What was used; counts that are all zero tell nothing.
pub(super) fn counted(wire: &Counts<'_>) -> Option<Usage> {
    let count = |number: &Number| number.count().unwrap_or_default();
    let shown =
        pictures(&wire.prompt_tokens_details).saturating_add(pictures(&wire.tool_use_prompt_tokens_details));
    let heard =
        audio(&wire.prompt_tokens_details).saturating_add(audio(&wire.tool_use_prompt_tokens_details));
    let input = count(&wire.prompt_token_count).saturating_add(count(&wire.tool_use_prompt_token_count));
    let cache_read = count(&wire.cached_content_token_count).min(input);
    let audio_in =
        heard.saturating_sub(audio(&wire.cache_tokens_details)).min(input.saturating_sub(cache_read));
    let plain = input.saturating_sub(cache_read).saturating_sub(audio_in);
    let image_in = shown.saturating_sub(pictures(&wire.cache_tokens_details)).min(plain);
    let candidates = count(&wire.candidates_token_count);
    let audio_out = audio(&wire.candidates_tokens_details).min(candidates);
    let image_out = pictures(&wire.candidates_tokens_details).min(candidates.saturating_sub(audio_out));
    let usage = Usage {
        input_uncached: plain.saturating_sub(image_in),
        cache_read,
        audio_in,
        image_in,
        output_text: candidates.saturating_sub(audio_out).saturating_sub(image_out),
        reasoning: count(&wire.thoughts_token_count),
        audio_out,
        image_out,
        source: Source::Provider,
        ..Usage::default()
    };
    (0 < usage.total()).then_some(usage)
}

fn audio(details: &Many<Object<Modality<'_>>>) -> u64 {
    of("AUDIO", details)
}

fn pictures(details: &Many<Object<Modality<'_>>>) -> u64 {
    of("IMAGE", details)
}

fn of(modality: &str, details: &Many<Object<Modality<'_>>>) -> u64 {
    let details = details.0.iter().filter_map(|detail| detail.0.as_ref());
    let counted = details.filter(|detail| detail.modality.0.as_deref() == Some(modality));
    counted.filter_map(|detail| detail.token_count.count()).fold(0, u64::saturating_add)
}

/// What `usageMetadata` tells beside counts.
pub(super) fn rest(raw: &RawValue) -> Members<'_> {
    let mut members: Members<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    members.0.retain(|(name, _)| !KNOWN.contains(&&**name));
    members
}

/// Writes the value of `usageMetadata`, and after it the `rest` that this format told beside counts.
pub(super) fn write(out: &mut Vec<u8>, usage: &Usage, rest: &Members<'_>) {
    let mut object = ObjectWriter::open(out);
    object.set("promptTokenCount", &usage.input());
    if 0 < usage.cache_read {
        object.set("cachedContentTokenCount", &usage.cache_read);
    }
    object.set("candidatesTokenCount", &usage.output().saturating_sub(usage.reasoning));
    if 0 < usage.reasoning {
        object.set("thoughtsTokenCount", &usage.reasoning);
    }
    object.set("totalTokenCount", &usage.total());
    if 0 < usage.audio_in || 0 < usage.image_in {
        let text = usage.input().saturating_sub(usage.audio_in).saturating_sub(usage.image_in);
        modalities(object.member("promptTokensDetails"), text, usage.audio_in, usage.image_in);
    }
    if 0 < usage.audio_out || 0 < usage.image_out {
        let details = object.member("candidatesTokensDetails");
        modalities(details, usage.output_text, usage.audio_out, usage.image_out);
    }
    for (name, raw) in &rest.0 {
        object.raw(name, raw.text());
    }
    object.close();
}

fn modalities(out: &mut Vec<u8>, text: u64, audio: u64, pictures: u64) {
    let told =
        [("TEXT", text), ("AUDIO", audio), ("IMAGE", pictures)].into_iter().filter(|(_, count)| 0 < *count);
    list(out, told, |out, (modality, count)| {
        let mut object = ObjectWriter::open(out);
        object.set("modality", modality);
        object.set("tokenCount", &count);
        object.close();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(json: &str) -> Option<Usage> {
        read(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn every_token_is_counted_once() {
        for (json, expected) in [
            (
                r#"{"promptTokenCount":100,"cachedContentTokenCount":64,"candidatesTokenCount":12,"thoughtsTokenCount":30,"toolUsePromptTokenCount":5,"totalTokenCount":147}"#,
                Usage {
                    input_uncached: 41,
                    cache_read: 64,
                    output_text: 12,
                    reasoning: 30,
                    ..Usage::default()
                },
            ),
            (
                r#"{"promptTokenCount":100,"cachedContentTokenCount":30,"candidatesTokenCount":12,
                    "promptTokensDetails":[{"modality":"TEXT","tokenCount":40},{"modality":"AUDIO","tokenCount":60}],
                    "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":20}],
                    "candidatesTokensDetails":[{"modality":"AUDIO","tokenCount":10}]}"#,
                Usage {
                    input_uncached: 30,
                    cache_read: 30,
                    audio_in: 40,
                    output_text: 2,
                    audio_out: 10,
                    ..Usage::default()
                },
            ),
            (
                r#"{"promptTokenCount":300,"candidatesTokenCount":1300,
                    "promptTokensDetails":[{"modality":"TEXT","tokenCount":42},{"modality":"IMAGE","tokenCount":258}],
                    "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1290}]}"#,
                Usage {
                    input_uncached: 42,
                    image_in: 258,
                    output_text: 10,
                    image_out: 1_290,
                    ..Usage::default()
                },
            ),
        ] {
            let read = usage(json).unwrap();
            assert_eq!(read, expected);
            let mut out = Vec::new();
            write(&mut out, &read, &Members::default());
            assert_eq!(usage(std::str::from_utf8(&out).unwrap()), Some(expected));
        }
    }

    #[test]
    fn zeros_and_nonsense_tell_nothing() {
        for json in ["{}", r#"{"promptTokenCount":0}"#, r#"{"promptTokenCount":"many"}"#, "7"] {
            assert_eq!(usage(json), None, "{json}");
        }
    }
}
