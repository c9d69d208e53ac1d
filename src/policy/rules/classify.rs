//! Rules and a catalog -> which columns carry which classes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::catalog::{Catalog, ColumnKey, Relation, RelationKey};
use crate::policy::class::{Class, ClassMap, MaskSpec, ProbeSpec};
use crate::policy::detector::Detection;
use crate::policy::inherit::Inherited;
use crate::policy::rules::{ColumnPattern, RuleSet};

/// Classes by the column's name alone: names repeat, and expressions are slow.
type Names<'c> = HashMap<&'c str, Vec<usize>>;

type Classes = BTreeMap<(RelationKey, i16), BTreeSet<usize>>;

impl RuleSet {
    /// Which columns of this catalog carry which classes. A class goes down to partitions and inheritance children, and
    /// up to parents too: a parent's rows are its children's rows. `*` never means a system schema; name it to mean it.
    pub fn class_map(&self, catalog: &Catalog) -> ClassMap {
        self.class_map_with(catalog, &[])
    }

    /// The same, and what columns inherited because classified data was copied into them. A class that the rules no longer
    /// know stays: redacted, and held where it shapes rows.
    pub fn class_map_with(&self, catalog: &Catalog, inherited: &[Inherited]) -> ClassMap {
        let mut classes = Classes::new();
        let mut all = self.classes.clone();
        let mut seen = Names::new();
        for relation in catalog.relations() {
            for column in &relation.columns {
                let found = self.classes_of(catalog, relation, &column.name, &mut seen);
                if !found.is_empty() {
                    classes.insert((relation.key, column.number), found);
                }
            }
        }
        for one in inherited.iter().filter(|one| *one.database == *catalog.database) {
            let index = all.iter().position(|class| *class.name == *one.target.class).unwrap_or(all.len());
            if index == all.len() {
                all.push(Arc::new(forgotten(&one.target.class)));
            }
            for column in one.target.columns(catalog) {
                classes.entry((column.relation, column.number)).or_default().insert(index);
            }
        }
        inherit(catalog, &mut classes);
        let detection = self.detection(catalog);
        let mut map = ClassMap { classes: all, detection, ..ClassMap::default() };
        let mut whole: BTreeMap<RelationKey, BTreeSet<usize>> = BTreeMap::new();
        for ((relation, number), found) in classes {
            whole.entry(relation).or_default().extend(&found);
            map.columns.insert(ColumnKey { relation, number }, found.into_iter().collect());
        }
        map.relations = whole.into_iter().map(|(key, found)| (key, found.into_iter().collect())).collect();
        map
    }

    fn detection(&self, catalog: &Catalog) -> Detection {
        let mut detection = Detection { set: self.detect, except: HashSet::new() };
        for relation in catalog.relations().filter(|_| !self.detect_except.is_empty()) {
            for column in &relation.columns {
                let path = [&*catalog.database, &*relation.schema, &*relation.name, &*column.name];
                if self.detect_except.iter().any(|pattern| pattern.fits(&path)) {
                    detection.except.insert(ColumnKey { relation: relation.key, number: column.number });
                }
            }
        }
        detection
    }

    fn classes_of<'c>(
        &self,
        catalog: &Catalog,
        relation: &Relation,
        column: &'c str,
        seen: &mut Names<'c>,
    ) -> BTreeSet<usize> {
        let path = [&*catalog.database, &*relation.schema, &*relation.name, column];
        let system = catalog.is_system(&relation.schema);
        let paths = self.columns.iter().filter(|rule| matches!(rule.by, ColumnPattern::Path(_)));
        let by_path: Vec<Option<usize>> =
            paths.filter(|rule| rule.by.fits(&path, system)).map(|rule| rule.class).collect();
        let exempt = by_path.contains(&None);
        let mut found: BTreeSet<usize> = by_path.into_iter().flatten().collect();
        if !system && !exempt {
            let by_name = seen.entry(column).or_insert_with(|| self.classes_by_name(column));
            found.extend(by_name.iter().copied());
        }
        found
    }

    fn classes_by_name(&self, column: &str) -> Vec<usize> {
        let names =
            self.columns.iter().filter(|rule| matches!(&rule.by, ColumnPattern::Name(regex) if regex.is_match(column)));
        let classes: Vec<Option<usize>> = names.map(|rule| rule.class).collect();
        if classes.contains(&None) { Vec::new() } else { classes.into_iter().flatten().collect() }
    }
}

