//! Which mask each result column gets, when the witnesses agree and when they do not.

use super::*;
use crate::catalog::{Column, Parts, Relation, RelationKey};
use crate::masking::column::Format;
use crate::policy::class::{DateUnit, MaskSpec, ProbeSpec};

/// A small catalog with classes: what the tests of masking share.
pub(in crate::masking) struct Shop {
    pub(in crate::masking) catalog: Catalog,
    pub(in crate::masking) map: ClassMap,
    keys: Keys,
}

const CUSTOMERS: u32 = 20_001;
const ORDERS: u32 = 20_002;
const VIEW: u32 = 20_003;
/// Columns of `customers`: name, type, class.
const COLUMNS: [(&str, u32, Option<usize>); 8] = [
    ("id", 23, None),
    ("email", 25, Some(0)),
    ("name", 25, None),
    ("ssn", 25, Some(1)),
    ("born", 1082, Some(2)),
    ("note", 25, None),
    ("salary", 1700, Some(3)),
    ("code", 1043, Some(4)),
];

impl Shop {
    pub(in crate::masking) fn new() -> Self {
        let customers = relation(CUSTOMERS, RelationKind::Table, &COLUMNS.map(|(name, oid, _)| (name, oid)));
        let orders = relation(ORDERS, RelationKind::Table, &[("id", 23), ("note", 25), ("contact", 25)]);
        let view = relation(VIEW, RelationKind::View, &[("label", 25), ("mail", 25)]);
        let parts = Parts { relations: vec![customers, orders, view], ..Parts::default() };
        let masks = [
            ("pii.email", MaskSpec::Email),
            ("pii.ssn", MaskSpec::Redact),
            ("pii.birth", MaskSpec::Date { unit: DateUnit::Year }),
            ("hr.salary", MaskSpec::Null),
            ("code", MaskSpec::Partial { keep_first: 1, keep_last: 2, hide_min: 2 }),
            ("key", MaskSpec::Hash),
            ("fixed", MaskSpec::Fixed { value: "42".into() }),
        ];
        let class = |(name, mask): (&str, MaskSpec)| {
            let aggregates = name == "hr.salary";
            Arc::new(Class { name: name.into(), mask, key: 0, probe: ProbeSpec::Hold, aggregates, bulk_rows: None })
        };
        let mut map = ClassMap { classes: masks.map(class).to_vec(), ..ClassMap::default() };
        for (name, _, class) in COLUMNS {
            if let Some(class) = class {
                map.columns.insert(key(CUSTOMERS, number(name)), vec![class]);
            }
        }
        map.columns.insert(key(ORDERS, 3), vec![0, 1]);
        map.columns.insert(key(VIEW, 2), vec![0]);
        map.relations.insert(RelationKey(CUSTOMERS), vec![0, 1, 2, 3, 4]);
        map.relations.insert(RelationKey(ORDERS), vec![0, 1]);
        map.relations.insert(RelationKey(VIEW), vec![0]);
        Self { catalog: Catalog::new("shop".into(), 1, 150_018, parts), map, keys: Keys::new([9; 32]) }
    }

    /// A column of `customers` as the server describes it.
    pub(in crate::masking) fn column(&self, name: &str, format: Format) -> ResultColumn {
        let oid = COLUMNS.iter().find(|column| column.0 == name).unwrap().1;
        column(name, Some(key(CUSTOMERS, number(name))), oid, format)
    }

    /// The same column as lineage predicts it.
    pub(in crate::masking) fn plain(&self, name: &str) -> Output {
        output(&[(key(CUSTOMERS, number(name)), Flow::Plain)])
    }

    pub(in crate::masking) fn plan(&self, predicted: Option<&[Output]>, described: &[ResultColumn]) -> Planned {
        plan(predicted, described, &self.map, &self.catalog, &self.keys)
    }

    /// The mask of a class by index (past the end: none) over a type.
    pub(in crate::masking) fn mask(&self, class: usize, oid: u32, format: Format) -> Mask {
        let target = Target { kind: Kind::of(oid, &self.catalog), format };
        let class = self.map.classes.get(class);
        class.map_or(Mask::Pass, |class| Mask::of_class(&class.mask, &class.name, target, &self.keys))
    }

    /// What one column's plan makes of one text value: `None` for NULL.
    fn one(&self, output: Output, described: ResultColumn, value: &str) -> Option<String> {
        let planned = self.plan(Some(&[output]), &[described]);
        assert_eq!(planned.disagreement, None);
        let mut out = bytes::BytesMut::new();
        let cell = crate::masking::cell::MaskedCell::new(&planned.plan.masks()[0], Some(value.as_bytes()));
        cell.put_value(&mut out).then(|| String::from_utf8(out.to_vec()).unwrap())
    }

