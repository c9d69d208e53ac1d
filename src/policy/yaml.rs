//! Strict YAML for rules and configuration: a tree with places, checked against the published JSON Schema, then typed.
//!
//! The schema is derived from the same types that serde fills, so what is published is what is enforced; walking it over
//! the tree finds every fault of a file at once, each with file, line, column, key, cause and fix.

pub mod schema;
pub mod tree;

use serde::de::DeserializeOwned;

use crate::policy::yaml::tree::{Node, Place};

/// One fault in a file that people write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// The file as it was named.
    pub file: String,
    /// Where, counted from 1.
    pub place: Place,
    /// The key, such as `rules[2].then`; empty for the whole file.
    pub key: String,
    /// What is wrong.
    pub cause: String,
    /// What to write instead, if that is known.
    pub fix: Option<String>,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.place.line, self.place.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.cause)?;
        match &self.fix {
            Some(fix) => write!(f, "; {fix}"),
            None => Ok(()),
        }
    }
}

/// One read file: the typed content, and the tree that still knows where everything stood.
#[derive(Debug)]
pub struct Document<T> {
    /// The file as it was named.
    pub file: String,
    /// The tree with places.
    pub root: Node,
    /// The typed content.
    pub content: T,
}

impl<T: DeserializeOwned + schemars::JsonSchema> Document<T> {
    /// Reads one YAML file strictly. Every fault that can be found without knowing what the values mean is in the error.
    pub fn read(text: &str, file: &str) -> Result<Self, Vec<Fault>> {
        let root = tree::read(text, file)?;
        let faults = schema::check(&root, &schema::of::<T>(), file);
        if !faults.is_empty() {
            return Err(faults);
        }
        match serde_json::from_value(root.to_json()) {
            Ok(content) => Ok(Self { file: file.to_owned(), root, content }),
            Err(error) => Err(vec![Fault {
                file: file.to_owned(),
                place: root.place,
                key: String::new(),
                cause: error.to_string(),
                fix: None,
            }]),
        }
    }
}

impl<T> Document<T> {
    /// A fault at the value with this path; at the nearest value above it if there is none.
    pub fn fault(&self, path: &[Step<'_>], cause: impl Into<String>, fix: Option<&str>) -> Fault {
        Fault {
            file: self.file.clone(),
            place: self.root.at(path).place,
            key: key_of(path),
            cause: cause.into(),
            fix: fix.map(str::to_owned),
        }
    }
}

/// One step down a tree.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// Into a mapping.
    Key(&'a str),
    /// Into a list, from 0.
    Item(usize),
}

/// A path as people write it: `rules[2].when.actions[0]`.
pub fn key_of(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::Item(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// The known word nearest to what was written, if it is near enough to have been meant.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = ((written.chars().count() + 1) / 3).clamp(1, 3);
    let ranked = known.into_iter().map(|word| (distance(&written.to_lowercase(), &word.to_lowercase()), word));
    ranked.filter(|(away, _)| *away <= allowed).min_by_key(|(away, _)| *away).map(|(_, word)| word)
}

/// Edit distance in characters: insert, delete, replace, swap neighbours (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    let mut two_above: Vec<usize> = Vec::new();
    let mut last = None;
    for (index, from) in left.chars().enumerate() {
        let mut row = vec![index + 1];
        for (column, to) in right.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&above, column) + usize::from(from != *to);
            let mut cell = replaced.min(at(&row, column) + 1).min(at(&above, column + 1) + 1);
            let before = column.checked_sub(1).and_then(|column| right.get(column));
            if last == Some(*to) && before == Some(&from) {
                cell = cell.min(at(&two_above, column - 1) + 1);
            }
            row.push(cell);
        }
        two_above = std::mem::replace(&mut above, row);
        last = Some(from);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_word_is_found_for_a_slip_of_the_finger_only() {
        assert_eq!(nearest("clases", ["classes", "columns"]), Some("classes"));
        assert_eq!(nearest("hots", ["host", "port"]), Some("host"));
        assert_eq!(nearest("alow", ["allow", "hold", "deny"]), Some("allow"));
        assert_eq!(nearest("zebra", ["classes", "columns"]), None);
    }

    #[test]
    fn paths_read_as_people_write_them() {
        assert_eq!(key_of(&[Step::Key("rules"), Step::Item(2), Step::Key("then")]), "rules[2].then");
    }
}
