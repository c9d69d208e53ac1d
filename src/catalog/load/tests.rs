//! A catalog built from a real server's recorded answers.

use super::*;

/// Answers of a PostgreSQL 15 server, recorded; system relations but for three are cut out.
const RECORDED: &str = include_str!("recorded_pg15.json");

fn recorded() -> Answers {
    let read: BTreeMap<String, Rows> = serde_json::from_str(RECORDED).unwrap();
    let mut answers = Answers::default();
    for (name, _) in queries(150_000) {
        answers.add(name, read[name].clone());
    }
    answers
}

#[test]
fn every_version_asks_the_same_questions_in_one_select_each() {
    let names = |version| queries(version).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    for version in [130_000, 140_000, 150_000, 160_000, 170_000, 180_000] {
        assert_eq!(names(version), names(150_000), "version {version}");
        for (name, sql) in queries(version) {
            let begins = sql.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select"));
            assert!(begins && !sql.contains(';'), "version {version}, {name}: {sql}");
        }
    }
}

fn build_recorded() -> Catalog {
    build("shop", &recorded()).unwrap()
}

#[test]
fn relations_come_with_columns_kinds_and_marks() {
    let catalog = build_recorded();
    assert_eq!((&*catalog.database, catalog.server_version), ("shop", 150_018));
    let relation = |schema: &str, name: &str| catalog.relation_named(schema, name).unwrap().clone();
    let customers = relation("public", "customers");
    assert_eq!(customers.kind, RelationKind::Table);
    assert_eq!(customers.columns.len(), 11);
    assert!(customers.has_triggers && !customers.has_rules && !customers.has_row_security);
    assert!((customers.rows_estimate - 5.0).abs() < f64::EPSILON);
    let scratch = relation("public", "scratch");
    assert!(scratch.has_rules && !scratch.has_triggers);
    assert_eq!(relation("public", "payments").kind, RelationKind::Partitioned);
    assert_eq!(relation("public", "payments").children.len(), 2);
    assert_eq!(relation("public", "payments_2024").parents, [relation("public", "payments").key]);
    assert_eq!(relation("public", "mv_customers").kind, RelationKind::MaterializedView);
    let view = relation("public", "v_customers2");
    assert_eq!(view.kind, RelationKind::View);
    assert!(!view.has_rules);
    assert!(view.definition.as_deref().unwrap().contains("FROM public.v_customers"));
    let system = relation("information_schema", "tables");
    assert_eq!((system.kind, &system.definition), (RelationKind::Table, &None));
    assert!(system.column_named("table_name").is_some());
    assert!(catalog.has_schema("Odd Name") && !catalog.has_schema("odd name"));
}

#[test]
fn columns_keep_their_numbers_and_generated_expressions() {
    let catalog = build_recorded();
    let odd = catalog.relation_named("Odd Name", "T|1").unwrap();
    assert!(odd.has_row_security);
    assert_eq!(odd.column_named("gone"), None);
    assert_eq!(odd.columns.iter().map(|c| c.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13]);
    assert_eq!(odd.column_named("up").unwrap().generated.as_deref(), Some("upper(n)"));
    assert_eq!(odd.column_named("n").unwrap().generated, None);
}

#[test]
fn only_keys_that_bound_a_look_up_are_kept() {
    let catalog = build_recorded();
    let odd = catalog.relation_named("Odd Name", "T|1").unwrap();
    // id (primary), nn, nd (NULLS NOT DISTINCT), v, e (INCLUDE is no part of it); not u (nullable), d (deferrable), the
    // partial one, the one over an expression, the ones of other operator classes and collations.
    assert_eq!(odd.unique_keys, [vec![1], vec![4], vec![5], vec![11], vec![13]]);
    let keys = |name: &str| catalog.relation_named("public", name).unwrap().unique_keys.clone();
    assert_eq!(keys("payments"), [vec![1, 3]]);
    assert_eq!(keys("orders"), [vec![1]]);
    assert!(keys("customers").is_empty(), "keys of an inheritance parent do not hold across its children");
}

