//! Which literals the cache key cuts, and which texts have no key.

use super::*;
use crate::statement::scope::{Flavour, MySqlReading};

const POSTGRES: Dialect = Dialect::Postgres { standard_conforming_strings: true };
const OLD_STRINGS: Dialect = Dialect::Postgres { standard_conforming_strings: false };

#[test]
fn mysqls_texts_have_keys_only_where_every_mode_reads_them_alike() {
    let dialect = Dialect::MySql(MySqlReading::plain(Flavour::MySql, 80_403));
    for text in
        ["SELECT a FROM t WHERE b = 5", "SELECT a FROM t WHERE b = 'x' LIMIT 5", "INSERT INTO t VALUES (1, 'x')"]
    {
        assert!(cache_key(text, &dialect).is_some_and(|key| !key.literals.is_empty()), "{text}");
    }
    let limits = ["SELECT a FROM t WHERE b = 1 LIMIT 5", "SELECT a FROM t WHERE b = 1 LIMIT 6"];
    let [five, six] = limits.map(|text| cache_key(text, &dialect).unwrap().skeleton);
    assert_ne!(five, six);
    for text in [
        "SELECT a FROM t WHERE b = 'x\\'",
        "SELECT a FROM t WHERE b = \"x\"",
        "SELECT `a` FROM t WHERE b = 1",
        "SELECT a FROM t WHERE b = 1 # x",
        "SELECT a FROM t WHERE b = 1 /*! OR 1 */",
        "SELECT a FROM t WHERE b = 1--1",
        "SELECT a FROM t WHERE b = @v",
        "SELECT a FROM t WHERE b = x'41'",
        "SELECT a FROM t WHERE b = _utf8'x'",
        "SELECT a FROM t WHERE b = 0x41",
        "SELECT a FROM t WHERE b = 'x' 'y'",
    ] {
        assert_eq!(cache_key(text, &dialect), None, "{text}");
    }
}

/// The skeleton as text: `<s>`, `<i>`, `<I>`, `<n>` for cut strings, integers, large integers and numbers with a point.
fn shown(text: &str) -> Option<String> {
    let key = cache_key(text, &POSTGRES)?;
    let mut out = Vec::new();
    let mut bytes = key.skeleton.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            1 => out.extend_from_slice(format!("<{}>", char::from(*bytes.next().unwrap())).as_bytes()),
            byte => out.push(*byte),
        }
    }
    Some(String::from_utf8(out).unwrap())
}

#[test]
fn harmless_literals_are_cut() {
    let table = [
        ("SELECT abalance FROM accounts WHERE aid = 123", "SELECT abalance FROM accounts WHERE aid = <i>"),
        ("SELECT a FROM t WHERE b='x' AND t.c<>-5", "SELECT a FROM t WHERE b=<s> AND t.c<>-<i>"),
        ("SELECT a FROM t WHERE b > 1234567890 OR c <= .5", "SELECT a FROM t WHERE b > <I> OR c <= <n>"),
        ("UPDATE t SET a = 'it''s', b = 2.5 WHERE \"I\" = 1", "UPDATE t SET a = <s>, b = <n> WHERE \"I\" = <i>"),
        ("SELECT a FROM t WHERE b IN (1, 2,-3)", "SELECT a FROM t WHERE b IN (<i>, <i>,-<i>)"),
        ("SELECT a FROM t WHERE b NOT IN ('x')", "SELECT a FROM t WHERE b NOT IN (<s>)"),
        ("INSERT INTO t (a, b) VALUES (1, 'x'), (-2, 'y');", "INSERT INTO t (a, b) VALUES (<i>, <s>), (-<i>, <s>);"),
        ("INSERT INTO t VALUES (now(), 5)", "INSERT INTO t VALUES (now(), <i>)"),
        (
            "SELECT a FROM t WHERE b LIKE 'x%' AND c NOT ILIKE 'y'",
            "SELECT a FROM t WHERE b LIKE <s> AND c NOT ILIKE <s>",
        ),
        (
            "SELECT a FROM t WHERE b BETWEEN 1 AND 5 AND c = 6",
            "SELECT a FROM t WHERE b BETWEEN <i> AND <i> AND c = <i>",
        ),
        ("SELECT a FROM t JOIN u ON t.a = u.a AND u.b = 7", "SELECT a FROM t JOIN u ON t.a = u.a AND u.b = <i>"),
        ("DELETE FROM t WHERE id::int8 = 5", "DELETE FROM t WHERE id::int8 = <i>"),
        ("SELECT a FROM t WHERE b = 'ünï\\'", "SELECT a FROM t WHERE b = <s>"),
        ("WITH x AS (SELECT 1) SELECT * FROM x WHERE a = 2", "WITH x AS (SELECT 1) SELECT * FROM x WHERE a = <i>"),
    ];
    for (text, skeleton) in table {
        assert_eq!(shown(text).as_deref(), Some(skeleton), "{text}");
    }
}

