//! Documents' formats and names.

/// The format of a document, by its media type, else by its name's extension.
pub(super) fn format(media_type: &str, name: Option<&str>) -> Option<&'static str> {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(match essence.as_str() {
        "application/pdf" => "pdf",
        "text/csv" => "csv",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "text/html" => "html",
        "text/markdown" => "md",
        "text/plain" => extension(name).unwrap_or("txt"),
        text if text.starts_with("text/") => "txt",
        _ => return extension(name),
    })
}

const FORMATS: [&str; 9] = ["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"];

/// The format that a name's extension is.
fn extension(name: Option<&str>) -> Option<&'static str> {
    let (_, extension) = name?.rsplit_once('.')?;
    FORMATS.into_iter().find(|format| extension.eq_ignore_ascii_case(format))
}

/// The longest name accepted, in characters.
const MAX_NAME: usize = 200;

/// Names of a request's documents. The provider refuses two that are equal, in one turn or in several.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Those that are taken, in lower case.
    taken: Vec<String>,
}

impl Names {
    /// A name like `asked` that is accepted and not taken: letters, digits, single spaces, hyphens, round and square
    /// brackets; without the extension, which the format tells.
    pub(super) fn name(&mut self, asked: Option<&str>) -> String {
        let name = clean(asked.unwrap_or_default());
        let mut unique = name.clone();
        let mut number = 2_u32;
        while self.taken.contains(&unique.to_ascii_lowercase()) {
            unique = format!("{name} {number}");
            number = number.saturating_add(1);
        }
        self.taken.push(unique.to_ascii_lowercase());
        unique
    }
}

fn clean(asked: &str) -> String {
    let stem = match (extension(Some(asked)), asked.rsplit_once('.')) {
        (Some(_), Some((stem, _))) => stem,
        _ => asked,
    };
    let mut name = String::with_capacity(stem.len());
    for c in stem.trim().chars() {
        let c = match c {
            _ if c.is_whitespace() => ' ',
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '(' | ')' | '[' | ']' => c,
            _ => '-',
        };
        // Neither two spaces in a row nor a row of what could not be kept.
        let repeats = matches!(c, ' ' | '-') && name.ends_with(c);
        // A number that tells two apart must fit behind it.
        if !repeats && name.len() < MAX_NAME - 10 {
            name.push(c);
        }
    }
    let name = name.trim_matches([' ', '-']);
    if name.contains(|c: char| c.is_ascii_alphanumeric()) { name.to_owned() } else { "document".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_type_or_extension() {
        for (media_type, name, expected) in [
            ("application/pdf", None, Some("pdf")),
            ("text/plain; charset=utf-8", None, Some("txt")),
            ("text/plain", Some("notes.MD"), Some("md")),
            ("text/x-rust", None, Some("txt")),
            ("application/octet-stream", Some("a.b.xlsx"), Some("xlsx")),
            ("application/octet-stream", Some("a.exe"), None),
            ("application/zip", None, None),
        ] {
            assert_eq!(format(media_type, name), expected, "{media_type} {name:?}");
        }
    }

    #[test]
    fn names_are_accepted_ones_and_differ() {
        let mut names = Names::default();
        for (asked, expected) in [
            (Some("Q3_report (final).v2.pdf"), "Q3-report (final)-v2"),
            (Some("John's  notes\tof\u{a0}May.docx"), "John-s notes of May"),
            (Some("分기보고서.pdf"), "document"),
            (None, "document 2"),
            (Some("DOCUMENT"), "DOCUMENT 3"),
            (Some("/../etc/passwd"), "etc-passwd"),
            (Some(""), "document 4"),
        ] {
            assert_eq!(names.name(asked), expected);
        }
        assert!(names.name(Some(&"x".repeat(500))).len() <= MAX_NAME);
    }
}
