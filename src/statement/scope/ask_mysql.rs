//! The one-row question that tells how a MySQL or MariaDB session reads text and resolves names, and its answer as a [`Scope`].

use std::sync::Arc;

use super::{Dialect, MySqlReading, Scope};
use crate::catalog::load::mysql::server;

/// To be run in the agent's own session. Nothing in it can be shadowed: system variables and built-ins are found first.
pub const QUERY: &str = "SELECT @@version, @@session.sql_mode, @@global.lower_case_table_names, DATABASE(), CURRENT_USER(), \
@@session.character_set_client";

/// Parts of `sql_mode` that change how text is read, and that are modelled.
const MODELLED: [&str; 5] =
    ["ANSI_QUOTES", "HIGH_NOT_PRECEDENCE", "IGNORE_SPACE", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT"];

/// Parts of `sql_mode` that change what is done with values, not how text is read.
const HARMLESS: &str = "ALLOW_INVALID_DATES ERROR_FOR_DIVISION_BY_ZERO NO_AUTO_CREATE_USER NO_AUTO_VALUE_ON_ZERO \
    NO_DIR_IN_CREATE NO_ENGINE_SUBSTITUTION NO_FIELD_OPTIONS NO_KEY_OPTIONS NO_TABLE_OPTIONS NO_UNSIGNED_SUBTRACTION \
    NO_ZERO_DATE NO_ZERO_IN_DATE ONLY_FULL_GROUP_BY PAD_CHAR_TO_FULL_LENGTH REAL_AS_FLOAT \
    STRICT_ALL_TABLES STRICT_TRANS_TABLES TIME_ROUND_FRACTIONAL TIME_TRUNCATE_FRACTIONAL TRADITIONAL ANSI";

/// Character sets in which text is UTF-8, or a part of it that reads alike. In big5, cp932, gb18030, gbk, sjis a backslash or a
/// quote may be half of a letter.
const UTF8: [&str; 4] = ["utf8", "utf8mb3", "utf8mb4", "ascii"];

/// Reads the answer to [`QUERY`]: one row of text fields, `None` for NULL. `None` if it is not of that form, and then the
/// session's scope is unknown and nothing may be judged. Temporary tables are not in it: no server lists them.
pub fn answer(row: &[Option<String>]) -> Option<Scope> {
    let [version, modes, lower, database, user, charset] = row else { return None };
    let (flavour, version) = server(version.as_deref()?)?;
    let modes: Vec<&str> = modes.as_deref()?.split(',').filter(|mode| !mode.is_empty()).collect();
    let has = |mode: &str| modes.contains(&mode);
    let known = |mode: &&str| MODELLED.contains(mode) || HARMLESS.split_ascii_whitespace().any(|known| known == *mode);
    let reading = MySqlReading {
        flavour,
        version,
        ansi_quotes: has("ANSI_QUOTES"),
        no_backslash_escapes: has("NO_BACKSLASH_ESCAPES"),
        pipes_as_concat: has("PIPES_AS_CONCAT"),
        ignore_space: has("IGNORE_SPACE"),
        high_not_precedence: has("HIGH_NOT_PRECEDENCE"),
        foreign_mode: !modes.iter().all(known),
        lower_case_table_names: lower.as_deref()?.parse().ok().filter(|number| *number <= 2)?,
    };
    let charset = charset.as_deref()?.to_ascii_lowercase();
    Some(Scope {
        dialect: Dialect::MySql(reading),
        search_path: database.iter().map(|name| Arc::from(name.as_str())).collect(),
        role: Arc::from(user.as_deref()?),
        temporary: Vec::new(),
        utf8: UTF8.contains(&charset.as_str()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Flavour;

    fn row(fields: [Option<&str>; 6]) -> Vec<Option<String>> {
        fields.iter().map(|field| field.map(str::to_owned)).collect()
    }

    fn reading(scope: &Scope) -> MySqlReading {
        let Dialect::MySql(reading) = scope.dialect else { panic!("another dialect") };
        reading
    }

    const MARIADB: &str = "10.11.18-MariaDB-0+deb12u1";

    #[test]
    fn an_answer_reads_as_a_scope() {
        let modes = "STRICT_TRANS_TABLES,ANSI_QUOTES,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION";
        let fields = [Some(MARIADB), Some(modes), Some("0"), Some("shop"), Some("hp@%"), Some("utf8mb4")];
        let scope = answer(&row(fields)).unwrap();
        let read = reading(&scope);
        assert_eq!((read.flavour, read.version), (Flavour::MariaDb, 101_118));
        assert!(read.ansi_quotes && read.no_backslash_escapes && !read.pipes_as_concat && !read.foreign_mode);
        assert_eq!(
            (scope.search_path.as_slice(), &*scope.role, scope.utf8),
            ([Arc::from("shop")].as_slice(), "hp@%", true)
        );
        let fields = [Some("9.7.4"), Some(""), Some("1"), None, Some("hp@localhost"), Some("latin1")];
        let scope = answer(&row(fields)).unwrap();
        assert_eq!((reading(&scope).flavour, reading(&scope).lower_case_table_names), (Flavour::MySql, 1));
        assert!(scope.search_path.is_empty() && !scope.utf8);
    }

    #[test]
    fn modes_that_are_not_modelled_are_told() {
        for mode in ["ORACLE", "SIMULTANEOUS_ASSIGNMENT", "EMPTY_STRING_IS_NULL", "SOMETHING_NEW", "ANSI,MAXDB"] {
            let fields = [Some(MARIADB), Some(mode), Some("0"), None, Some("hp@%"), Some("utf8mb4")];
            assert!(reading(&answer(&row(fields)).unwrap()).foreign_mode, "{mode}");
        }
    }

    #[test]
    fn an_answer_of_another_form_is_no_scope() {
        assert_eq!(answer(&[]), None);
        let good = [Some(MARIADB), Some(""), Some("0"), None, Some("hp@%"), Some("utf8mb4")];
        for index in [0, 1, 2, 4, 5] {
            let mut fields = good;
            fields[index] = None;
            assert_eq!(answer(&row(fields)), None, "{index}");
        }
        assert_eq!(answer(&row([Some("old"), good[1], good[2], good[3], good[4], good[5]])), None);
        assert_eq!(answer(&row([good[0], good[1], Some("7"), good[3], good[4], good[5]])), None);
    }
}