    fn disagrees(&self, predicted: Option<&[Output]>, described: &[ResultColumn]) -> String {
        let planned = self.plan(predicted, described);
        assert_eq!(planned.plan.masked_names().len(), described.len(), "everything is redacted");
        planned.disagreement.expect("a disagreement")
    }
}

fn relation(oid: u32, kind: RelationKind, columns: &[(&str, u32)]) -> Relation {
    let column = |(at, (name, oid)): (usize, &(&str, u32))| Column {
        number: i16::try_from(at + 1).unwrap(),
        name: (*name).into(),
        type_oid: *oid,
        not_null: false,
        generated: None,
    };
    Relation {
        key: RelationKey(oid),
        schema: "public".into(),
        name: format!("r{oid}").into(),
        kind,
        columns: columns.iter().enumerate().map(column).collect(),
        unique_keys: Vec::new(),
        definition: None,
        parents: Vec::new(),
        children: Vec::new(),
        has_rules: false,
        has_triggers: false,
        has_row_security: false,
        rows_estimate: 1.0,
    }
}

fn number(name: &str) -> i16 {
    i16::try_from(COLUMNS.iter().position(|column| column.0 == name).unwrap() + 1).unwrap()
}

fn key(relation: u32, number: i16) -> ColumnKey {
    ColumnKey { relation: RelationKey(relation), number }
}

fn customers(name: &str) -> ColumnKey {
    key(CUSTOMERS, number(name))
}

fn output(sources: &[(ColumnKey, Flow)]) -> Output {
    let sources = sources.iter().map(|(column, flow)| Source { column: *column, flow: *flow }).collect();
    Output { name: "x".into(), sources, unknown: false }
}

pub(in crate::masking) fn column(name: &str, origin: Option<ColumnKey>, type_oid: u32, format: Format) -> ResultColumn {
    ResultColumn { name: name.into(), origin, type_oid, format }
}

fn text(origin: Option<ColumnKey>) -> ResultColumn {
    column("x", origin, 25, Format::Text)
}

const MAIL: &str = "ann@example.org";

#[test]
fn unclassified_columns_pass() {
    let shop = Shop::new();
    let planned = shop.plan(Some(&[shop.plain("id"), output(&[])]), &[shop.column("id", Format::Text), text(None)]);
    assert_eq!(planned.disagreement, None);
    assert!(planned.plan.passes_all());
    assert!(shop.plan(None, &[]).plan.passes_all());
}

#[test]
fn flows_decide_between_class_mask_redaction_and_nothing() {
    let shop = Shop::new();
    let email = |flow| output(&[(customers("email"), flow)]);
    assert_eq!(shop.one(email(Flow::Plain), text(None), MAIL).unwrap(), "a***@example.org");
    assert_eq!(shop.one(email(Flow::Derived), text(None), MAIL).unwrap(), "[masked:pii.email]");
    assert_eq!(shop.one(email(Flow::Aggregated), text(None), MAIL).unwrap(), "[masked:pii.email]");
    assert_eq!(shop.one(email(Flow::Counted), column("n", None, 20, Format::Text), "5").unwrap(), "5");
}

#[test]
fn sums_go_through_where_the_class_says_so() {
    let shop = Shop::new();
    let number = column("sum", None, 1700, Format::Text);
    let salary = (customers("salary"), Flow::Aggregated);
    assert_eq!(shop.one(output(&[salary]), number.clone(), "5").unwrap(), "5");
    let both = output(&[salary, (customers("ssn"), Flow::Aggregated)]);
    assert_eq!(shop.one(both, number.clone(), "5"), None);
    assert_eq!(shop.one(output(&[(customers("salary"), Flow::Plain)]), number, "5"), None);
}

#[test]
fn mixed_sources_are_redacted_by_the_stricter_class() {
    let shop = Shop::new();
    let mixed = output(&[(customers("email"), Flow::Plain), (customers("code"), Flow::Plain)]);
    assert_eq!(shop.one(mixed, text(None), MAIL).unwrap(), "[masked:code]");
    let half = output(&[(customers("email"), Flow::Plain), (customers("note"), Flow::Plain)]);
    assert_eq!(shop.one(half, text(None), MAIL).unwrap(), "[masked:pii.email]");
    let twice = output(&[(key(ORDERS, 3), Flow::Plain)]);
    assert_eq!(shop.one(twice, text(None), MAIL).unwrap(), "[masked:pii.ssn]");
}

