//! Tokens are made here letter by letter, so that no file holds one.

use std::collections::BTreeSet;

use super::{rules::RULES, *};

/// Letters drawn by a small generator, always the same.
fn drawn(seed: u64, count: usize, allowed: impl Fn(u8) -> bool) -> String {
    let letters: Vec<u8> =
        (b'0'..=b'z').filter(|&byte| byte.is_ascii_alphanumeric() && allowed(byte)).collect();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        letters[(state >> 33) as usize % letters.len()] as char
    };
    (0..count).map(|_| next()).collect()
}

fn alphanumeric(seed: u64, count: usize) -> String {
    drawn(seed, count, |_| true)
}

#[test]
fn every_form_is_found_in_quotes_in_assignments_and_alone() {
    let kinds: BTreeSet<&str> = RULES.iter().map(|rule| rule.kind).collect();
    assert!(60 <= kinds.len(), "{}", kinds.len());
    for (seed, rule) in RULES.iter().enumerate() {
        for length in [rule.least, rule.most.min(rule.least + 20)] {
            let token =
                format!("{}{}", rule.prefix, drawn(seed as u64, length, |byte| rule.letters.has(byte)));
            for (before, after) in
                [("", ""), ("key=\"", "\";"), ("KEY=", "\nNEXT=1"), ("use ", ", please."), ("(`", "`)")]
            {
                let found = find(&format!("{before}{token}{after}"));
                assert_eq!(found.len(), 1, "{} in {before:?}", rule.kind);
                assert_eq!(
                    found[0].span,
                    before.len()..before.len() + token.len(),
                    "{} in {before:?}",
                    rule.kind
                );
            }
        }
    }
}

#[test]
fn tokens_with_a_mark_inside_are_found() {
    let hex = |seed, count| drawn(seed, count, |byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let cases = [
        ("azure_ad_secret", format!("{}8Q~{}", alphanumeric(1, 3), alphanumeric(2, 34))),
        (
            "telegram_bot_token",
            format!("{}:AA{}", drawn(3, 9, |byte| byte.is_ascii_digit()), alphanumeric(4, 33)),
        ),
        ("mailchimp_key", format!("{}-us{}", hex(5, 32), 12)),
        ("terraform_token", format!("{}.atlasv1.{}", alphanumeric(6, 14), alphanumeric(7, 64))),
        ("jwt", format!("eyJ{}.eyJ{}.{}", alphanumeric(8, 17), alphanumeric(9, 400), alphanumeric(10, 43))),
        ("connection_string", format!("postgres://app:{}@db.example.org:5432/x", alphanumeric(11, 14))),
        (
            "slack_webhook",
            format!(
                "https://hooks.slack.com/services/T{}/B{}/{}",
                alphanumeric(12, 8),
                alphanumeric(13, 8),
                alphanumeric(14, 24)
            ),
        ),
    ];
    for (kind, token) in cases {
        for (before, after) in [("", ""), ("x = \"", "\""), ("see ", " there")] {
            let found = find(&format!("{before}{token}{after}"));
            assert_eq!(
                found,
                [Finding { span: before.len()..before.len() + token.len(), kind }],
                "{kind} {before:?}"
            );
        }
    }
}

#[test]
fn private_keys_are_found_whole_however_their_lines_end() {
    for label in
        ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY", "PGP PRIVATE KEY BLOCK"]
    {
        for end in ["\n", "\\n", "\r\n"] {
            let lines: Vec<String> = (0..40).map(|line| alphanumeric(line, 64)).collect();
            let key = format!("-----BEGIN {label}-----{end}{}{end}-----END {label}-----", lines.join(end));
            let text = format!("key: {key} and more");
            assert_eq!(find(&text), [Finding { span: 5..5 + key.len(), kind: "private_key" }], "{label}");
            assert_eq!(find(text.split_at(900).0)[0].span, 5..900, "one that is cut off");
        }
    }
    for text in
        ["-----BEGIN PRIVATE KEY----- starts a key", "-----BEGIN CERTIFICATE-----\nMIIB", "----- and --"]
    {
        assert!(find(text).is_empty(), "{text}");
    }
}

#[test]
fn assigned_values_are_found_where_they_look_drawn() {
    let password = format!("{}!{}", drawn(1, 7, |_| true), drawn(2, 6, |_| true));
    let token = alphanumeric(3, 40);
    for text in [
        format!("password = \"{password}\""),
        format!("DB_PASSWORD={password}"),
        format!("\"clientSecret\": \"{token}\""),
        format!("client_secret: {token}"),
        format!("--password {password} "),
        format!("Authorization: Bearer {token}"),
        format!("api_key => '{token}'"),
        format!("AccountKey={token}{token}=="),
    ] {
        assert_eq!(find(&text).len(), 1, "{text}");
    }
}

#[test]
fn what_only_looks_like_a_secret_passes() {
    for text in [
        "550e8400-e29b-41d4-a716-446655440000",
        "token: 550e8400-e29b-41d4-a716-446655440000",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "password = os.environ[\"DB_PASSWORD\"]",
        "password: ${DB_PASSWORD}",
        "api_key = \"your-api-key-here\"",
        "API_KEY=xxxxxxxxxxxxxxxxxxxxxxxx",
        "password = getPassword(user.id)",
        "the password is correct horse battery staple",
        "token = tokenizer.encode(text)",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUA",
        "sk-learn-contrib-and-other-packages-to-install",
        "sk-proj-your-key-goes-here-please-replace-it",
        "postgres://user:password@localhost/db",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "secret: the butler did it",
        "max_tokens=2048, token_type=\"bearer\"",
    ] {
        assert_eq!(find(text), [], "{text}");
    }
    let placeholder = format!("AKIA{}", "X".repeat(16));
    assert_eq!(find(&placeholder), []);
}

#[test]
fn a_hint_shows_four_characters_of_long_values_only() {
    assert_eq!(hint("abcdefghijklmnop"), "mnop");
    assert_eq!(hint("short"), "");
}
