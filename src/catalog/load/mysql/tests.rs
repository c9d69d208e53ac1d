//! Catalogs built from the recorded answers of two real servers (`tests/mysql_catalog.rs` records them).

use super::*;
use crate::catalog::load::Rows;

fn recorded(flavour: Flavour) -> Answers {
    let text = match flavour {
        Flavour::MariaDb => include_str!("recorded_mariadb.json"),
        Flavour::MySql => include_str!("recorded_mysql.json"),
    };
    let read: BTreeMap<String, Rows> = serde_json::from_str(text).unwrap();
    let mut answers = Answers::default();
    for (name, _) in queries() {
        answers.add(name, read[name].clone());
    }
    answers
}

const BOTH: [Flavour; 2] = [Flavour::MariaDb, Flavour::MySql];

fn built(answers: &Answers) -> Catalog {
    build("crm", answers).unwrap()
}

fn changed(flavour: Flavour, change: impl Fn(&mut BTreeMap<&'static str, Rows>)) -> Catalog {
    let mut answers = recorded(flavour);
    change(&mut answers.rows);
    built(&answers)
}

fn in_shop(catalog: &Catalog, name: &str) -> Arc<Relation> {
    catalog.relation_named("shop_built", name).unwrap().clone()
}

#[test]
fn every_question_is_one_select() {
    for (name, sql) in queries() {
        assert!(sql.starts_with("SELECT ") && !sql.contains(';'), "{name}: {sql}");
    }
}

#[test]
fn relations_come_with_kinds_definitions_and_paths() {
    for flavour in BOTH {
        let catalog = built(&recorded(flavour));
        assert_eq!((catalog.flavour, catalog.lower_case_table_names), (Some(flavour), 0));
        let kind = |name: &str| in_shop(&catalog, name).kind;
        assert_eq!(
            (kind("t"), kind("v"), kind("merged")),
            (RelationKind::Table, RelationKind::View, RelationKind::Foreign)
        );
        let view = in_shop(&catalog, "vv");
        assert!(view.definition.as_deref().unwrap().contains("from `shop_built`.`v`"));
        let key = ColumnKey { relation: in_shop(&catalog, "Odd Name").key, number: 1 };
        assert_eq!(catalog.column_path(key).unwrap(), "crm.shop_built.Odd Name.A b");
        let system = catalog.relation_folded("INFORMATION_SCHEMA", "tables").unwrap();
        assert_eq!((system.kind, &system.definition, system.key.0 < 16_384), (RelationKind::Table, &None, true));
        assert!(system.column_folded("table_name").is_some() && !system.has_triggers);
        assert!(catalog.has_schema("shop_built"));
    }
    let catalog = built(&recorded(Flavour::MariaDb));
    assert_eq!(in_shop(&catalog, "counted").kind, RelationKind::Sequence);
    assert!(in_shop(&catalog, "versioned").unique_keys.is_empty(), "old versions of a row have its key");
}

#[test]
fn columns_come_with_types_and_expressions() {
    for flavour in BOTH {
        let catalog = built(&recorded(flavour));
        let kinds = in_shop(&catalog, "kinds");
        let kind = |name: &str| MySqlType::of(kinds.column_named(name).unwrap().type_oid).unwrap();
        use MySqlType as T;
        let json = if flavour == Flavour::MySql { T::Json } else { T::Text };
        for (name, expected) in [
            ("k_tiny", T::Tiny),
            ("k_small", T::Short),
            ("k_medium", T::Medium),
            ("id", T::Long),
            ("k_big", T::LongLong),
            ("k_float", T::Float),
            ("k_double", T::Double),
            ("k_decimal", T::Decimal),
            ("k_year", T::Year),
            ("k_date", T::Date),
            ("k_datetime", T::DateTime),
            ("k_timestamp", T::Timestamp),
            ("k_time", T::Time),
            ("k_char", T::Text),
            ("k_text", T::Text),
            ("k_binary", T::Bytes),
            ("k_blob", T::Bytes),
            ("k_json", json),
            ("k_enum", T::Enum),
            ("k_set", T::Set),
            ("k_bit", T::Bit),
            ("k_geometry", T::Geometry),
        ] {
            assert_eq!(kind(name), expected, "{flavour:?}: {name}");
        }
        let hidden = |name: &str| {
            let number = kinds.column_named(name).unwrap().number;
            catalog.is_hidden(ColumnKey { relation: kinds.key, number })
        };
        assert!(hidden("k_hidden") && !hidden("k_bit"));
        let t = in_shop(&catalog, "t");
        assert!(t.column_named("id").unwrap().not_null && !t.column_named("a").unwrap().not_null);
        let generated = t.column_named("d").unwrap().generated.clone().unwrap();
        assert!(generated.contains(r#"'it\'s \\ \n "'"#), "{generated}");
        assert_eq!(t.column_named("a").unwrap().generated, None);
    }
    let strict = in_shop(&built(&recorded(Flavour::MariaDb)), "strict");
    assert!(strict.columns.iter().all(|column| column.type_oid == MySqlType::Strict.oid()));
}

#[test]
fn expressions_of_mysql_are_unescaped_or_left_unreadable() {
    let read = |text: &str| expression(Some(Flavour::MySql), Arc::from(text)).to_string();
    assert_eq!(read(r"concat(`a`,_utf8mb4\'x\\\'y\')"), r"concat(`a`,_utf8mb4'x\'y')");
    assert_eq!(read(r"a\nb\'"), r"a\nb\'");
    assert_eq!(read("a\\"), "a\\");
    assert_eq!(&*expression(Some(Flavour::MariaDb), Arc::from(r"'it\'s'")), r"'it\'s'");
}

#[test]
fn only_keys_that_bound_a_look_up_are_kept() {
    for flavour in BOTH {
        let catalog = built(&recorded(flavour));
        let keys = |name: &str| in_shop(&catalog, name).unique_keys.clone();
        // id (primary), two, v; not half and u (nullable), not the prefixed one.
        assert_eq!(keys("t"), [vec![1], vec![9, 10], vec![7]]);
        assert_eq!(keys("merged"), Vec::<Vec<i16>>::new());
        assert_eq!(keys("memory_one"), [vec![1]]);
        // Told apart though their rows come mingled.
        assert_eq!((keys("twins"), keys("Twins")), (vec![vec![1, 2]], vec![vec![1, 2]]));
    }
    let functional = in_shop(&built(&recorded(Flavour::MySql)), "functional");
    assert!(functional.unique_keys.is_empty());
    let elsewhere = changed(Flavour::MySql, |rows| {
        let row = rows.get_mut("relations").unwrap().iter_mut().find(|row| row[1].as_deref() == Some("t")).unwrap();
        row[3] = Some("CONNECT".to_owned());
    });
    let t = in_shop(&elsewhere, "t");
    assert_eq!((t.kind, t.unique_keys.len()), (RelationKind::Foreign, 0));
}

#[test]
fn triggers_count_where_they_are_seen_or_could_not_be() {
    for flavour in BOTH {
        let catalog = built(&recorded(flavour));
        assert!(in_shop(&catalog, "parted").has_triggers && !in_shop(&catalog, "t").has_triggers);
        let rights = |rights: &[[Option<&str>; 2]]| {
            let rights: Rows = rights.iter().map(|row| row.map(|field| field.map(str::to_owned)).to_vec()).collect();
            in_shop(&changed(flavour, |rows| *rows.get_mut("trigger_rights").unwrap() = rights.clone()), "t")
                .has_triggers
        };
        assert!(rights(&[]));
        assert!(rights(&[[Some("shop\\_x%"), None], [Some("other"), None]]));
        assert!(rights(&[[Some("shop_built"), Some("parted")]]));
        assert!(!rights(&[[Some("shop_built"), Some("t")]]));
        assert!(!rights(&[[Some("%"), None]]));
    }
}

#[test]
fn grants_match_names_as_the_server_matches_them() {
    let table = [
        ("%", "shop", true),
        ("shop", "shop", true),
        ("shop", "shop2", false),
        ("shop_", "shop2", true),
        ("shop\\_", "shop2", false),
        ("shop\\_", "shop_", true),
        ("s%p", "shop", true),
        ("s%p", "shops", false),
        ("", "", true),
        ("\\", "\\", true),
    ];
    for (pattern, name, expected) in table {
        assert_eq!(matches_pattern(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
    }
}

#[test]
fn routines_are_opaque_and_bound_to_their_definition() {
    for flavour in BOTH {
        let catalog = built(&recorded(flavour));
        let routine = catalog.functions_named("both_ways")[0].clone();
        let names = |list: &[(Arc<str>, u32)]| list.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&routine.arguments), ["first", "third"]);
        assert_eq!(names(&routine.out_columns), ["second", "third"]);
        assert_eq!((routine.kind, &routine.body, routine.changes_context), ('p', &None, true));
        let function = |catalog: &Catalog| catalog.functions_named("plus_one")[0].clone();
        assert_eq!((function(&catalog).kind, function(&catalog).returns), ('f', MySqlType::Long.oid()));
        let hash = |field: usize, value: Option<&str>| {
            let changed = changed(flavour, |rows| {
                let rows = rows.get_mut("functions").unwrap();
                let row = rows.iter_mut().find(|row| row[1].as_deref() == Some("plus_one")).unwrap();
                row[field] = value.map(str::to_owned);
            });
            function(&changed).definition_sha256.clone()
        };
        let same = function(&catalog).definition_sha256.clone();
        assert_eq!(hash(1, Some("plus_one")), same);
        assert_ne!(hash(4, Some("RETURN n + 2")), same);
        assert_ne!(hash(8, Some("ANSI_QUOTES")), same);
        assert_eq!(&*hash(4, None), "");
    }
}

#[test]
fn the_version_follows_definitions_and_not_row_counts() {
    for flavour in BOTH {
        let version = built(&recorded(flavour)).version;
        let grown = |rows: &mut BTreeMap<&'static str, Rows>| {
            rows.get_mut("estimates").unwrap()[0][2] = Some("77".to_owned());
        };
        assert_eq!(changed(flavour, grown).version, version);
        let renamed = |rows: &mut BTreeMap<&'static str, Rows>| {
            rows.get_mut("columns").unwrap().last_mut().unwrap()[3] = Some("other".to_owned());
        };
        assert_ne!(changed(flavour, renamed).version, version);
    }
}

#[test]
fn reported_versions_read_as_flavour_and_number() {
    for (text, expected) in [
        ("10.11.18-MariaDB-0+deb12u1", Some((Flavour::MariaDb, 101_118))),
        ("5.5.5-10.11.18-MariaDB", Some((Flavour::MariaDb, 101_118))),
        ("11.4.2-MariaDB-log", Some((Flavour::MariaDb, 110_402))),
        ("8.4.3", Some((Flavour::MySql, 80_403))),
        ("9.7.4-2", Some((Flavour::MySql, 90_704))),
        ("8.0.32-24", Some((Flavour::MySql, 80_032))),
        ("5.7.44-log", Some((Flavour::MySql, 50_744))),
        ("8", None),
        ("8.4", None),
        ("8.4.x", None),
        ("8.400.1", None),
        ("", None),
    ] {
        assert_eq!(server(text), expected, "{text}");
    }
}

#[test]
fn answers_of_another_form_are_errors_without_values() {
    assert_eq!(build("crm", &Answers::default()).unwrap_err(), LoadError::Unanswered { query: "server" });
    let mut answers = recorded(Flavour::MySql);
    answers.rows.get_mut("columns").unwrap()[7][2] = Some("secret".to_owned());
    let error = build("crm", &answers).unwrap_err();
    assert_eq!(error, LoadError::Malformed { query: "columns", row: 7, field: 2 });
    let mut answers = recorded(Flavour::MySql);
    answers.rows.get_mut("server").unwrap()[0][0] = Some("what".to_owned());
    assert_eq!(build("crm", &answers).unwrap_err(), LoadError::Malformed { query: "server", row: 0, field: 0 });
    let mut answers = recorded(Flavour::MariaDb);
    answers.rows.remove("triggers");
    assert_eq!(build("crm", &answers).unwrap_err(), LoadError::Unanswered { query: "triggers" });
}
