//! `mask:` of a class as people write it.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::policy::class::{DateUnit, MaskSpec};

/// A mask as written: `redact`, `null`, `email`, `hash`, `{partial: …}`, `{date: …}`, `{fixed: …}`.
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
            },
            other => match MaskMap::deserialize(other).map_err(serde::de::Error::custom)? {
                MaskMap::Partial(PartialRaw { keep_first, keep_last, hide_min }) => {
                    MaskSpec::Partial { keep_first, keep_last, hide_min }
                }
                MaskMap::Date(unit) => MaskSpec::Date { unit },
                MaskMap::Fixed(value) => MaskSpec::Fixed { value },
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
