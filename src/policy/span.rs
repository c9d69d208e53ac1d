//! Durations as people write them: `50s`, `5m`, `1h30m`, `2d`.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// The `format` that marks a duration in our JSON Schemas.
pub const FORMAT: &str = "holdpoint-duration";

/// Reads a duration: one or more numbers, each with a unit of `ms`, `s`, `m`, `h` or `d`, no spaces. `None` if it is
/// none, is zero, or does not fit.
pub fn parse(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (digits, after) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(end)?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        let part = digits.parse::<u64>().ok()?.checked_mul(millis)?;
        total = total.checked_add(Duration::from_millis(part))?;
        rest = next;
    }
    (!total.is_zero()).then_some(total)
}

/// Writes a duration the way [`parse`] reads it, to the millisecond.
pub fn format(span: Duration) -> String {
    let mut rest = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, millis) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if rest >= millis {
            text.push_str(&format!("{}{unit}", rest / millis));
            rest %= millis;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// A duration in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).map(Self).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a duration")))
    }
}

impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": FORMAT,
            "pattern": "^([0-9]+(ms|s|m|h|d))+$",
            "description": "A number and a unit (ms, s, m, h, d), such as 50s, 5m or 1h30m."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_back() {
        for (text, millis) in [("50s", 50_000), ("1h30m", 5_400_000), ("2d", 172_800_000), ("250ms", 250)] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)));
            assert_eq!(format(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn everything_else_is_no_duration() {
        for text in ["", "5", "s", "5 s", "-5s", "1.5h", "0s", "99999999999999999999s", "5h5", "5w"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
