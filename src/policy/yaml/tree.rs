//! YAML text -> a tree of nodes with places. YAML 1.2 core schema, so that `no` is a text; no anchors, no tags, no
//! duplicate keys, one document per file.

use serde_json::{Number, Value};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use crate::policy::yaml::{Fault, Step};

/// A place in a file, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// One value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Everything else.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order written.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The same as JSON.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(value) => Value::Number(value.clone()),
            Kind::Text(value) => Value::String(value.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Kind::Map(entries) => Value::Object(entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect()),
        }
    }

    /// The node at this path, or the nearest one above it.
    pub fn at(&self, path: &[Step<'_>]) -> &Self {
        let Some((first, rest)) = path.split_first() else {
            return self;
        };
        let below = match (first, &self.kind) {
            (Step::Key(key), Kind::Map(entries)) => entries.iter().find(|e| e.key == **key).map(|e| &e.value),
            (Step::Item(index), Kind::List(items)) => items.get(*index),
            _ => None,
        };
        below.map_or(self, |node| node.at(rest))
    }

    /// What it is, in a word.
    pub fn sort(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }
}

/// Reads one document. An empty file is an empty mapping.
pub fn read(text: &str, file: &str) -> Result<Node, Vec<Fault>> {
    let mut reader = Reader { parser: Parser::new_from_str(text), file, faults: Vec::new() };
    let root = reader.document().unwrap_or(None); // the fault that stopped it is noted
    match root {
        Some(root) if reader.faults.is_empty() => Ok(root),
        None if reader.faults.is_empty() => {
            Ok(Node { place: Place { line: 1, column: 1 }, kind: Kind::Map(Vec::new()) })
        }
        _ => Err(reader.faults),
    }
}

/// Reading cannot go on; the fault is already noted.
struct Stop;

struct Reader<'a> {
    parser: Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>,
    file: &'a str,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Place), Stop> {
        loop {
            match self.parser.next_event() {
                Some(Ok((Event::Comment(..) | Event::StreamStart | Event::DocumentEnd, _))) => {}
                Some(Ok((event, span))) => return Ok((event, place(&span))),
                Some(Err(error)) => {
                    let at = Place { line: error.marker().line(), column: error.marker().col() + 1 };
                    self.note(at, "", explain(&error), None);
                    return Err(Stop);
                }
                None => return Ok((Event::StreamEnd, Place { line: 1, column: 1 })),
            }
        }
    }

    fn note(&mut self, place: Place, key: &str, cause: impl Into<String>, fix: Option<&str>) {
        self.faults.push(Fault {
            file: self.file.to_owned(),
            place,
            key: key.to_owned(),
            cause: cause.into(),
            fix: fix.map(str::to_owned),
        });
    }

    fn document(&mut self) -> Result<Option<Node>, Stop> {
        match self.next()? {
            (Event::DocumentStart(..), _) => {}
            _ => return Ok(None),
        }
        let first = self.next()?;
        let root = self.node(first)?;
        if let (Event::DocumentStart(..), place) = self.next()? {
            self.note(place, "", "a second document begins here", Some("put each document into a file of its own"));
        }
        Ok(match root.kind {
            Kind::Null => None,
            _ => Some(root),
        })
    }

    fn node(&mut self, (event, place): (Event<'a>, Place)) -> Result<Node, Stop> {
        let kind = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.plainness(place, anchor, tag.is_some());
                match style {
                    ScalarStyle::Plain => plain(&text),
                    _ => Kind::Text(text.into_owned()),
                }
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.plainness(place, anchor, tag.is_some());
                Kind::List(self.list()?)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.plainness(place, anchor, tag.is_some());
                Kind::Map(self.map()?)
            }
            Event::Alias(_) => {
                self.note(place, "", "aliases are not allowed", Some("write the value out"));
                Kind::Null
            }
            _ => {
                self.note(place, "", "a value was expected here", None);
                return Err(Stop);
            }
        };
        Ok(Node { place, kind })
    }

    fn plainness(&mut self, place: Place, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.note(place, "", "anchors are not allowed", Some("write the value out where it is used"));
        }
        if tagged {
            self.note(place, "", "tags are not allowed", Some("leave the `!tag` out, quote a text if it must be one"));
        }
    }

    fn list(&mut self) -> Result<Vec<Node>, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                event => items.push(self.node(event)?),
            }
        }
    }

    fn map(&mut self) -> Result<Vec<Entry>, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (key, place) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(entries),
                (Event::Scalar(key, ..), place) => (key.into_owned(), place),
                (_, place) => {
                    self.note(place, "", "a key must be a plain text", None);
                    return Err(Stop);
                }
            };
            let event = self.next()?;
            let value = self.node(event)?;
            if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                let cause = format!("duplicate key `{key}`, first given in line {}", first.place.line);
                self.note(place, &key, cause, Some("keep one of them"));
                continue;
            }
            entries.push(Entry { key, place, value });
        }
    }
}

fn place(span: &Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

fn explain(error: &ScanError) -> String {
    match error.info() {
        info if info.is_empty() => "not valid YAML".to_owned(),
        info => format!("not valid YAML: {info}"),
    }
}

/// Resolves a plain scalar by the core schema (YAML 1.2.2 section 10.3.2), decimal numbers only.
fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
        && text.bytes().any(|byte| byte.is_ascii_digit());
    if !numeric {
        return Kind::Text(text.to_owned());
    }
    let whole = text.parse::<u64>().map(Number::from).or_else(|_| text.parse::<i64>().map(Number::from));
    match whole.ok().or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64)) {
        Some(number) => Kind::Number(number),
        None => Kind::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        read(text, "f.yaml").map(|_| Vec::new()).unwrap_or_else(|faults| faults.iter().map(Fault::to_string).collect())
    }

    #[test]
    fn duplicate_keys_anchors_and_aliases_are_all_reported() {
        let found = faults("a: 1\nb: &x 2\nc: *x\na: 3\n");
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("f.yaml:2:"), "{found:?}");
        assert_eq!(found[2], "f.yaml:4:1: a: duplicate key `a`, first given in line 1; keep one of them");
    }

    #[test]
    fn no_is_a_text_and_numbers_are_numbers() {
        let root = read("a: no\nb: 12\nc: 1h\nd: '5'\ne: 1.2.3\n", "f").unwrap();
        assert_eq!(root.to_json(), serde_json::json!({"a": "no", "b": 12, "c": "1h", "d": "5", "e": "1.2.3"}));
    }

    #[test]
    fn broken_yaml_says_where() {
        let found = faults("a: [1, 2\nb: 3\n");
        assert!(found[0].starts_with("f.yaml:2:") || found[0].starts_with("f.yaml:3:"), "{found:?}");
    }

    #[test]
    fn second_document_is_a_fault() {
        assert!(faults("a: 1\n---\nb: 2\n")[0].contains("second document"));
    }

    #[test]
    fn empty_file_is_an_empty_mapping() {
        assert_eq!(read("# nothing\n", "f").unwrap().to_json(), serde_json::json!({}));
    }

    #[test]
    fn deep_nesting_is_refused_without_a_crash() {
        assert!(!faults(&"[".repeat(100_000)).is_empty());
    }
}
