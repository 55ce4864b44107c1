//! YAML with positions: values that know their line and column, and everything that is wrong with how they are
//! written.
//!
//! Plain scalars are read by YAML 1.2's core schema, so `off` and `no` are text. Anchors and aliases work. Tags, merge
//! keys and several documents in one file do not, and are said so.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};
use sluice_core::config::path::{Path, Step};

/// A place in the file; lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl From<Marker> for Position {
    fn from(marker: Marker) -> Self {
        Self { line: marker.line(), column: marker.col() + 1 }
    }
}

/// Something wrong with how the file is written.
#[derive(Clone, Debug)]
pub struct Flaw {
    /// Where.
    pub position: Position,
    /// What.
    pub message: String,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    position: Position,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Scalar(Value),
    List(Vec<Node>),
    Object(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
struct Key {
    text: String,
    position: Position,
}

impl Node {
    /// The value without positions.
    pub fn value(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Kind::Object(members) => Value::Object(
                members.iter().map(|(key, node)| (key.text.clone(), node.value())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// Where `path` leads to, or the nearest thing that is there: the key of a member, the start of an element.
    pub fn position(&self, path: &Path) -> Position {
        let (mut node, mut position) = (self, self.position);
        for step in &path.0 {
            let next = match (step, &node.kind) {
                (Step::Key(name), Kind::Object(members)) => {
                    members.iter().find(|(key, _)| key.text == *name).map(|(key, node)| (key.position, node))
                }
                (Step::Index(index), Kind::List(items)) => {
                    items.get(*index).map(|item| (item.position, item))
                }
                _ => None,
            };
            let Some((at, child)) = next else { break };
            (position, node) = (at, child);
        }
        position
    }
}

/// What a text says, and what is wrong with how it says it. An empty text says an empty object.
pub fn read(text: &str) -> (Node, Vec<Flaw>) {
    let mut reader = Reader {
        parser: Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)),
        anchors: HashMap::new(),
        flaws: Vec::new(),
        nodes: 0,
    };
    let empty = Node { position: Position { line: 1, column: 1 }, kind: Kind::Object(Vec::new()) };
    let root = reader.document().unwrap_or_else(|flaw| {
        reader.flaws.push(flaw);
        None
    });
    let root = root.filter(|node| !matches!(node.kind, Kind::Scalar(Value::Null)));
    (root.unwrap_or(empty), reader.flaws)
}

/// More values than any configuration has; aliases of aliases grow without bounds.
const MOST_NODES: usize = 200_000;
/// Deeper than any configuration is.
const DEEPEST: usize = 64;

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    flaws: Vec<Flaw>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Option<Node>, Flaw> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(flaw(span, "a second document begins here; one file holds one"));
                }
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                event => root = Some(self.node(event, span, 0)?),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Flaw> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            None => Ok((Event::StreamEnd, Span::default())),
            Some(Err(error)) => Err(Flaw {
                position: (*error.marker()).into(),
                message: format!("not YAML: {}", error.info()),
            }),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Flaw> {
        self.nodes += 1;
        if DEEPEST < depth || MOST_NODES < self.nodes {
            return Err(flaw(span, "nested too deep, or too much of it"));
        }
        let position = span.start.into();
        let (anchor, kind) = match event {
            Event::Alias(anchor) => {
                let node = self
                    .anchors
                    .get(&anchor)
                    .ok_or_else(|| flaw(span, "an alias of what is not complete"))?;
                let node = Node { position, kind: node.kind.clone() };
                self.nodes += size(&node);
                return Ok(node);
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                (anchor, Kind::Scalar(self.scalar(&text, style, span)))
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                (anchor, self.list(depth)?)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                (anchor, self.object(depth)?)
            }
            _ => return Err(flaw(span, "not YAML: a value is missing here")),
        };
        let node = Node { position, kind };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Kind, Flaw> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Kind::List(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Kind, Flaw> {
        let mut members: Vec<(Key, Node)> = Vec::new();
        loop {
            let (text, span) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Kind::Object(members)),
                (Event::Scalar(text, ..), span) => (text.into_owned(), span),
                (_, span) => return Err(flaw(span, "the name of a member must be plain text")),
            };
            let position = Position::from(span.start);
            let (event, value_span) = self.next()?;
            let node = self.node(event, value_span, depth + 1)?;
            if text == "<<" {
                self.flaws.push(flaw(span, "merge keys (`<<`) are not supported; write the members out"));
            } else if let Some((first, _)) = members.iter().find(|(key, _)| key.text == text) {
                let message = format!(
                    "`{text}` stands here a second time; it is already in line {}",
                    first.position.line
                );
                self.flaws.push(Flaw { position, message });
            } else {
                members.push((Key { text, position }, node));
            }
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Value {
        if style != ScalarStyle::Plain {
            return Value::String(text.to_owned());
        }
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
            "true" | "True" | "TRUE" => return Value::Bool(true),
            "false" | "False" | "FALSE" => return Value::Bool(false),
            ".inf" | ".Inf" | ".INF" | "+.inf" | "-.inf" | ".nan" | ".NaN" | ".NAN" => {
                self.flaws.push(flaw(span, "only finite numbers are numbers here"));
                return Value::Null;
            }
            _ => {}
        }
        number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number)
    }

    fn refuse_tag(&mut self, tagged: bool, span: Span) {
        if tagged {
            self.flaws
                .push(flaw(span, "tags (`!…`) are not supported; quote the text if it is meant as text"));
        }
    }
}

/// A number of YAML's core schema; one without a fraction is whole (`2.0` is 2).
fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.bytes().all(|b| b.is_ascii_digit()) && !digits.is_empty() {
        return text.strip_prefix('+').unwrap_or(text).parse::<i64>().ok().map(Number::from);
    }
    let float = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+');
    if !digits.bytes().all(float) || !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite())?;
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar(_) => 1,
        Kind::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Object(members) => 1 + members.iter().map(|(_, node)| size(node)).sum::<usize>(),
    }
}