#[test]
fn unknown_outputs_and_whole_rows_and_changed_types_are_redacted() {
    let shop = Shop::new();
    let unknown = Output { unknown: true, ..output(&[]) };
    assert_eq!(shop.one(unknown.clone(), text(None), MAIL).unwrap(), "[masked:unknown]");
    assert_eq!(shop.one(unknown, text(Some(customers("email"))), MAIL).unwrap(), "[masked:pii.email]");
    let whole = output(&[(key(CUSTOMERS, 0), Flow::Plain)]);
    assert_eq!(shop.one(whole.clone(), text(None), MAIL).unwrap(), "[masked:pii.ssn]");
    let row = column("c", Some(key(CUSTOMERS, 0)), 20_100, Format::Text);
    assert_eq!(shop.one(whole, row, "(1,ann@example.org)"), None);
    let as_json = column("j", None, 114, Format::Text);
    assert_eq!(shop.one(shop.plain("email"), as_json, MAIL).unwrap(), "\"[masked:pii.email]\"");
    assert_eq!(shop.one(shop.plain("salary"), text(None), "12").unwrap(), "[masked:hr.salary]");
    let as_varchar = column("v", None, 1043, Format::Text);
    assert_eq!(shop.one(shop.plain("email"), as_varchar, MAIL).unwrap(), "a***@example.org");
}

#[test]
fn the_servers_word_contradicting_lineage_redacts_everything() {
    let shop = Shop::new();
    let id = || (shop.plain("id"), shop.column("id", Format::Text));
    assert!(shop.disagrees(None, &[id().1]).contains("none were predicted"));
    assert!(shop.disagrees(Some(&[id().0]), &[id().1, id().1]).contains("2 columns where 1"));
    assert!(shop.disagrees(Some(&[id().0]), &[]).contains("0 columns where 1"));
    let hidden = shop.disagrees(Some(&[id().0, shop.plain("note")]), &[id().1, text(Some(customers("ssn")))]);
    assert!(hidden.contains("shop.public.r20001.ssn"), "{hidden}");
    let constant = shop.disagrees(Some(&[output(&[])]), &[text(Some(key(CUSTOMERS, 0)))]);
    assert!(constant.contains("shop.public.r20001.*"), "{constant}");
    assert!(shop.disagrees(Some(&[shop.plain("note")]), &[text(Some(key(29_999, 1)))]).contains("unknown relation"));
    let counted = output(&[(customers("ssn"), Flow::Counted)]);
    assert!(shop.disagrees(Some(&[counted]), &[text(Some(customers("ssn")))]).contains("not predicted"));
}

#[test]
fn a_mysql_servers_word_adds_or_contradicts_or_names_nothing() {
    let shop = Shop::new();
    let word = |table, name| text(crate::catalog::origin(&shop.catalog, "public", table, name));
    let text_of = |output| shop.one(output, word("c", "email"), MAIL).unwrap();
    // An alias is no relation, and clears nothing.
    assert_eq!(text_of(shop.plain("note")), MAIL);
    assert_eq!(text_of(shop.plain("email")), "a***@example.org");
    assert_eq!(shop.one(shop.plain("email"), word("r20001", "note"), MAIL).unwrap(), "a***@example.org");
    assert_eq!(shop.one(shop.plain("note"), word("r20003", "mail"), MAIL).unwrap(), "a***@example.org");
    let forged = shop.disagrees(Some(&[shop.plain("note")]), &[word("r20001", "SSN")]);
    assert!(forged.contains("not predicted"), "{forged}");
}

#[test]
fn other_origins_add_and_contradict_nothing() {
    let shop = Shop::new();
    // An unclassified origin does not clear what lineage found.
    assert_eq!(shop.one(shop.plain("email"), text(Some(key(ORDERS, 2))), MAIL).unwrap(), "a***@example.org");
    assert_eq!(shop.one(shop.plain("email"), text(Some(key(VIEW, 1))), MAIL).unwrap(), "a***@example.org");
    // A view's own class is added to what lineage found beneath it.
    assert_eq!(shop.one(shop.plain("note"), text(Some(key(VIEW, 2))), MAIL).unwrap(), "a***@example.org");
    assert_eq!(shop.one(shop.plain("ssn"), text(Some(key(VIEW, 2))), MAIL).unwrap(), "[masked:pii.ssn]");
    // A server's own relation that the catalog leaves out.
    assert_eq!(shop.one(output(&[]), text(Some(key(1259, 2))), "pg_class").unwrap(), "pg_class");
    // Lineage saw the whole relation.
    let whole = output(&[(key(CUSTOMERS, 0), Flow::Derived)]);
    assert_eq!(shop.one(whole, text(Some(customers("email"))), MAIL).unwrap(), "[masked:pii.ssn]");
}

