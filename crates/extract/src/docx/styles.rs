//! What a document's styles mean: which are headings, code, lists.

use std::collections::HashMap;

use quick_xml::{Reader, events::BytesStart, events::Event};

/// Styles by their ids.
#[derive(Default)]
pub(crate) struct Styles(HashMap<String, Style>);

#[derive(Default)]
struct Style {
    /// Its name in lower case; built-in names are English whatever the language of the program.
    name: String,
    /// Its outline level: 1 to 9.
    level: Option<u8>,
    based_on: Option<String>,
}

/// What a paragraph's style makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A heading of a level from 1 to 6.
    Heading(u8),
    /// Code.
    Code,
    /// An item of a list.
    Item,
    /// Anything else.
    Plain,
}

/// Styles kept; a document with more has lost its mind.
const MOST: usize = 20_000;

impl Styles {
    /// Reads the styles' part, as far as it can be read.
    pub(crate) fn read(xml: &str) -> Self {
        let mut styles = HashMap::new();
        let mut reader = Reader::from_str(xml);
        reader.config_mut().check_end_names = false;
        let mut open: Option<(String, Style)> = None;
        while styles.len() < MOST {
            match reader.read_event() {
                Ok(Event::Start(tag) | Event::Empty(tag)) => match (tag.local_name().as_ref(), &mut open) {
                    ("style", _) => open = attribute(&tag, "styleId").map(|id| (id, Style::default())),
                    ("name", Some((_, style))) => {
                        style.name = attribute(&tag, "val").unwrap_or_default().to_lowercase();
                    }
                    ("basedOn", Some((_, style))) => style.based_on = attribute(&tag, "val"),
                    ("outlineLvl", Some((_, style))) => style.level = outline(&tag),
                    _ => {}
                },
                Ok(Event::End(tag)) if tag.local_name().as_ref() == "style" => {
                    if let Some((id, style)) = open.take() {
                        styles.insert(id, style);
                    }
                }
                Ok(Event::Eof) | Err(_) => break,
                Ok(_) => {}
            }
        }
        Self(styles)
    }

    pub(crate) fn role(&self, id: &str) -> Role {
        let mut id = id;
        // A chain of styles that are based on each other ends somewhere, or in a circle.
        for _ in 0..16 {
            let own = self.0.get(id);
            let name = own.map_or(id, |style| style.name.as_str()).to_lowercase();
            if let Some(role) = by_name(&name) {
                return role;
            }
            if let Some(level) = own.and_then(|style| style.level) {
                return Role::Heading(level.min(6));
            }
            match own.and_then(|style| style.based_on.as_deref()) {
                Some(next) => id = next,
                None => break,
            }
        }
        Role::Plain
    }
}

fn by_name(name: &str) -> Option<Role> {
    let squeezed: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    if let Some(level) = squeezed.strip_prefix("heading").and_then(|level| level.parse::<u8>().ok()) {
        return (1..=9).contains(&level).then_some(Role::Heading(level.min(6)));
    }
    match squeezed.as_str() {
        "title" => Some(Role::Heading(1)),
        "code" | "sourcecode" | "htmlpreformatted" | "preformattedtext" | "plaintext" | "codeblock" => {
            Some(Role::Code)
        }
        _ if squeezed.starts_with("listparagraph") => None,
        _ if squeezed.starts_with("listbullet") || squeezed.starts_with("listnumber") => Some(Role::Item),
        _ => None,
    }
}

/// A paragraph's or style's outline level, from 1; 9 in the file means body text.
pub(crate) fn outline(tag: &BytesStart<'_>) -> Option<u8> {
    let level = attribute(tag, "val")?.parse::<u8>().ok()?;
    (level < 9).then_some(level + 1)
}

/// An attribute by its local name, whatever prefix its namespace has.
pub(crate) fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    tag.attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)
        .map(|attribute| match quick_xml::escape::unescape(&attribute.value) {
            Ok(value) => value.into_owned(),
            Err(_) => attribute.value.into_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_tell_headings_whatever_they_are_called() {
        let styles = Styles::read(
            r#"<w:styles xmlns:w="w"><w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>
            <w:style w:styleId="Own"><w:name w:val="Chapter"/><w:basedOn w:val="berschrift2"/></w:style>
            <w:style w:styleId="Lvl"><w:name w:val="x"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style>
            <w:style w:styleId="A"><w:name w:val="a"/><w:basedOn w:val="B"/></w:style>
            <w:style w:styleId="B"><w:name w:val="b"/><w:basedOn w:val="A"/></w:style></w:styles>"#,
        );
        for (id, role) in [
            ("berschrift2", Role::Heading(2)),
            ("Own", Role::Heading(2)),
            ("Lvl", Role::Heading(3)),
            ("A", Role::Plain),
            ("Heading1", Role::Heading(1)),
            ("unknown", Role::Plain),
        ] {
            assert_eq!(styles.role(id), role, "{id}");
        }
    }
}
