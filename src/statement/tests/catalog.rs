//! A shop as the catalog would load it: tables, partitions, inheritance, views, functions.

use std::sync::Arc;

use crate::catalog::{Catalog, Column, Function, Parts, Relation, RelationKey, RelationKind, Type};

const TEXT: u32 = 25;
const INT: u32 = 23;

/// Columns are `name` (text) or `name:oid`, `!` marks a classified one (which only the tests care about).
fn relation(key: u32, kind: RelationKind, name: &str, columns: &[&str]) -> Relation {
    let columns = columns.iter().enumerate().map(|(index, column)| {
        let (name, oid) = column.split_once(':').map_or((*column, TEXT), |(name, oid)| (name, oid.parse().unwrap()));
        Column {
            number: i16::try_from(index + 1).unwrap(),
            name: Arc::from(name),
            type_oid: oid,
            not_null: true,
            generated: None,
        }
    });
    Relation {
        key: RelationKey(key),
        schema: Arc::from("public"),
        name: Arc::from(name),
        kind,
        columns: columns.collect(),
        unique_keys: Vec::new(),
        definition: None,
        parents: Vec::new(),
        children: Vec::new(),
        has_rules: false,
        has_triggers: false,
        has_row_security: false,
        rows_estimate: 1000.0,
    }
}

fn table(key: u32, name: &str, columns: &[&str], keys: &[&[i16]]) -> Relation {
    let unique_keys = keys.iter().map(|key| key.to_vec()).collect();
    Relation { unique_keys, ..relation(key, RelationKind::Table, name, columns) }
}

fn view(key: u32, name: &str, columns: &[&str], definition: &str) -> Relation {
    Relation { definition: Some(Arc::from(definition)), ..relation(key, RelationKind::View, name, columns) }
}

fn function(name: &str, arguments: &[(&str, u32)], language: &str, body: &str) -> Function {
    Function {
        schema: Arc::from("public"),
        name: Arc::from(name),
        arguments: arguments.iter().map(|(name, oid)| (Arc::from(*name), *oid)).collect(),
        defaults: 0,
        returns: TEXT,
        out_columns: Vec::new(),
        kind: 'f',
        language: Arc::from(language),
        body: Some(Arc::from(body)),
        returns_set: false,
        changes_context: false,
        extension: None,
        definition_sha256: Arc::from(""),
    }
}

const CUSTOMERS: [&str; 11] = [
    "id:23",
    "name",
    "email",
    "ssn",
    "card_number",
    "dob:1082",
    "balance:1700",
    "notes",
    "country",
    "created_at:1184",
    "profile:3802",
];