#[test]
fn literals_that_may_matter_stay() {
    let texts = [
        "SELECT a FROM t LIMIT 10 OFFSET 5",
        "SELECT a FROM t FETCH FIRST 5 ROWS ONLY",
        "SELECT a, b FROM t GROUP BY 1, 2 ORDER BY 2, 1",
        "SELECT DISTINCT ON (1) a FROM t",
        "SELECT 5, 'x', interval '1' day",
        "SELECT a FROM t WHERE b = 'customers'::regclass",
        "SELECT a FROM t WHERE b = 5::text",
        "SELECT f('x', 5) FROM t",
        "SELECT a::varchar(10) FROM t",
        "SELECT a -> 'k' ->> 'j' FROM t",
        "SELECT a || 'x' FROM t",
        "SELECT a FROM t TABLESAMPLE system (10)",
        "DELETE FROM t WHERE 1 = 1",
        "DELETE FROM t WHERE 'a' = 'a'",
        "DELETE FROM t WHERE (1) = 1",
        "DELETE FROM t WHERE true = true",
        "DELETE FROM t WHERE 1::int = 1",
        "DELETE FROM t WHERE 1::double precision = 1",
        "DELETE FROM t WHERE 1::pg_catalog.int4 = 1",
        "DELETE FROM t WHERE interval '1' day = '1'",
        "DELETE FROM t WHERE 'a' COLLATE \"C\" = 'a'",
        "DELETE FROM t WHERE 1 + 0 = 1",
        "DELETE FROM t WHERE 1 IN (1)",
        "DELETE FROM t WHERE 1 BETWEEN 0 AND 2",
        "DELETE FROM t WHERE 'a' LIKE 'a'",
        "DELETE FROM t WHERE CASE 1 WHEN 1 THEN true END = 1",
        "DELETE FROM t WHERE ARRAY[1] = 1",
        "SELECT a FROM t WHERE b IN (SELECT c, 5 FROM u GROUP BY 1, 2)",
        "SELECT a FROM t WHERE b IN ((SELECT 1) UNION SELECT c FROM u ORDER BY x, 2)",
        "SELECT a FROM t WHERE b = '[masked:pii]'",
        "INSERT INTO t VALUES ('[1]')",
        "INSERT INTO t VALUES (1 + 2)",
        "SELECT a FROM t WHERE x = ANY ('{1,2}')",
        "SELECT f(x => 5)",
        "SELECT a FROM t ORDER BY b FOR UPDATE",
        "BEGIN",
        "SET statement_timeout = 5",
        "FETCH 100 FROM c;",
    ];
    for text in texts {
        assert_eq!(shown(text).as_deref(), Some(text), "{text}");
        assert!(cache_key(text, &POSTGRES).unwrap().literals.is_empty(), "{text}");
    }
}

