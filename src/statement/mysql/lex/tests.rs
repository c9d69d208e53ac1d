//! Lexemes of texts, against the rules of the servers and against sqlparser's tokenizer where both must agree.

use proptest::prelude::*;
use sqlparser::dialect::MySqlDialect;
use sqlparser::tokenizer::Tokenizer;

use super::*;

fn mysql() -> MySqlReading {
    MySqlReading::plain(Flavour::MySql, 80_403)
}

fn shown(text: &str, reading: &MySqlReading) -> Vec<String> {
    lex(text, reading)
        .unwrap_or_else(|doubt| panic!("{text}: {doubt}"))
        .iter()
        .map(|one| one.token.to_string())
        .collect()
}

#[test]
fn names_and_points() {
    let reading = mysql();
    assert_eq!(shown("a.select . b", &reading), ["`a`", ".", "`select`", ".", "b"]);
    assert_eq!(shown("a.1e5", &reading), ["`a`", ".", "`1e5`"]);
    assert_eq!(shown("1a 0xg 0b2 1e 0X1", &reading), ["`1a`", "`0xg`", "`0b2`", "`1e`", "`0X1`"]);
    assert_eq!(shown("`a``b`.c", &reading), ["`a`b`", ".", "`c`"]);
    assert_eq!(shown("größe.ü", &reading), ["`größe`", ".", "`ü`"]);
    assert_eq!(shown("@a.b @@session.x @'c d'", &reading), ["@a.b", "@@session", ".", "`x`", "@c d"]);
}

#[test]
fn strings_side_by_side_are_one() {
    let reading = mysql();
    let value = |text: &str| match lex(text, &reading).unwrap().as_slice() {
        [Lexeme { token: Token::SingleQuotedString(value), start: 0, end }] if *end == text.len() => value.clone(),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(value("'a' \"b\" /* c */ 'd'"), "abd");
    assert_eq!(value("N'a' 'b'"), "ab");
    assert_eq!(value("_latin1 'a' 'b'"), "ab");
    assert_eq!(value("'it''s'"), "it's");
    assert_eq!(value(r"'\n\t\\\'\%\q'"), "\n\t\\'\\%q");
    let raw = MySqlReading { no_backslash_escapes: true, ..reading };
    assert_eq!(lex(r"'a\'", &raw).unwrap()[0].token, Token::SingleQuotedString(r"a\".to_owned()));
}

#[test]
fn doubtful_texts_are_refused() {
    for text in [
        "'open",
        "\"open",
        "`open",
        "``",
        "/* open",
        "/*! open",
        "1e+",
        "1.5a",
        "1..2",
        "1e5a",
        "x'4'",
        "b'2'",
        "@",
        "@@",
        "@''",
        "@'@x'",
        "a\0b",
        "\u{1}",
        "{",
        "[",
        ":",
        "\\",
        "?a",
        "=!",
        "<=>=",
        "&&&",
        "|||",
        "/*! /*! x */ */",
        "/*! ; */",
        "_utf8mb4",
        "_utf8mb4 x",
        "@\u{e9}",
        "/*!123456 x */",
    ] {
        assert!(lex(text, &mysql()).is_err(), "{text:?}: {:?}", lex(text, &mysql()));
    }
    let long = "x".repeat(TEXT_MAX + 1);
    assert!(lex(&long, &mysql()).is_err());
}

#[test]
fn executable_comments_follow_the_servers_version() {
    let maria = MySqlReading::plain(Flavour::MariaDb, 101_119);
    let table = [
        ("1 /*! 2 */", "1 2", "1 2"),
        ("1 /*!80403 2 */", "1 2", "1"),
        ("1 /*!80404 2 */", "1", "1"),
        ("1 /*!50700 2 */", "1 2", "1"),
        ("1 /*!50699 2 */", "1 2", "1 2"),
        ("1 /*M! 2 */", "1", "1 2"),
        ("1 /*M!101119 2 */", "1", "1 2"),
        ("1 /*M!101120 2 */", "1", "1"),
        ("1 /*!99999 /* x */ 2 */", "1", "1"),
        ("1 /*! '*/' */", "1 '*/'", "1 '*/'"),
        ("1 /*!1234 */", "1 1234", "1 1234"),
    ];
    for (text, on_mysql, on_maria) in table {
        assert_eq!(shown(text, &mysql()).join(" "), on_mysql, "{text}");
        assert_eq!(shown(text, &maria).join(" "), on_maria, "{text}");
    }
    assert_eq!(shown("1 /*!100100 2 */", &maria), ["1", "2"]);
}

proptest! {
    #[test]
    fn places_are_true_and_in_order(text in "[ a-z0-9'\"`@#*/!\\-.;(),=<>_xN\n]{0,40}") {
        for reading in [mysql(), MySqlReading::plain(Flavour::MariaDb, 101_119)] {
            let Ok(lexemes) = lex(&text, &reading) else { continue };
            let mut end = 0;
            for lexeme in &lexemes {
                prop_assert!(lexeme.start >= end && lexeme.end > lexeme.start);
                prop_assert!(text.get(lexeme.start..lexeme.end).is_some());
                end = lexeme.end;
            }
            prop_assert!(end <= text.len());
        }
    }

    #[test]
    fn sqlparser_agrees_on_plain_text(words in prop::collection::vec(prop::sample::select(vec![
        "select", "ssn", "from", "customers", "where", "=", "<", ">=", "<>", "'it''s'", "'x'", "12", "1.5", "(", ")", ",", "*", "+",
        "`a b`", "/* c */", "-- c\n", "# c\n", "<=>", "%", ";",
    ]), 0..20)) {
        // Two strings in a row, whatever comments stand between them, are one to us alone.
        let told: Vec<_> = words.iter().filter(|word| !["/*", "--", "#"].iter().any(|mark| word.starts_with(mark))).collect();
        prop_assume!(!told.windows(2).any(|pair| pair.iter().all(|word| word.starts_with('\''))));
        let text = words.join(" ");
        let ours: Vec<Token> = lex(&text, &mysql()).unwrap().into_iter().map(|one| one.token).collect();
        let theirs = Tokenizer::new(&MySqlDialect {}, &text).tokenize().unwrap();
        let theirs: Vec<Token> = theirs.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
        prop_assert_eq!(ours, theirs);
    }
}