#[test]
fn columns_without_class_are_looked_into_when_the_rules_say_so() {
    let mut shop = Shop::new();
    let note = || output(&[(key(CUSTOMERS, 6), Flow::Plain)]);
    let described = || column("note", Some(key(CUSTOMERS, 6)), 25, Format::Text);
    let number = || column("id", Some(key(CUSTOMERS, 1)), 23, Format::Text);
    let outputs = [note(), output(&[(key(CUSTOMERS, 1), Flow::Plain)])];
    let off = shop.plan(Some(&outputs), &[described(), number()]).plan;
    assert!(off.passes_all());
    shop.map.detection.set = crate::policy::detector::DetectorSet::usual();
    let on = shop.plan(Some(&outputs), &[described(), number()]).plan;
    assert!(!on.passes_all() && on.masked_names().is_empty());
    assert!(matches!(on.masks(), [Mask::Detect(_), Mask::Pass]));
    let text = "to ann@example.com";
    assert_eq!(shop.one(note(), described(), text).as_deref(), Some("to [masked:detected.email]"));
    assert_eq!(shop.one(note(), described(), "to ann").as_deref(), Some("to ann"));
    // The column's own class still counts, and an expression over nothing is looked into as well.
    assert_eq!(
        shop.one(shop.plain("email"), shop.column("email", Format::Text), "a@example.com").as_deref(),
        Some("***@example.com")
    );
    assert_eq!(
        shop.one(output(&[]), column("x", None, 25, Format::Text), text).as_deref(),
        Some("to [masked:detected.email]")
    );
    shop.map.detection.except.insert(key(CUSTOMERS, 6));
    assert_eq!(shop.one(note(), described(), text).as_deref(), Some(text));
    let mixed = output(&[(key(CUSTOMERS, 6), Flow::Derived), (key(CUSTOMERS, 3), Flow::Derived)]);
    let got = shop.one(mixed, column("x", None, 25, Format::Text), text);
    assert_eq!(got.as_deref(), Some("to [masked:detected.email]"));
}

#[test]
fn revealed_classes_come_back_as_they_are_and_all_others_masked() {
    let mut shop = Shop::new();
    shop.map.detection.set = crate::policy::detector::DetectorSet::usual();
    let against = Against { map: &shop.map, catalog: &shop.catalog, keys: &shop.keys };
    let outputs = ["ssn", "email", "note"].map(|name| shop.plain(name));
    let described = ["ssn", "email", "note"].map(|name| shop.column(name, Format::Text));
    let reveal = BTreeSet::from([Arc::from("pii.ssn")]);
    let planned = plan_revealing(Some(&outputs), &described, &against, &reveal);
    assert_eq!(planned.disagreement, None);
    assert_eq!(planned.plan.masked_names(), [Arc::from("email")]);
    assert!(matches!(planned.plan.masks(), [Mask::Pass, Mask::Email(_), Mask::Detect(_)]));
    // The column with two classes keeps the mask of the other one.
    let both = [output(&[(key(ORDERS, 3), Flow::Plain)])];
    let contact = [column("contact", Some(key(ORDERS, 3)), 25, Format::Text)];
    assert_eq!(plan_revealing(Some(&both), &contact, &against, &reveal).plan.masked_names().len(), 1);
    // The server's word still counts: what was not predicted is not shown, whatever is revealed.
    let wrong = [output(&[(key(CUSTOMERS, 6), Flow::Plain)])];
    let told = [shop.column("ssn", Format::Text)];
    let planned = plan_revealing(Some(&wrong), &told, &against, &reveal);
    assert!(planned.disagreement.is_some() && planned.plan.masked_names().len() == 1);
    let none = plan_revealing(Some(&outputs), &described, &against, &BTreeSet::new());
    assert_eq!(none.plan.masked_names().len(), 2);
}

#[test]
fn another_key_generation_gives_other_hashes() {
    let mut shop = Shop::new();
    shop.map.columns.insert(key(CUSTOMERS, 6), vec![5]);
    let described = || column("note", Some(key(CUSTOMERS, 6)), 25, Format::Text);
    let note = || output(&[(key(CUSTOMERS, 6), Flow::Plain)]);
    let first = shop.one(note(), described(), "x");
    let rotated = Class { key: 1, ..Class::clone(&shop.map.classes[5]) };
    shop.map.classes[5] = Arc::new(rotated);
    let second = shop.one(note(), described(), "x");
    assert!(first.is_some() && second.is_some() && first != second);
}
