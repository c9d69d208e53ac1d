//! `mask:` of a class as people write it.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::policy::class::{Buckets, DateUnit, FpeAlphabet, MaskSpec, PATTERN_BYTES_MAX};

/// A mask as written: a word such as `redact`, `hash` or `pseudonym`, or a mapping such as `{partial: …}` or `{fpe: …}`.
#[derive(Debug, Clone)]
pub struct MaskRaw(pub MaskSpec);

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum MaskWord {
    /// An unmistakable token where the type admits text, else NULL.
    Redact,
    /// NULL.
    Null,
    /// First character of the local part and the domain.
    Email,
    /// Keyed hash, stable.
    Hash,
    /// A made-up name, stable.
    Pseudonym,
    /// Digits become other digits, stable.
    Fpe,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum MaskMap {
    /// Keep some characters, hide the rest.
    Partial(PartialRaw),
    /// Truncate a date or timestamp.
    Date(DateUnit),
    /// A fixed text.
    Fixed(String),
    /// An integer's bucket, by its lower end.
    Bucket(Buckets),
    /// A text rebuilt from what an expression's groups matched.
    Regex(RegexRaw),
    /// Format-preserving encryption.
    Fpe(FpeRaw),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RegexRaw {
    /// The expression; its groups are all that is kept of a value.
    pattern: String,
    /// What the value becomes, with `$1` or `${name}` for groups.
    replace: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FpeRaw {
    /// What is encrypted.
    #[serde(default)]
    alphabet: FpeAlphabet,
    /// The last digit is Luhn's check digit.
    #[serde(default)]
    luhn: bool,
}

impl MaskRaw {
    /// What is wrong with it, if anything is.
    pub(crate) fn fault(&self) -> Option<String> {
        match &self.0 {
            MaskSpec::Bucket { buckets: Buckets::Width(0) } => Some("a bucket must hold something".to_owned()),
            MaskSpec::Bucket { buckets: Buckets::Edges(edges) } => {
                let ascending = edges.windows(2).all(|pair| matches!(pair, [low, high] if low < high));
                (edges.is_empty() || !ascending).then(|| "edges must be there, and ascend".to_owned())
            }
            MaskSpec::Fpe { alphabet: FpeAlphabet::Alnum, luhn: true } => {
                Some("only digits have Luhn's check digit".to_owned())
            }
            MaskSpec::Regex { pattern, replace } => pattern_fault(pattern, replace),
            _ => None,
        }
    }
}

/// The expression must compile, and the template must not ask for groups that are not there.
fn pattern_fault(pattern: &str, replace: &str) -> Option<String> {
    let built = regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
    let built = match built {
        Ok(built) => built,
        Err(error) => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            return Some(format!("not a regular expression: {last}"));
        }
    };
    if replace.contains('\0') {
        return Some("no database takes a zero byte in a text".to_owned());
    }
    let wanted = replace.replace("$$", "");
    let names = wanted.split('$').skip(1).map(|rest| {
        let braced = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(name, _)| name);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        braced.unwrap_or_else(|| rest.get(..end).unwrap_or_default())
    });
    let known = |name: &str| match name.parse::<usize>() {
        Ok(number) => number < built.captures_len(),
        Err(_) => built.capture_names().flatten().any(|known| known == name),
    };
    let mut unknown = names.filter(|name| !known(name));
    unknown.next().map(|name| format!("the expression has no group `{name}`"))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PartialRaw {
    /// Characters kept at the front.
    #[serde(default)]
    keep_first: u16,
    /// Characters kept at the end.
    #[serde(default)]
    keep_last: u16,
    /// Least number of hidden characters; shorter values are redacted. Default 4.
    #[serde(default = "four")]
    hide_min: u16,
}

fn four() -> u16 {
    4
}

/// Only for the schema: what [`MaskRaw`] reads.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the form in the JSON Schema")]
enum MaskForm {
    /// A word.
    Word(MaskWord),
    /// A mask with settings.
    Map(MaskMap),
    /// `null` without quotes is the mask `null`.
    Null(()),
}

impl<'de> Deserialize<'de> for MaskRaw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let mask = match value {
            Value::Null => MaskSpec::Null,
            Value::String(_) => match MaskWord::deserialize(value).map_err(serde::de::Error::custom)? {
                MaskWord::Redact => MaskSpec::Redact,
                MaskWord::Null => MaskSpec::Null,
                MaskWord::Email => MaskSpec::Email,
                MaskWord::Hash => MaskSpec::Hash,
                MaskWord::Pseudonym => MaskSpec::Pseudonym,
                MaskWord::Fpe => MaskSpec::Fpe { alphabet: FpeAlphabet::Digits, luhn: false },
            },
            other => match MaskMap::deserialize(other).map_err(serde::de::Error::custom)? {
                MaskMap::Partial(PartialRaw { keep_first, keep_last, hide_min }) => {
                    MaskSpec::Partial { keep_first, keep_last, hide_min }
                }
                MaskMap::Date(unit) => MaskSpec::Date { unit },
                MaskMap::Fixed(value) => MaskSpec::Fixed { value },
                MaskMap::Bucket(buckets) => MaskSpec::Bucket { buckets },
                MaskMap::Regex(RegexRaw { pattern, replace }) => MaskSpec::Regex { pattern, replace },
                MaskMap::Fpe(FpeRaw { alphabet, luhn }) => MaskSpec::Fpe { alphabet, luhn },
            },
        };
        Ok(Self(mask))
    }
}

impl JsonSchema for MaskRaw {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Mask".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        MaskForm::json_schema(generator)
    }
}
