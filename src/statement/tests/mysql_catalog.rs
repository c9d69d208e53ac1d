//! A shop as MySQL's catalog would be loaded: tables, generated columns, a trigger, views as the server prints them.

use std::sync::Arc;

use crate::catalog::mysql_type::MySqlType as T;
use crate::catalog::{Catalog, Column, ColumnKey, Function, Parts, Relation, RelationKey, RelationKind};

/// The database that unqualified names are of.
pub(super) const DATABASE: &str = "evasion";

fn kind(word: &str) -> T {
    match word {
        "int" => T::Long,
        "decimal" => T::Decimal,
        "date" => T::Date,
        "datetime" => T::DateTime,
        "json" => T::Json,
        "bytes" => T::Bytes,
        "enum" => T::Enum,
        other => panic!("{other}"),
    }
}

/// Columns are `name` (text) or `name:type`.
fn relation(key: u32, name: &str, columns: &str, keys: &[&[i16]]) -> Relation {
    let columns = columns.split(' ').enumerate().map(|(index, column)| {
        let (name, oid) = column.split_once(':').map_or((column, T::Text), |(name, word)| (name, kind(word)));
        Column {
            number: i16::try_from(index + 1).unwrap(),
            name: Arc::from(name),
            type_oid: oid.oid(),
            not_null: true,
            generated: None,
        }
    });
    Relation {
        key: RelationKey(key),
        schema: Arc::from(DATABASE),
        name: Arc::from(name),
        kind: RelationKind::Table,
        columns: columns.collect(),
        unique_keys: keys.iter().map(|key| key.to_vec()).collect(),
        definition: None,
        parents: Vec::new(),
        children: Vec::new(),
        has_rules: false,
        has_triggers: false,
        has_row_security: false,
        rows_estimate: 1000.0,
    }
}

fn view(key: u32, name: &str, columns: &str, definition: &str) -> Relation {
    let kind = RelationKind::View;
    Relation { kind, definition: Some(Arc::from(definition)), ..relation(key, name, columns, &[]) }
}

fn of(schema: &str, relation: Relation) -> Relation {
    Relation { schema: Arc::from(schema), ..relation }
}

fn tables() -> Vec<Relation> {
    let customers =
        "id:int name email ssn card_number dob:date balance:decimal notes country created_at:datetime profile:json";
    let mut people = relation(12, "People", "Id:int Email lower_mail blurred First", &[&[1]]);
    people.columns[2].generated = Some(Arc::from("lower(`Email`)"));
    people.columns[3].generated = Some(Arc::from("concat(`Email`,_utf8mb4\\'x\\')"));
    vec![
        relation(1, "customers", customers, &[&[1], &[3], &[4]]),
        relation(2, "departments", "id:int name", &[&[1]]),
        relation(3, "employees", "id:int name title dept_id:int manager_id:int salary:decimal bank_account", &[&[1]]),
        relation(4, "secrets", "id:int customer_id:int label api_key blob_:bytes", &[&[1]]),
        relation(5, "orders", "id:int customer_id:int amount:decimal status ship_note created_at:datetime", &[&[1]]),
        relation(6, "tickets", "id:int subject body", &[&[1]]),
        relation(7, "scratch", "k v", &[]),
        relation(8, "ssn_seen", "ssn", &[&[1]]),
        relation(9, "nums", "n:int d:decimal e:enum dt:date", &[&[1]]),
        relation(10, "payments", "id:int customer_id:int paid_on:date card_number amount:decimal", &[&[1, 3]]),
        relation(11, "items", "order_id:int line:int name", &[&[1, 2]]),
        people,
        relation(17, "shy", "id:int seen unseen", &[&[1]]),
        Relation { has_triggers: true, ..relation(13, "audited", "id:int note", &[&[1]]) },
        of("crm", relation(14, "leads", "id:int phone", &[&[1]])),
        of("information_schema", view(15, "TABLES", "TABLE_SCHEMA TABLE_NAME TABLE_ROWS:int", "")),
        of("information_schema", view(16, "PROCESSLIST", "ID:int INFO", "")),
    ]
}

fn views() -> Vec<Relation> {
    let customers = "select `evasion`.`customers`.`id` AS `id`,`evasion`.`customers`.`name` AS `name`,\
        `evasion`.`customers`.`ssn` AS `ref`,`evasion`.`customers`.`email` AS `contact`,\
        `evasion`.`customers`.`country` AS `country` from `evasion`.`customers`";
    let code = "select `evasion`.`v_customers`.`id` AS `id`,ucase(`v_customers`.`ref`) AS `code`,\
        `v_customers`.`contact` AS `c2` from `evasion`.`v_customers`";
    let blended = "select `v_customers2`.`id` AS `id`,concat(`v_customers2`.`code`,':',`v_customers2`.`c2`) AS `blended` \
        from `evasion`.`v_customers2`";
    let union = "select `evasion`.`customers`.`ssn` AS `ref` from `evasion`.`customers` union all \
        select `evasion`.`secrets`.`label` AS `label` from `evasion`.`secrets`";
    let joined = "select `o`.`id` AS `id`,`o`.`status` AS `status`,`c`.`email` AS `email` from \
        (`evasion`.`orders` `o` left join `evasion`.`customers` `c` on(`c`.`id` = `o`.`customer_id`)) \
        where `o`.`amount` > 0";
    vec![
        view(30, "v_customers", "id:int name ref contact country", customers),
        view(31, "v_customers2", "id:int code c2", code),
        view(32, "v_customers3", "id:int blended", blended),
        view(33, "v_union", "ref", union),
        view(34, "v_orders", "id:int status email", joined),
        view(35, "v_unreadable", "id:int", "select `evasion`.`f`('\\'') AS `id`"),
        view(36, "v_routine", "secret", "select `evasion`.`f_ssn`(1) AS `secret`"),
    ]
}

fn function(name: &str, body: &str) -> Function {
    Function {
        schema: Arc::from(DATABASE),
        name: Arc::from(name),
        arguments: vec![(Arc::from("i"), T::Long.oid())],
        defaults: 0,
        returns: T::Text.oid(),
        out_columns: Vec::new(),
        kind: 'f',
        language: Arc::from("sql"),
        body: Some(Arc::from(body)),
        returns_set: false,
        changes_context: false,
        extension: None,
        definition_sha256: Arc::from(""),
    }
}

/// The catalog.
pub(super) fn shop() -> Catalog {
    let parts = Parts {
        relations: tables().into_iter().chain(views()).collect(),
        functions: vec![
            function("f_ssn", "RETURN (SELECT ssn FROM customers WHERE id=i)"),
            function("Substring", "RETURN 'x'"),
        ],
        hidden: vec![ColumnKey { relation: RelationKey(17), number: 3 }],
        schemas: [DATABASE, "crm", "information_schema"].map(Arc::from).to_vec(),
        ..Parts::default()
    };
    Catalog::new(Arc::from("shop"), 1, 101_119, parts)
}