impl ColumnPattern {
    /// Does it fit this column (database, schema, table, column)?
    pub fn fits(&self, path: &[&str; 4], system: bool) -> bool {
        match self {
            Self::Path(pattern) => {
                let [_, schema, ..] = path;
                let meant = !system || pattern.part(1).is_some_and(|part| part == *schema);
                meant && pattern.fits(path)
            }
            Self::Name(regex) => {
                let [.., column] = path;
                !system && regex.is_match(column)
            }
        }
    }
}

/// A class that is in no rules file any more.
fn forgotten(name: &str) -> Class {
    Class {
        name: Arc::from(name),
        mask: MaskSpec::Redact,
        key: 0,
        probe: ProbeSpec::Hold,
        aggregates: false,
        bulk_rows: None,
    }
}

/// Spreads classes along inheritance, by column name, until nothing changes.
fn inherit(catalog: &Catalog, classes: &mut Classes) {
    let mut open: Vec<(RelationKey, i16)> = classes.keys().copied().collect();
    let mut seen: HashSet<(RelationKey, i16)> = HashSet::new();
    while let Some((key, number)) = open.pop() {
        let found = classes.get(&(key, number)).cloned().unwrap_or_default();
        let Some(relation) = catalog.relation(key) else { continue };
        let Some(name) = relation.column(number).map(|column| column.name.clone()) else { continue };
        for kin in relation.children.iter().chain(&relation.parents) {
            let Some(column) = catalog.relation(*kin).and_then(|kin| kin.column_named(&name)) else { continue };
            let entry = classes.entry((*kin, column.number)).or_default();
            let before = entry.len();
            entry.extend(&found);
            if entry.len() > before || seen.insert((*kin, column.number)) {
                open.push((*kin, column.number));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::rules::file::CatalogRaw;

    fn classes(rules: &str, catalog: &str, table: &str, column: &str) -> Vec<String> {
        let rules = RuleSet::load_dir(&[("r.yaml".to_owned(), format!("version: 1\n{rules}"))]).unwrap();
        let catalog = CatalogRaw::read(catalog, "c.yaml").unwrap().to_catalog().unwrap();
        let relation = catalog.relation_named("public", table).unwrap();
        let number = relation.column_named(column).unwrap().number;
        let map = rules.class_map(&catalog);
        map.of(ColumnKey { relation: relation.key, number }).map(|class| class.name.to_string()).collect()
    }

    const TREE: &str = "
database: shop
tables:
  public.pay: { columns: [id int8, card text] }
  public.pay_eu: { columns: [id int8, dropped text, card text], parents: [public.pay] }
  public.pay_eu_de: { columns: [card text, id int8], parents: [public.pay_eu] }
";

    #[test]
    fn children_inherit_by_name_over_two_levels() {
        let rules = "classes: { pan: {} }\ncolumns: [{ match: shop.public.pay.card, class: pan }]";
        assert_eq!(classes(rules, TREE, "pay_eu_de", "card"), ["pan"]);
        assert_eq!(classes(rules, TREE, "pay_eu", "dropped"), [""; 0]);
    }

    #[test]
    fn parent_takes_the_class_of_a_child_because_it_shows_its_rows() {
        let rules = "classes: { pan: {} }\ncolumns: [{ match: shop.public.pay_eu_de.card, class: pan }]";
        assert_eq!(classes(rules, TREE, "pay", "card"), ["pan"]);
    }

    #[test]
    fn none_exempts_from_name_patterns_only() {
        let both = "classes: { pan: {} }\ncolumns: [{ name: card, class: pan }, { match: '*.*.*.card', class: none }]";
        assert_eq!(classes(both, TREE, "pay", "card"), [""; 0]);
        let path =
            "classes: { pan: {} }\ncolumns: [{ match: '**.card', class: pan }, { match: '*.*.*.card', class: none }]";
        assert_eq!(classes(path, TREE, "pay", "card"), ["pan"]);
    }

    #[test]
    fn star_does_not_mean_system_schemas() {
        let any = ColumnPattern::Path(crate::policy::rules::glob::PathPattern::new("*.*.*.name"));
        let named = ColumnPattern::Path(crate::policy::rules::glob::PathPattern::new("*.pg_catalog.*.name"));
        let path = ["shop", "pg_catalog", "pg_settings", "name"];
        assert!(!any.fits(&path, true));
        assert!(named.fits(&path, true));
    }
}