fn flaw(span: Span, message: &str) -> Flaw {
    Flaw { position: span.start.into(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        let (node, flaws) = read(text);
        assert!(flaws.is_empty(), "{flaws:?}");
        node.value()
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let read =
            value("{a: off, b: 2, c: 2.0, d: 0.5, e: ~, f: '2', g: 1e3, h: 1.2.3, i: -4, j: $X, k: 9:30}");
        let wanted = serde_json::json!({"a": "off", "b": 2, "c": 2, "d": 0.5, "e": null, "f": "2", "g": 1000,
            "h": "1.2.3", "i": -4, "j": "$X", "k": "9:30"});
        assert_eq!(read, wanted);
    }

    #[test]
    fn nothing_but_comments_is_an_empty_object() {
        for text in ["", "\n", "# nothing\n", "---\n", "---\n...\n", "~", "\u{feff}"] {
            assert_eq!(value(text), serde_json::json!({}), "{text:?}");
        }
    }

    #[test]
    fn positions_are_those_of_keys_and_elements() {
        let (node, _) = read("models:\n  a:\n    targets:\n      - x/y\n      - { model: z }\n");
        let at = |path: Path| node.position(&path);
        let targets = Path::default().key("models").key("a").key("targets");
        assert_eq!(at(targets.index(1)), Position { line: 5, column: 9 });
        assert_eq!(at(targets.index(1).key("model")), Position { line: 5, column: 11 });
        assert_eq!(at(targets.index(1).key("timeout")), Position { line: 5, column: 9 });
        assert_eq!(at(Path::default().key("providers")), Position { line: 1, column: 1 });
    }

    #[test]
    fn aliases_work_and_cannot_explode() {
        assert_eq!(value("a: &x [1, 2]\nb: *x\n")["b"], serde_json::json!([1, 2]));
        let mut bomb = String::from("a0: &a0 [1, 2]\n");
        for level in 1..40 {
            let before = level - 1;
            bomb.push_str(&format!("a{level}: &a{level} [*a{before}, *a{before}, *a{before}, *a{before}]\n"));
        }
        assert!(read(&bomb).1[0].message.contains("too much"));
    }
}
