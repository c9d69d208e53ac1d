//! What sqlparser is shown, and what it is spared.

use super::*;

fn tree(text: &str) -> Result<String, Doubt> {
    let reading = MySqlReading::plain(Flavour::MySql, 80_403);
    statement(&lex(text, &reading)?, &reading).map(|tree| tree.to_string())
}

#[test]
fn names_that_are_keywords_elsewhere_stay_names() {
    for (text, printed) in [
        ("select a from t anti", "SELECT a FROM t anti"),
        ("select a from t full", "SELECT a FROM t full"),
        ("select json 'x' from t", "SELECT json 'x' FROM t"),
        ("select left(a, 1) from t left join u on 1", "SELECT left(a, 1) FROM t LEFT JOIN u ON 1"),
        ("select 5 mod 2", "SELECT 5 % 2"),
        ("select a from t lock in share mode", "SELECT a FROM t"),
    ] {
        let found = tree(text).unwrap_or_else(|doubt| panic!("{text}: {doubt}"));
        assert_eq!(found.replace(" AS ", " "), printed, "{text}");
    }
}

#[test]
fn what_is_left_over_or_too_high_is_refused() {
    let chain = format!("select 1 {}", "+ 1 ".repeat(1_000));
    for text in ["select 1 2 3", "select 1)", "select (1", "drop table t", "select a from t qualify 1", &chain] {
        assert!(tree(text).is_err(), "{text}");
    }
    let list = format!("select 1 in ({}1)", "1, ".repeat(5_000));
    assert!(tree(&list).is_ok());
}

#[test]
fn a_text_of_one_query_is_read() {
    let reading = MySqlReading::plain(Flavour::MySql, 80_403);
    assert!(query("select `a`.`b` AS `b` from `d`.`a`", &reading).is_some());
    assert!(query("delete from t", &reading).is_none());
    assert!(query("select 1; select 2", &reading).is_none());
}
