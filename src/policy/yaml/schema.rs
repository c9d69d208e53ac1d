//! Walks a JSON Schema (the subset that `schemars` writes for our types) over a tree and lists every fault.

use serde_json::Value;

use crate::policy::span;
use crate::policy::yaml::tree::{Kind, Node};
use crate::policy::yaml::{Fault, nearest};

/// The schema of a type, as JSON.
pub fn of<T: schemars::JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

/// Every place where the tree does not fit the schema.
pub fn check(root: &Node, schema: &Value, file: &str) -> Vec<Fault> {
    let mut walk = Walk { whole: schema, file, faults: Vec::new() };
    walk.node(root, schema, "");
    walk.faults
}

struct Walk<'a> {
    whole: &'a Value,
    file: &'a str,
    faults: Vec<Fault>,
}

impl<'a> Walk<'a> {
    fn note(&mut self, node: &Node, key: &str, cause: String, fix: Option<String>) {
        self.faults.push(Fault { file: self.file.to_owned(), place: node.place, key: key.to_owned(), cause, fix });
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let target = schema.get("$ref").and_then(Value::as_str);
        let name = target.and_then(|target| target.strip_prefix("#/$defs/"));
        name.and_then(|name| self.whole.get("$defs")?.get(name)).unwrap_or(schema)
    }

    fn node(&mut self, node: &Node, schema: &'a Value, key: &str) {
        let schema = self.resolve(schema);
        if let Some(choices) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
            return self.choice(node, choices, key);
        }
        if let Some(constant) = schema.get("const") {
            return self.one_of(node, std::slice::from_ref(constant), key);
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            return self.one_of(node, words, key);
        }
        if !self.sort_fits(node, schema) {
            let fix = fix_for(node, schema);
            return self.note(node, key, format!("expected {}, found {}", sorts(schema), node.sort()), fix);
        }
        match &node.kind {
            Kind::Map(_) => self.map(node, schema, key),
            Kind::List(items) => {
                let Some(inner) = schema.get("items") else { return };
                for (index, item) in items.iter().enumerate() {
                    self.node(item, inner, &format!("{key}[{index}]"));
                }
            }
            Kind::Number(number) => self.range(node, number.as_f64(), schema, key),
            Kind::Text(text) => self.text(node, text, schema, key),
            Kind::Null | Kind::Bool(_) => {}
        }
    }

    fn sort_fits(&self, node: &Node, schema: &Value) -> bool {
        let Some(sort) = schema.get("type") else { return true };
        let fits = |word: &str| match &node.kind {
            Kind::Null => word == "null",
            Kind::Bool(_) => word == "boolean",
            Kind::Number(number) => word == "number" || (word == "integer" && !number.is_f64()),
            Kind::Text(_) => word == "string",
            Kind::List(_) => word == "array",
            Kind::Map(_) => word == "object",
        };
        match sort {
            Value::String(word) => fits(word),
            Value::Array(words) => words.iter().filter_map(Value::as_str).any(fits),
            _ => true,
        }
    }

    fn map(&mut self, node: &Node, schema: &'a Value, key: &str) {
        let Kind::Map(entries) = &node.kind else { return };
        let properties = schema.get("properties").and_then(Value::as_object);
        let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
        for entry in entries {
            let known = properties.and_then(|known| known.get(&entry.key));
            match (known, schema.get("additionalProperties")) {
                (Some(inner), _) => self.node(&entry.value, inner, &below(&entry.key)),
                (None, Some(Value::Bool(false))) => {
                    let names: Vec<&str> = properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
                    self.faults.push(Fault {
                        file: self.file.to_owned(),
                        place: entry.place,
                        key: below(&entry.key),
                        cause: format!("unknown key `{}`", entry.key),
                        fix: Some(suggest(&entry.key, &names)),
                    });
                }
                (None, Some(inner)) => self.node(&entry.value, inner, &below(&entry.key)),
                (None, None) => {}
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !entries.iter().any(|entry| entry.key == name) {
                self.note(node, &below(name), format!("`{name}` is missing"), None);
            }
        }
    }

    /// Alternatives of alternatives, in a row.
    fn flatten(&self, choices: &'a [Value]) -> Vec<&'a Value> {
        let below = |choice: &'a Value| {
            let choice = self.resolve(choice);
            match choice.get("anyOf").or_else(|| choice.get("oneOf")).and_then(Value::as_array) {
                Some(inner) => self.flatten(inner),
                None => vec![choice],
            }
        };
        choices.iter().flat_map(below).collect()
    }

    /// Fits if one alternative fits. Otherwise the nearest alternative of the same sort tells what is wrong.
    fn choice(&mut self, node: &Node, choices: &'a [Value], key: &str) {
        let choices = self.flatten(choices);
        let mut words: Vec<Value> = Vec::new();
        let mut near: Vec<(bool, Vec<Fault>)> = Vec::new();
        for choice in &choices {
            let mut attempt = Walk { whole: self.whole, file: self.file, faults: Vec::new() };
            attempt.node(node, choice, key);
            if attempt.faults.is_empty() {
                return;
            }
            let listed = choice.get("enum").and_then(Value::as_array).into_iter().flatten();
            let before = words.len();
            words.extend(choice.get("const").into_iter().chain(listed).cloned());
            if words.len() == before && self.sort_fits(node, choice) {
                near.push((!shares_key(node, choice), attempt.faults));
            }
        }
        let nearest = near.into_iter().min_by_key(|(strange, faults)| (*strange, faults.len()));
        match nearest {
            Some((_, faults)) => self.faults.extend(faults),
            None if !words.is_empty() => self.one_of(node, &words, key),
            None => {
                let expected: Vec<String> = choices.iter().map(|choice| sorts(choice)).collect();
                self.note(node, key, format!("expected {}, found {}", expected.join(" or "), node.sort()), None);
            }
        }
    }

    fn one_of(&mut self, node: &Node, words: &[Value], key: &str) {
        let value = node.to_json();
        if words.contains(&value) {
            return;
        }
        let names: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        let (cause, fix) = match &node.kind {
            Kind::Text(text) => (format!("unknown value `{text}`"), suggest(text, &names)),
            Kind::Number(number) => (format!("{number} is not possible here"), suggest("", &names)),
            _ => (format!("expected a word, found {}", node.sort()), suggest("", &names)),
        };
        self.note(node, key, cause, Some(fix));
    }

    fn range(&mut self, node: &Node, number: Option<f64>, schema: &Value, key: &str) {
        let Some(number) = number else { return };
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        if let Some(least) = bound("minimum").filter(|least| number < *least) {
            self.note(node, key, format!("{number} is too small"), Some(format!("the least is {least}")));
        }
        if let Some(most) = bound("maximum").filter(|most| number > *most) {
            self.note(node, key, format!("{number} is too large"), Some(format!("the most is {most}")));
        }
    }

    fn text(&mut self, node: &Node, text: &str, schema: &Value, key: &str) {
        let format = schema.get("format").and_then(Value::as_str);
        if format == Some(span::FORMAT) && span::parse(text).is_none() {
            let fix = "write a number and a unit, such as `50s`, `5m`, `1h`, `1h30m` or `2d`".to_owned();
            self.note(node, key, format!("`{text}` is not a duration"), Some(fix));
        }
    }
}

