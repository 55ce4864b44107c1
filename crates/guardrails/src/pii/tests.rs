use super::*;

/// A text, with what is found marked as `<<kind:value>>`.
const CASES: &str = include_str!("cases.txt");

/// The text without its marks, and the findings they mean.
fn unmark(case: &str) -> (String, Vec<Finding>) {
    let (mut plain, mut findings) = (String::new(), Vec::new());
    let mut rest = case;
    while let Some((before, behind)) = rest.split_once("<<") {
        let (marked, after) = behind.split_once(">>").unwrap();
        let (kind, value) = marked.split_once(':').unwrap();
        plain.push_str(before);
        let start = plain.len();
        plain.push_str(value);
        let kind = Kind::from_name(kind).unwrap_or_else(|| panic!("no kind {kind}")).name();
        findings.push(Finding { span: start..plain.len(), kind });
        rest = after;
    }
    plain.push_str(rest);
    (plain, findings)
}

#[test]
fn cases_are_found_where_they_are_marked() {
    let settings = Settings { kinds: Kinds::all(), ..Settings::default() };
    let (mut count, mut wrong) = (0, Vec::new());
    for case in CASES.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        let (plain, expected) = unmark(&case.replace("\\n", "\n"));
        let found = find(&settings, &plain);
        if found != expected {
            wrong.push(format!("{plain}: {found:?}, not {expected:?}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(80 <= count);
}

#[test]
fn allowed_values_domains_and_patterns_pass() {
    let allow = Allow::default().value("+44 20 7946 0000").domain("example.org").pattern("4111.*").unwrap();
    let settings = Settings { allow, ..Settings::default() };
    for text in
        ["help@example.org", "Help@Mail.Example.org", "call +44 20 7946 0000", "card 4111 1111 1111 1111"]
    {
        assert!(find(&settings, text).is_empty(), "{text}");
    }
    assert_eq!(find(&settings, "a@badexample.org").len(), 1);
    assert!(Allow::default().pattern("(").is_err());
}

#[test]
fn kinds_have_names_of_their_own() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_name(kind.name()), Some(kind));
        assert!(Kinds::all().has(kind) && !Kinds::all().without(kind).has(kind));
    }
}