#[test]
fn doubtful_texts_have_no_key() {
    let texts = [
        "SELECT 1; SELECT 2",
        "SELECT $$x$$",
        "SELECT $a$x$a$",
        "SELECT E'x'",
        "SELECT a FROM t WHERE b = e'x'",
        "SELECT B'1'",
        "SELECT U&'x'",
        "SELECT U&\"x\" FROM t",
        "SELECT N'x'",
        "SELECT 'a'\n'b'",
        "SELECT a FROM t WHERE b = 'a'   'b'",
        "SELECT naïve FROM t",
        "SELECT \"naïve\" FROM t",
        "SELECT 'open",
        "SELECT \"open",
        "SELECT a FROM t -- x",
        "SELECT a /* x */ FROM t",
        "SELECT 1e5",
        "SELECT 0x1F",
        "SELECT 1_000",
        "SELECT 1a",
        "SELECT 1.2.3",
        "SELECT 'a\u{1}'",
        "SELECT a\u{1}s",
        "SELECT (1",
        "SELECT 1)",
        "SELECT \u{c} 1",
        "SET a = 1; SET b = 2",
        "SET x = '\u{1}'",
        "COPY t FROM STDIN; x",
    ];
    for text in texts {
        let key = cache_key(text, &POSTGRES);
        // Unbalanced parentheses are the parser's business; only what is closed too often is refused here.
        assert!(key.is_none() || text == "SELECT (1", "{text}");
    }
    assert_eq!(cache_key("SELECT a FROM t WHERE b = '\\'", &OLD_STRINGS), None);
    assert!(cache_key("SELECT a FROM t WHERE b = 'x'", &OLD_STRINGS).is_some());
    let deep = format!("SELECT {}1{}", "(".repeat(100), ")".repeat(100));
    assert_eq!(cache_key(&deep, &POSTGRES), None);
    assert_eq!(cache_key(&format!("SELECT '{}'", "x".repeat(70_000)), &POSTGRES), None);
}

#[test]
fn texts_that_differ_in_more_than_a_harmless_value_differ_in_their_skeleton() {
    let pairs = [
        ("SELECT a FROM t WHERE b = 5", "SELECT a FROM t WHERE b = '5'"),
        ("SELECT a FROM t WHERE b = 5", "SELECT a FROM t WHERE b = 5.0"),
        ("SELECT a FROM t WHERE b = 5", "SELECT a FROM t WHERE b = 5000000000"),
        ("SELECT a FROM t WHERE b = 5", "SELECT a FROM t WHERE b = -5"),
        ("SELECT a FROM t WHERE b IN (1)", "SELECT a FROM t WHERE b IN (1, 2)"),
        ("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1), (2)"),
        ("SELECT a FROM t WHERE b = 1 LIMIT 1", "SELECT a FROM t WHERE b = 1 LIMIT 2"),
        ("SELECT a FROM t", "SELECT A FROM t"),
        ("DELETE FROM t WHERE 1 = 0", "DELETE FROM t WHERE 1 = 1"),
    ];
    for (one, other) in pairs {
        assert_ne!(cache_key(one, &POSTGRES).unwrap().skeleton, cache_key(other, &POSTGRES).unwrap().skeleton, "{one}");
    }
}

#[test]
fn ranges_cover_the_literals_as_the_server_scans_them() {
    let text = "SELECT a FROM t WHERE b = 'ä''x' AND c IN (1, 22) AND d < -3.5";
    let key = cache_key(text, &POSTGRES).unwrap();
    let literals: Vec<&str> =
        key.literals.iter().map(|range| &text[range.start as usize..range.end as usize]).collect();
    assert_eq!(literals, ["'ä''x'", "1", "22", "3.5"]);
    let tokens = pg_query::scan(text).unwrap().tokens;
    for range in &key.literals {
        let (start, end) = (i32::try_from(range.start).unwrap(), i32::try_from(range.end).unwrap());
        assert!(tokens.iter().any(|token| token.start == start && token.end == end), "{range:?}");
    }
}

#[test]
fn a_key_is_reused_without_traces_of_the_last_text() {
    let mut key = cache_key("SELECT a FROM t WHERE b = 5", &POSTGRES).unwrap();
    assert!(cache_key_into("SELECT 1", &POSTGRES, &mut key));
    assert_eq!(key, CacheKey { skeleton: b"SELECT 1".to_vec(), literals: Vec::new() });
}