/// Does the mapping have a key that this alternative knows?
fn shares_key(node: &Node, choice: &Value) -> bool {
    let Kind::Map(entries) = &node.kind else { return true };
    let known = choice.get("properties").and_then(Value::as_object);
    known.is_some_and(|known| entries.iter().any(|entry| known.contains_key(&entry.key)))
}

fn suggest(written: &str, known: &[&str]) -> String {
    match nearest(written, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known are {}", known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")),
    }
}

fn sorts(schema: &Value) -> String {
    let name = |word: &str| match word {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a mapping",
        _ => "nothing",
    };
    match schema.get("type") {
        Some(Value::String(word)) => name(word).to_owned(),
        Some(Value::Array(words)) => {
            let words = words.iter().filter_map(Value::as_str).filter(|word| *word != "null");
            words.map(name).collect::<Vec<_>>().join(" or ")
        }
        _ => "a value".to_owned(),
    }
}

fn fix_for(node: &Node, schema: &Value) -> Option<String> {
    let wanted = |word: &str| match schema.get("type") {
        Some(Value::String(sort)) => sort == word,
        Some(Value::Array(sorts)) => sorts.iter().any(|sort| sort == word),
        _ => false,
    };
    match &node.kind {
        Kind::Number(_) | Kind::Bool(_) | Kind::Null if wanted("string") => Some("put it into quotes".to_owned()),
        Kind::Text(text) if wanted("array") => Some(format!("write [{text}]")),
        _ => None,
    }
}
