//! Classes that people have written down elsewhere: column comments, labels of PostgreSQL Anonymizer, dbt's manifest.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::app::survey::Place;

/// What a comment says before a class: `@class pii.email`.
const MARK: &str = "@class";
/// Keys of dbt's `meta` that name a class.
const META_KEYS: [&str; 3] = ["class", "holdpoint_class", "classification"];

/// A class, or a hint at one, and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Imported {
    /// What was written: a class's name, a tag, a masking function.
    pub(super) word: String,
    /// It is meant as a class, not as a hint.
    pub(super) is_class: bool,
    /// Where.
    pub(super) evidence: String,
}

/// Everything imported.
#[derive(Debug, Default)]
pub(super) struct Imports {
    by_place: BTreeMap<Place, Vec<Imported>>,
    /// dbt knows no schema where one is left out.
    by_name: BTreeMap<(String, String), Vec<Imported>>,
}

impl Imports {
    /// What is written of a column.
    pub(super) fn of(&self, place: &Place) -> impl Iterator<Item = &Imported> {
        let name = (place.1.to_lowercase(), place.2.to_lowercase());
        self.by_place.get(place).into_iter().chain(self.by_name.get(&name)).flatten()
    }

    /// Comments with `@class NAME` in them.
    pub(super) fn comments(&mut self, comments: &BTreeMap<Place, String>) {
        for (place, text) in comments {
            let mut words = text.split_whitespace().skip_while(|word| *word != MARK);
            if let (Some(_), Some(class)) = (words.next(), words.next()) {
                let word = class.trim_end_matches(['.', ',', ';']).to_owned();
                let evidence = format!("comment says `{MARK} {word}`");
                self.by_place.entry(place.clone()).or_default().push(Imported { word, is_class: true, evidence });
            }
        }
    }

    /// `SECURITY LABEL FOR anon`: `MASKED WITH FUNCTION anon.fake_email()`, `MASKED WITH VALUE NULL`.
    pub(super) fn labels(&mut self, labels: &BTreeMap<Place, String>) {
        for (place, text) in labels {
            let upper = text.to_uppercase();
            if !upper.contains("MASKED WITH") {
                continue;
            }
            let word = text.rsplit("anon.").next().unwrap_or_default().split('(').next().unwrap_or_default().to_owned();
            let evidence = "labelled for anon as masked".to_owned();
            self.by_place.entry(place.clone()).or_default().push(Imported { word, is_class: false, evidence });
        }
    }

    /// dbt's `manifest.json`: models and sources with their columns' `meta` and `tags`.
    pub(super) fn dbt(&mut self, text: &str) -> Result<(), String> {
        let manifest: Value = serde_json::from_str(text).map_err(|error| format!("this is no JSON: {error}"))?;
        let parts = ["nodes", "sources"].map(|part| manifest.get(part).and_then(Value::as_object));
        if parts.iter().all(Option::is_none) {
            return Err("this is no dbt manifest: it has neither `nodes` nor `sources`".to_owned());
        }
        for node in parts.into_iter().flatten().flat_map(|nodes| nodes.values()) {
            let said = |key: &str| node.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
            let Some(table) = said("alias").or_else(|| said("identifier")).or_else(|| said("name")) else { continue };
            let columns = node.get("columns").and_then(Value::as_object).into_iter().flatten();
            for (name, column) in columns {
                let found = dbt_column(column);
                match said("schema") {
                    Some(schema) => {
                        let place = (schema.to_owned(), table.to_owned(), name.clone());
                        self.by_place.entry(place).or_default().extend(found);
                    }
                    None => {
                        let place = (table.to_lowercase(), name.to_lowercase());
                        self.by_name.entry(place).or_default().extend(found);
                    }
                }
            }
        }
        Ok(())
    }
}

fn dbt_column(column: &Value) -> Vec<Imported> {
    let configured = |key: &str| column.get("config").and_then(|config| config.get(key));
    let metas = [column.get("meta"), configured("meta")];
    let named = metas.into_iter().flatten().flat_map(|meta| META_KEYS.iter().filter_map(|key| meta.get(*key)));
    let classes = named.filter_map(Value::as_str).map(|word| Imported {
        word: word.to_owned(),
        is_class: true,
        evidence: format!("dbt meta says `{word}`"),
    });
    let tags = [column.get("tags"), configured("tags")].into_iter().flatten().filter_map(Value::as_array).flatten();
    let hints = tags.filter_map(Value::as_str).map(|word| Imported {
        word: word.to_owned(),
        is_class: false,
        evidence: format!("dbt tag `{word}`"),
    });
    classes.chain(hints).collect()
}
