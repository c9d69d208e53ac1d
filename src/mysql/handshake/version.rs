//! What a server calls itself: `8.4.3`, `10.11.14-MariaDB-0+deb12u2`, `5.5.5-10.11.14-MariaDB`.

use crate::statement::scope::Flavour;

/// MariaDB up to 10.x puts this before its version, for replicas of old that compare first digits.
const REPLICATION_PREFIX: &str = "5.5.5-";

/// A server's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    /// As the server wrote it.
    pub text: String,
    /// Whose server it is.
    pub flavour: Flavour,
    /// As executable comments count it: 10.11.14 is 101114, 8.4.3 is 80403.
    pub number: u32,
}

impl ServerVersion {
    /// Reads what a greeting says. `None`: it does not begin with three numbers.
    pub fn parse(text: &str) -> Option<Self> {
        let is_mariadb = text.to_ascii_lowercase().contains("mariadb") || text.starts_with(REPLICATION_PREFIX);
        let own = text.strip_prefix(REPLICATION_PREFIX).unwrap_or(text);
        let digits = own.split(|letter: char| !letter.is_ascii_digit() && letter != '.').next().unwrap_or_default();
        let mut parts = digits.split('.').map(|part| part.parse::<u32>().ok().filter(|part| *part < 100));
        let (major, minor, patch) = (parts.next()??, parts.next()??, parts.next()??);
        let flavour = if is_mariadb { Flavour::MariaDb } else { Flavour::MySql };
        Some(Self { text: text.to_owned(), flavour, number: major * 10_000 + minor * 100 + patch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_as_executable_comments_count_them() {
        for (text, flavour, number) in [
            ("8.4.3", Flavour::MySql, 80_403),
            ("9.7.0-debian", Flavour::MySql, 90_700),
            ("8.0.36-28-percona", Flavour::MySql, 80_036),
            ("10.11.14-MariaDB-0+deb12u2", Flavour::MariaDb, 101_114),
            ("5.5.5-10.11.14-MariaDB-0+deb12u2", Flavour::MariaDb, 101_114),
            ("11.4.2-MariaDB", Flavour::MariaDb, 110_402),
            ("5.7.44-log", Flavour::MySql, 50_744),
        ] {
            let read = ServerVersion::parse(text).unwrap();
            assert_eq!((read.flavour, read.number, read.text.as_str()), (flavour, number, text));
        }
    }

    #[test]
    fn what_is_no_version_is_none() {
        for text in ["", "MariaDB", "8", "8.4", "8.4.x", "8.4.300", "99999999999.1.1", "-1.2.3"] {
            assert_eq!(ServerVersion::parse(text), None, "{text}");
        }
    }
}
