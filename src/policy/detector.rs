//! What kinds of values the rules want looked for in columns that carry no class, and where not to look.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::catalog::ColumnKey;

/// One kind of value that can be told by its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// E-mail addresses.
    Email,
    /// Payment card numbers: issuer range, length and Luhn's check digit.
    Card,
    /// Bank account numbers: country, its length, and the remainder by 97.
    Iban,
    /// US social security numbers, in the context of their name.
    Ssn,
    /// Telephone numbers: with `+` and country code, or behind their name.
    Phone,
    /// JSON web tokens.
    Jwt,
    /// Private keys in their usual wrappings.
    PrivateKey,
    /// Keys of clouds and services, by their prefixes.
    ApiKey,
    /// `Bearer` and `Basic` credentials of HTTP.
    Bearer,
    /// URLs with a password in them.
    UrlCredentials,
    /// Connection strings with a password in them.
    ConnectionString,
    /// Addresses of the Internet Protocol, version 4 and 6. Never on by itself.
    Ip,
}

impl Detector {
    /// Every one, in order.
    pub const ALL: [Self; 12] = [
        Self::Email,
        Self::Card,
        Self::Iban,
        Self::Ssn,
        Self::Phone,
        Self::Jwt,
        Self::PrivateKey,
        Self::ApiKey,
        Self::Bearer,
        Self::UrlCredentials,
        Self::ConnectionString,
        Self::Ip,
    ];

    /// As rules write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Ssn => "ssn",
            Self::Phone => "phone",
            Self::Jwt => "jwt",
            Self::PrivateKey => "private_key",
            Self::ApiKey => "api_key",
            Self::Bearer => "bearer",
            Self::UrlCredentials => "url_credentials",
            Self::ConnectionString => "connection_string",
            Self::Ip => "ip",
        }
    }

    fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

/// Some detectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DetectorSet(u16);

impl DetectorSet {
    /// All but [`Detector::Ip`]: addresses of machines are ordinary work.
    pub fn usual() -> Self {
        Detector::ALL.into_iter().filter(|one| *one != Detector::Ip).collect()
    }

    /// Is it among them?
    pub fn has(self, detector: Detector) -> bool {
        self.0 & detector.bit() != 0
    }

    /// There are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Detector> for DetectorSet {
    fn from_iter<I: IntoIterator<Item = Detector>>(detectors: I) -> Self {
        Self(detectors.into_iter().fold(0, |bits, one| bits | one.bit()))
    }
}

/// What to look for in the columns of one catalog that carry no class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detection {
    /// The detectors; none: off.
    pub set: DetectorSet,
    /// Columns that are not looked at (never number 0).
    pub except: HashSet<ColumnKey>,
}

/// `detect:` as written: a list of detectors, `usual`, `off`, or a mapping with exceptions.
#[derive(Clone, Debug, Default)]
pub struct DetectRaw {
    /// What to look for.
    pub find: DetectorSet,
    /// Columns not looked at: `database.schema.table.column`.
    pub except: Vec<String>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum DetectWord {
    /// Nothing is looked for.
    Off,
    /// Every detector but `ip`.
    Usual,
}

/// A word or a list.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum FindForm {
    /// `usual` or `off`.
    Word(DetectWord),
    /// Detectors by name.
    List(Vec<Detector>),
}

impl FindForm {
    fn set(self) -> DetectorSet {
        match self {
            Self::Word(DetectWord::Off) => DetectorSet::default(),
            Self::Word(DetectWord::Usual) => DetectorSet::usual(),
            Self::List(list) => list.into_iter().collect(),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DetectMap {
    /// What to look for: `usual`, `off`, or a list.
    find: FindForm,
    /// Columns whose values are not looked at: `database.schema.table.column`; `*` and `**` as under `columns:`.
    #[serde(default)]
    except: Vec<String>,
}

/// What [`DetectRaw`] reads.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum DetectForm {
    /// `usual` or `off`.
    Word(DetectWord),
    /// Detectors by name.
    List(Vec<Detector>),
    /// Detectors and exceptions.
    Map(DetectMap),
}

impl<'de> Deserialize<'de> for DetectRaw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = match DetectForm::deserialize(deserializer)? {
            DetectForm::Word(word) => Self { find: FindForm::Word(word).set(), except: Vec::new() },
            DetectForm::List(list) => Self { find: FindForm::List(list).set(), except: Vec::new() },
            DetectForm::Map(map) => Self { find: map.find.set(), except: map.except },
        };
        Ok(form)
    }
}

impl JsonSchema for DetectRaw {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Detect".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        DetectForm::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_serde_writes() {
        for one in Detector::ALL {
            assert_eq!(serde_json::to_value(one).unwrap(), one.name());
        }
    }

    #[test]
    fn a_set_holds_what_it_was_made_of() {
        let set: DetectorSet = [Detector::Card, Detector::Ip].into_iter().collect();
        let held: Vec<Detector> = Detector::ALL.into_iter().filter(|one| set.has(*one)).collect();
        assert_eq!(held, [Detector::Card, Detector::Ip]);
        assert!(!DetectorSet::usual().has(Detector::Ip) && DetectorSet::usual().has(Detector::ConnectionString));
        assert!(DetectorSet::default().is_empty());
    }

    #[test]
    fn detect_can_be_written_in_three_ways() {
        let read = |text: &str| serde_json::from_str::<DetectRaw>(text).unwrap();
        assert_eq!(read("\"usual\"").find, DetectorSet::usual());
        assert!(read("\"off\"").find.is_empty());
        assert!(read("[\"jwt\"]").find.has(Detector::Jwt));
        let map = read(r#"{"find": ["email"], "except": ["a.b.c.d"]}"#);
        assert!(map.find.has(Detector::Email) && map.except == ["a.b.c.d"]);
        assert!(serde_json::from_str::<DetectRaw>("[\"mail\"]").is_err());
    }
}