#[test]
fn functions_come_with_arguments_bodies_and_hashes() {
    let catalog = build_recorded();
    let function = |name: &str| catalog.functions_named(name)[0].clone();
    let names = |list: &[(Arc<str>, u32)]| -> Vec<(String, u32)> {
        list.iter().map(|(name, kind)| (name.to_string(), *kind)).collect()
    };
    let pairs = function("f_pairs");
    assert_eq!(names(&pairs.out_columns), [("a".to_owned(), 23), ("b".to_owned(), 25)]);
    assert!(pairs.returns_set && pairs.arguments.is_empty() && pairs.body.is_none());
    let plain = function("f_ssn");
    assert_eq!(names(&plain.arguments), [("i".to_owned(), 23)]);
    assert_eq!(plain.body.as_deref(), Some(" SELECT ssn FROM customers WHERE id=i "));
    assert_eq!((plain.kind, &*plain.language, plain.definition_sha256.len()), ('f', "sql", 64));
    assert!(!plain.changes_context && function("f_definer").changes_context && function("cfg").changes_context);
    let standard = function("std");
    assert_eq!(names(&standard.arguments), [("a".to_owned(), 23), ("b".to_owned(), 23)]);
    assert_eq!(names(&standard.out_columns), [("s".to_owned(), 23), ("t".to_owned(), 25)]);
    assert_eq!(standard.defaults, 1);
    assert!(standard.body.as_deref().unwrap().starts_with("BEGIN ATOMIC"));
    assert_eq!((function("pr").kind, function("agg_x").kind), ('p', 'a'));
    assert_eq!(names(&function("pr").out_columns), [("x".to_owned(), 23)]);
    assert_eq!(function("citextin").extension.as_deref(), Some("citext"));
}

#[test]
fn types_operators_and_casts_of_users_are_known() {
    let catalog = build_recorded();
    let kind = |name: &str| catalog.type_named(Some("public"), name).unwrap().kind;
    assert_eq!((kind("mood"), kind("zip"), kind("pair"), kind("span")), ('e', 'd', 'c', 'r'));
    assert_eq!(catalog.type_named(None, "zip").unwrap().base, 25);
    let pair = catalog.type_named(None, "pair").unwrap();
    assert_eq!(catalog.relation(RelationKey(pair.relation)).unwrap().kind, RelationKind::Other);
    assert_eq!(catalog.type_named(None, "_mood").unwrap().element, catalog.type_named(None, "mood").unwrap().oid);
    assert!(catalog.has_user_operator("==="));
    assert!(!catalog.has_user_operator("="), "the operators of citext mean what the built-in ones mean");
    assert!(!catalog.has_user_casts());
}

#[test]
fn the_version_follows_definitions_and_not_row_counts() {
    let version = |change: &dyn Fn(&mut Answers)| {
        let mut answers = recorded();
        change(&mut answers);
        build("shop", &answers).unwrap().version
    };
    let same = version(&|_| {});
    let grown = |answers: &mut Answers| {
        answers.rows.get_mut("relations").unwrap()[3][queries::ROWS_ESTIMATE] = Some("77".to_owned());
    };
    assert_eq!(version(&grown), same);
    let renamed = |answers: &mut Answers| answers.rows.get_mut("columns").unwrap()[3][2] = Some("other".to_owned());
    assert_ne!(version(&renamed), same);
    let null = |answers: &mut Answers| answers.rows.get_mut("columns").unwrap()[3][5] = Some(String::new());
    assert_ne!(version(&null), same);
}

#[test]
fn answers_of_another_form_are_errors_without_values() {
    assert_eq!(build("shop", &Answers::default()).unwrap_err(), LoadError::Unanswered { query: "server" });
    let mut answers = recorded();
    answers.rows.get_mut("columns").unwrap()[7][1] = Some("secret".to_owned());
    let error = build("shop", &answers).unwrap_err();
    assert_eq!(error, LoadError::Malformed { query: "columns", row: 7, field: 1 });
    assert!(!error.to_string().contains("secret"));
    let mut answers = recorded();
    answers.rows.get_mut("types").unwrap()[0].truncate(2);
    assert_eq!(build("shop", &answers).unwrap_err(), LoadError::Malformed { query: "types", row: 0, field: 2 });
}

#[test]
fn reported_versions_read_as_numbers() {
    let table = [
        ("15.18 (Debian 15.18-0+deb12u1)", Some(150_018)),
        ("13.0", Some(130_000)),
        ("17beta2", Some(170_000)),
        ("18", Some(180_000)),
        ("", None),
        ("x15", None),
        ("99999999999", None),
        ("999999.1", None),
    ];
    for (text, number) in table {
        assert_eq!(server_version(text), number, "{text}");
    }
}

#[test]
fn queries_differ_only_where_servers_do() {
    let (old, new) = (queries(130_000), queries(180_000));
    let differing: Vec<_> = old.iter().zip(&new).filter(|(a, b)| a != b).map(|(a, _)| a.0).collect();
    assert_eq!(differing, ["functions"]);
    assert!(!old.iter().any(|(_, sql)| sql.contains("pg_get_function_sqlbody")));
    assert!(
        new.iter().all(|(_, sql)| sql.starts_with("SELECT ") && !sql.contains(';') && pg_query::parse(sql, 0).is_ok())
    );
}
