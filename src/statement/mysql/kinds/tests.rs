//! Small readers: the cursor and the INTO clause. Statements are in `tests/statements/mysql`.

use super::cursor::{Cursor, Named};
use super::files::{Into, take_into};
use crate::statement::mysql::lex::{Lexeme, lex};
use crate::statement::scope::{Flavour, MySqlReading};

fn lexemes(text: &str) -> Vec<Lexeme> {
    lex(text, &MySqlReading::plain(Flavour::MySql, 80_403)).unwrap()
}

#[test]
fn steps_that_do_not_fit_leave_the_place_as_it_is() {
    let all = lexemes("a.b c 'd' @e (f, g) h");
    let mut cursor = Cursor::new(&all);
    assert!(!cursor.word("a") && !cursor.words(&["c", "d"]) && cursor.string().is_none());
    assert_eq!(cursor.named(), Some(Named { database: Some("a".into()), name: "b".into() }));
    assert!(!cursor.words(&["C", "X"]) && cursor.word("C"));
    assert_eq!(cursor.string().as_deref(), Some("d"));
    assert_eq!(cursor.variable().as_deref(), Some("e"));
    assert_eq!(cursor.until(|lexeme| lexeme.is("H") || lexeme.is("F")).len(), 5);
    assert!(cursor.word("h") && cursor.at_end());
}

#[test]
fn kinds_of_objects_are_found_behind_what_may_stand_before_them() {
    for (text, kind) in [
        ("table t", Some("TABLE")),
        ("or replace algorithm = merge definer = a@b sql security definer view v", Some("VIEW")),
        ("definer = current_user() procedure p", Some("PROCEDURE")),
        ("definer = 'a'@'%' aggregate function f", Some("FUNCTION")),
        ("temporary table t", Some("TEMPORARY")),
        ("something x", None),
        ("definer procedure p", None),
    ] {
        assert_eq!(Cursor::new(&lexemes(text)).object_kind().as_deref(), kind, "{text}");
    }
}

#[test]
fn into_is_taken_out_of_a_query() {
    let (query, into) = take_into(&lexemes("select a into @x, @Y from t")).unwrap();
    assert_eq!(query, {
        let mut plain = lexemes("select a into @x, @Y from t");
        plain.drain(2..6);
        plain
    });
    assert_eq!(into, Some(Into::Variables(vec!["x".into(), "y".into()])));
    let (_, into) =
        take_into(&lexemes("select a from t into outfile 'f' fields escaped by 'x' lines starting by 'y'")).unwrap();
    assert_eq!(into, Some(Into::File));
    for text in ["select a into t", "select a into @a into @b", "select a into outfile @f"] {
        assert!(take_into(&lexemes(text)).is_err(), "{text}");
    }
}