fn tables() -> Vec<Relation> {
    let with_family = |relation: Relation, children: &[u32]| Relation {
        children: children.iter().map(|key| RelationKey(*key)).collect(),
        ..relation
    };
    let child_of = |relation: Relation, parent: u32| Relation { parents: vec![RelationKey(parent)], ..relation };
    let vip: Vec<&str> = CUSTOMERS.iter().copied().chain(["perk"]).collect();
    let payments = ["id:23", "customer_id:23", "paid_on:1082", "card_number", "amount:1700"];
    let mut people = table(12, "people", &["id:23", "email", "email_lower", "first", "last"], &[&[1]]);
    people.columns[2].generated = Some(Arc::from("lower(email)"));
    vec![
        with_family(table(1, "customers", &CUSTOMERS, &[&[1], &[3], &[4]]), &[2]),
        child_of(table(2, "customers_vip", &vip, &[]), 1),
        table(3, "departments", &["id:23", "name"], &[&[1]]),
        table(
            4,
            "employees",
            &["id:23", "name", "title", "dept_id:23", "manager_id:23", "salary:1700", "bank_account"],
            &[&[1]],
        ),
        table(5, "secrets", &["id:23", "customer_id:23", "label", "api_key", "blob:17"], &[&[1]]),
        table(
            6,
            "orders",
            &["id:23", "customer_id:23", "amount:1700", "status", "ship_note", "created_at:1184"],
            &[&[1]],
        ),
        table(7, "tickets", &["id:23", "subject", "body"], &[&[1]]),
        table(8, "scratch", &["k", "v"], &[]),
        with_family(
            Relation { kind: RelationKind::Partitioned, ..table(9, "payments", &payments, &[&[1, 3]]) },
            &[10, 11],
        ),
        child_of(table(10, "payments_2024", &payments, &[&[1, 3]]), 9),
        child_of(table(11, "payments_2025", &payments, &[&[1, 3]]), 9),
        people,
        Relation { has_triggers: true, ..table(13, "audited", &["id:23", "note"], &[&[1]]) },
        Relation { has_rules: true, ..table(14, "ruled", &["a:23"], &[]) },
        table(15, "accounts", &["id:23", "customer_id:23", "iban"], &[&[1], &[2]]),
        Relation { schema: Arc::from("crm"), ..table(16, "leads", &["id:23", "phone"], &[&[1]]) },
        table(
            20,
            "products",
            &["id:23", "name", "price:1700", "stock:23", "tags:1009", "category", "attributes:3802"],
            &[&[1]],
        ),
        table(22, "parcels", &["id:23", "sender:9003", "senders:9004", "mood:9002", "moods:9005"], &[&[1]]),
        Relation { kind: RelationKind::Other, ..table(23, "party", &["count", "avg", "notes"], &[]) },
        table(21, "order_items", &["order_id:23", "line:23", "product_id:23", "quantity:23", "price:1700"], &[&[1, 2]]),
        Relation { schema: Arc::from("pg_catalog"), ..table(18, "pg_stats", &["attname", "histogram_bounds"], &[]) },
        Relation { kind: RelationKind::Foreign, ..table(19, "remote", &["id:23", "v"], &[]) },
    ]
}

fn views() -> Vec<Relation> {
    vec![
        view(
            30,
            "v_customers",
            &["id:23", "name", "ref", "contact", "country"],
            "SELECT id, name, ssn AS ref, email AS contact, country FROM public.customers;",
        ),
        view(
            31,
            "v_customers2",
            &["id:23", "code", "c2"],
            "SELECT v_customers.id, upper(v_customers.ref) AS code, v_customers.contact AS c2 FROM public.v_customers;",
        ),
        view(
            32,
            "v_customers3",
            &["id:23", "blended"],
            "SELECT id, ((code || ':'::text) || c2) AS blended FROM public.v_customers2;",
        ),
        view(33, "v_row", &["r", "id:23"], "SELECT c.*::public.customers AS r, c.id FROM public.customers c;"),
        view(
            34,
            "v_flags",
            &["id:23", "flag"],
            "SELECT id, CASE WHEN ssn ~~ 'SSN-9%' THEN 1 ELSE 0 END AS flag FROM public.customers;",
        ),
        Relation {
            kind: RelationKind::MaterializedView,
            ..view(
                35,
                "mv_customers",
                &["id:23", "name", "tag", "num"],
                "SELECT customers.id, customers.name, customers.ssn AS tag, customers.card_number AS num FROM public.customers;",
            )
        },
        view(36, "v_loop", &["a"], "SELECT a FROM public.v_loop;"),
        view(37, "v_orders", &["id:23", "status"], "SELECT orders.id, orders.status FROM public.orders;"),
        view(39, "v_settings", &["name", "setting"], "SELECT pg_settings.name, pg_settings.setting FROM pg_settings;"),
        view(40, "v_loud", &["note"], "SELECT upper(audited.note) AS note FROM public.audited;"),
        view(41, "v_blank", &["one:23"], "SELECT 1 AS one FROM public.audited;"),
        view(38, "v_broken", &["a"], "SELECT nothing FROM public.gone;"),
    ]
}

