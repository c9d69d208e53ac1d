//! The one-row question that tells how a MySQL or MariaDB session reads text and resolves names, and its answer as a
//! [`Scope`].

use std::sync::Arc;

use super::{Dialect, Flavour, MySqlReading, Scope};

/// To be run in the agent's own session. Nothing in it can be redefined by the session: functions without arguments and
/// system variables only. In every `sql_mode` it reads alike.
pub const QUERY: &str = "SELECT VERSION(), @@version_comment, @@SESSION.sql_mode, @@lower_case_table_names, DATABASE(), \
CURRENT_USER(), @@SESSION.character_set_client";

/// Character sets whose every text is UTF-8. In some of the others a backslash or a quote may be half of a character.
const UTF8: [&str; 4] = ["utf8mb4", "utf8mb3", "utf8", "ascii"];

/// Modes that change neither how text is cut nor what it means to what is followed.
const KNOWN_MODES: &str = "\
    ALLOW_INVALID_DATES ANSI ERROR_FOR_DIVISION_BY_ZERO NO_AUTO_CREATE_USER NO_AUTO_VALUE_ON_ZERO NO_DIR_IN_CREATE \
    NO_ENGINE_SUBSTITUTION NO_FIELD_OPTIONS NO_KEY_OPTIONS NO_TABLE_OPTIONS NO_UNSIGNED_SUBTRACTION NO_ZERO_DATE \
    NO_ZERO_IN_DATE ONLY_FULL_GROUP_BY PAD_CHAR_TO_FULL_LENGTH REAL_AS_FLOAT STRICT_ALL_TABLES STRICT_TRANS_TABLES \
    TIME_ROUND_FRACTIONAL TIME_TRUNCATE_FRACTIONAL TRADITIONAL";

/// Reads the answer to [`QUERY`]: one row of text fields, `None` for NULL. `None` if it is not of that form, and then the
/// session's scope is unknown and nothing may be judged. The session adds its temporary tables itself: no server lists them.
pub fn answer(row: &[Option<String>]) -> Option<Scope> {
    let [version, comment, modes, lower_case, database, user, encoding] = row else { return None };
    let version = version.as_deref()?;
    let named = |text: &str| text.to_ascii_lowercase().contains("mariadb");
    let flavour = if named(version) || named(comment.as_deref()?) { Flavour::MariaDb } else { Flavour::MySql };
    let modes: Vec<&str> = modes.as_deref()?.split(',').filter(|mode| !mode.is_empty()).collect();
    let has = |wanted: &str| modes.contains(&wanted);
    let modelled = ["ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT", "IGNORE_SPACE", "HIGH_NOT_PRECEDENCE"];
    let known = |mode: &&str| modelled.contains(mode) || KNOWN_MODES.split_ascii_whitespace().any(|one| one == *mode);
    Some(Scope {
        dialect: Dialect::MySql(MySqlReading {
            flavour,
            version: number(version)?,
            ansi_quotes: has("ANSI_QUOTES"),
            no_backslash_escapes: has("NO_BACKSLASH_ESCAPES"),
            pipes_as_concat: has("PIPES_AS_CONCAT"),
            ignore_space: has("IGNORE_SPACE"),
            high_not_precedence: has("HIGH_NOT_PRECEDENCE"),
            foreign_mode: !modes.iter().all(known),
            lower_case_table_names: match lower_case.as_deref()? {
                "0" => 0,
                "1" => 1,
                "2" => 2,
                _ => return None,
            },
        }),
        search_path: database.iter().map(|name| Arc::from(name.as_str())).collect(),
        role: Arc::from(user.as_deref()?),
        temporary: Vec::new(),
        utf8: UTF8.contains(&encoding.as_deref()?),
    })
}

/// `10.11.19-MariaDB-…` as executable comments count it: 101119.
fn number(version: &str) -> Option<u32> {
    let digits = version.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut parts = digits.split('.').map(str::parse::<u32>);
    let (major, minor, patch) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    (major < 100 && minor < 100 && patch < 100).then_some(major * 10_000 + minor * 100 + patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: [Option<&str>; 7]) -> Vec<Option<String>> {
        fields.iter().map(|field| field.map(str::to_owned)).collect()
    }

    fn reading(fields: [Option<&str>; 7]) -> MySqlReading {
        match answer(&row(fields)).unwrap().dialect {
            Dialect::MySql(reading) => reading,
            Dialect::Postgres { .. } => panic!("not MySQL"),
        }
    }

    #[test]
    fn an_answer_reads_as_a_scope() {
        let fields = [
            Some("10.11.19-MariaDB-0+deb12u1"),
            Some("Debian 12"),
            Some("ANSI_QUOTES,STRICT_TRANS_TABLES,PIPES_AS_CONCAT"),
            Some("0"),
            Some("shop"),
            Some("agent@%"),
            Some("utf8mb4"),
        ];
        let scope = answer(&row(fields)).unwrap();
        assert!(scope.utf8 && scope.temporary.is_empty());
        assert_eq!(scope.search_path, [Arc::from("shop")]);
        assert_eq!(&*scope.role, "agent@%");
        let read = reading(fields);
        assert_eq!((read.flavour, read.version), (Flavour::MariaDb, 101_119));
        assert!(read.ansi_quotes && read.pipes_as_concat && !read.no_backslash_escapes && !read.foreign_mode);
        let oracle = [
            Some("8.4.3"),
            Some("MySQL Community Server - GPL"),
            Some("NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE,IGNORE_SPACE"),
            Some("1"),
            None,
            Some("agent@%"),
            Some("gbk"),
        ];
        let scope = answer(&row(oracle)).unwrap();
        assert!(!scope.utf8 && scope.search_path.is_empty());
        let read = reading(oracle);
        assert_eq!((read.flavour, read.version, read.lower_case_table_names), (Flavour::MySql, 80_403, 1));
        assert!(read.no_backslash_escapes && read.high_not_precedence && read.ignore_space);
    }

    #[test]
    fn modes_that_are_not_modelled_are_foreign() {
        let fields =
            |mode| [Some("10.11.2-MariaDB"), Some(""), Some(mode), Some("0"), None, Some("a"), Some("utf8mb3")];
        for mode in ["ORACLE", "MSSQL", "EMPTY_STRING_IS_NULL", "SIMULTANEOUS_ASSIGNMENT", "ANSI_QUOTES,NEW_ONE"] {
            assert!(reading(fields(mode)).foreign_mode, "{mode}");
        }
        assert!(!reading(fields("")).foreign_mode);
    }

    #[test]
    fn an_answer_of_another_form_is_no_scope() {
        let good = [Some("8.4.3"), Some(""), Some(""), Some("0"), None, Some("a"), Some("utf8mb4")];
        assert!(answer(&row(good)).is_some());
        assert_eq!(answer(&[]), None);
        for (index, other) in [(0, Some("eight")), (0, None), (2, None), (3, Some("7")), (5, None), (6, None)] {
            let mut fields = good;
            fields[index] = other;
            assert_eq!(answer(&row(fields)), None, "{index} {other:?}");
        }
    }
}
