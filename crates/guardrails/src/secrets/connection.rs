//! Connection strings that carry a password: `postgres://user:password@host/database`.

use super::placeholder;
use crate::{
    scan::{Flags, Segment},
    text,
};

/// Adds a connection string with a password, and web hooks whose path is the credential.
pub(super) fn detect(segment: &Segment<'_>, add: &mut impl FnMut(&'static str, usize, usize)) {
    if !(segment.flags.any(Flags::SLASHES) && segment.flags.any(Flags::COLON)) {
        return;
    }
    let run = segment.str();
    let Some(slashes) = text::find(run, "://") else { return };
    let scheme_start = run
        .get(..slashes)
        .unwrap_or("")
        .rfind(|character: char| !character.is_ascii_alphanumeric() && !matches!(character, '+' | '-' | '.'))
        .map_or(0, |at| at + 1);
    let end = segment.start + run.trim_end_matches(['.', '!', '?', ':', '*']).len();
    let start = segment.start + scheme_start;
    let rest = text::part(run, slashes + 3, run.len());
    const HOOKS: &[(&str, &str, usize)] = &[
        ("hooks.slack.com/services/T", "slack_webhook", 30),
        ("hooks.slack.com/workflows/", "slack_webhook", 30),
        ("discord.com/api/webhooks/", "discord_webhook", 60),
        ("discordapp.com/api/webhooks/", "discord_webhook", 60),
        ("api.telegram.org/bot", "telegram_bot_token", 40),
    ];
    for (host, kind, shortest) in HOOKS {
        if rest.starts_with(host)
            && host.len() + shortest <= rest.len()
            && !placeholder(text::part(rest, host.len(), rest.len()))
        {
            add(kind, start, end);
            return;
        }
    }
    let authority = text::part(rest, 0, rest.find('/').unwrap_or(rest.len()));
    let Some((credentials, host)) = authority.rsplit_once('@') else { return };
    let Some((_, password)) = credentials.split_once(':') else { return };
    let real = 3 <= password.len()
        && !placeholder(password)
        && !matches!(password, "pass" | "pwd" | "user" | "guest" | "root" | "postgres" | "admin");
    if real && !host.is_empty() {
        add("connection_string", start, end);
    }
}