fn functions() -> Vec<Function> {
    let mut customers = function("f_customers", &[], "sql", "SELECT * FROM ONLY customers");
    customers.returns = 9001;
    customers.returns_set = true;
    let mut pairs = function("f_pairs", &[], "plpgsql", "BEGIN RETURN QUERY SELECT id, ssn FROM customers; END");
    pairs.out_columns = vec![(Arc::from("a"), INT), (Arc::from("b"), TEXT)];
    pairs.returns_set = true;
    let mut sql_pairs =
        function("f_sql_pairs", &[("lowest", INT)], "sql", "SELECT id, ssn FROM customers WHERE id > lowest");
    sql_pairs.out_columns = pairs.out_columns.clone();
    sql_pairs.returns_set = true;
    let mut contact = function("contact_of", &[("c", 9001)], "sql", "SELECT c.email");
    contact.returns = TEXT;
    let mut definer = function("f_definer", &[("i", INT)], "sql", "SELECT api_key FROM secrets WHERE id = i");
    definer.changes_context = true;
    let mut aggregate = function("leak_agg", &[("", INT)], "internal", "aggregate_dummy");
    aggregate.kind = 'a';
    let mut overloaded = function("upper", &[("x", TEXT)], "sql", "SELECT ssn FROM customers");
    overloaded.schema = Arc::from("crm");
    vec![
        function("f_ssn", &[("i", INT)], "sql", " SELECT ssn FROM customers WHERE id=i "),
        function("f_ssn_by_number", &[("", INT)], "sql", "SELECT ssn FROM customers WHERE id=$1"),
        function("f_shout", &[("x", TEXT)], "sql", "RETURN (upper(x) || '!'::text)"),
        function(
            "f_atomic",
            &[("i", INT)],
            "sql",
            "BEGIN ATOMIC\n SELECT customers.email FROM public.customers WHERE (customers.id = f_atomic.i);\nEND",
        ),
        function("f_write", &[("x", TEXT)], "sql", "INSERT INTO scratch VALUES ('a', x) RETURNING v"),
        function("notes", &[("i", INT)], "sql", "SELECT 'x'"),
        function("sum_of", &[("i", INT)], "sql", r"SELECT 'a\', ssn FROM customers --' AS x"),
        Function { returns: 2283, ..function("f_same", &[("x", 2283)], "sql", "SELECT x") },
        function("f_two", &[], "sql", "SELECT 1; SELECT ssn FROM customers"),
        function("f_self", &[("i", INT)], "sql", "SELECT f_self(i)"),
        customers,
        pairs,
        sql_pairs,
        contact,
        definer,
        aggregate,
        overloaded,
    ]
}

/// Relations of the server's own, as the loader brings them: `schema.name column:type …` a line.
fn system() -> Vec<Relation> {
    let lines = include_str!("../../../tests/statements/system.txt").lines().zip(100..);
    lines
        .map(|(line, key)| {
            let words: Vec<&str> = line.split(' ').collect();
            let (schema, name) = words[0].split_once('.').unwrap();
            Relation { schema: Arc::from(schema), ..table(key, name, &words[1..], &[]) }
        })
        .collect()
}

/// The shop.
pub(super) fn shop() -> Catalog {
    let mut relations = tables();
    relations.extend(views());
    relations.extend(system());
    let composite = Type {
        oid: 9001,
        schema: Arc::from("public"),
        name: Arc::from("customers"),
        kind: 'c',
        base: 0,
        element: 0,
        relation: 1,
    };
    let mood = Type { oid: 9002, name: Arc::from("mood"), kind: 'e', relation: 0, ..composite.clone() };
    let party = Type { oid: 9003, name: Arc::from("party"), relation: 23, ..composite.clone() };
    let parties = Type { oid: 9004, name: Arc::from("_party"), kind: 'b', element: 9003, relation: 0, ..party.clone() };
    let moods = Type { oid: 9005, name: Arc::from("_mood"), element: 9002, ..parties.clone() };
    let parts = Parts {
        relations,
        functions: functions(),
        types: vec![composite, mood, party, parties, moods],
        schemas: ["pg_catalog", "public", "crm"].map(Arc::from).to_vec(),
        user_operators: vec![(Arc::from("public"), Arc::from("@#@"))],
        user_casts: false,
        ..Parts::default()
    };
    Catalog::new(Arc::from("shop"), 1, 150_018, parts)
}
