//! What families of models take, as data. From Google's guides as of 2026-07, not tried against live models.

use sluice_types::chat::Effort;

/// What a family of models takes.
#[derive(Debug)]
pub(super) struct Family {
    /// A model belongs here if its name holds this.
    name: &'static str,
    pub(super) thinking: Style,
    /// Whether functions and a form of the answer may be asked for together.
    pub(super) form_with_tools: bool,
    /// Whether a function's response may hold pictures and documents.
    pub(super) rich_results: bool,
}

/// How a family is told how much to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// It is not: the member is refused.
    Never,
    /// By a number of tokens.
    Budget {
        least: u32,
        most: u32,
        /// Whether it can be told not to think.
        off: bool,
    },
    /// By levels, smallest first; it always thinks.
    Levels(&'static [Effort]),
}

const LOW_HIGH: Style = Style::Levels(&[Effort::Low, Effort::High]);
const LOW_TO_HIGH: Style = Style::Levels(&[Effort::Low, Effort::Medium, Effort::High]);
const ALL: Style = Style::Levels(&[Effort::Minimal, Effort::Low, Effort::Medium, Effort::High]);

const fn family(name: &'static str, thinking: Style, newer: bool) -> Family {
    Family { name, thinking, form_with_tools: newer, rich_results: newer }
}

const fn budget(least: u32, most: u32, off: bool) -> Style {
    Style::Budget { least, most, off }
}

/// The last of the families: models newer than this table, and aliases such as `gemini-flash-latest`.
const NEWEST: Family = family("", LOW_TO_HIGH, true);

/// The families; the first that fits counts.
const FAMILIES: &[Family] = &[
    family("gemini-2.5-flash-image", Style::Never, false),
    family("gemini-2.5-flash-lite", budget(512, 24_576, true), false),
    family("gemini-2.5-flash", budget(1, 24_576, true), false),
    family("gemini-2.5-pro", budget(128, 32_768, false), false),
    family("gemini-2.5", budget(128, 24_576, false), false),
    family("gemini-robotics-er-1.5", budget(1, 24_576, true), false),
    family("gemini-2", Style::Never, false),
    family("gemini-1", Style::Never, false),
    family("gemma", Style::Never, false),
    family("learnlm", Style::Never, false),
    family("gemini-3-pro-image", Style::Never, true),
    family("gemini-3-pro", LOW_HIGH, true),
    family("gemini-3.1-pro", LOW_TO_HIGH, true),
    family("gemini-3", ALL, true),
    NEWEST,
];

/// The family `model` belongs to.
pub(super) fn family_of(model: &str) -> &'static Family {
    const LAST: &Family = &NEWEST;
    let name = model.to_ascii_lowercase();
    FAMILIES.iter().find(|family| name.contains(family.name)).unwrap_or(LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_told_apart_by_their_names() {
        for (model, thinking) in [
            ("gemini-2.5-flash-lite-preview-09-2025", budget(512, 24_576, true)),
            ("models/gemini-2.5-flash", budget(1, 24_576, true)),
            ("google/gemini-2.5-pro", budget(128, 32_768, false)),
            ("gemini-2.0-flash-001", Style::Never),
            ("gemini-3-pro-preview", LOW_HIGH),
            ("gemini-3.5-flash", ALL),
            ("gemini-flash-latest", LOW_TO_HIGH),
            ("gemini-9-nova", LOW_TO_HIGH),
        ] {
            assert_eq!(family_of(model).thinking, thinking, "{model}");
        }
    }
}
