//! Canonical JSON (RFC 8785) for what the log holds: strings, integers, booleans, null, arrays, objects.
//!
//! Without fractions the RFC comes down to: no blanks, members sorted by UTF-16 code units, strings escaped minimally (what
//! `serde_json` does), integers within ±(2^53 - 1). Everything else is an error, never a guess.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Number, Value};

const INTEGER_MAX: u64 = (1 << 53) - 1;

/// A value that has no canonical form here.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// A fraction, or an integer beyond ±(2^53 - 1).
    #[error("number {0} has no canonical form")]
    Number(Number),
    /// It cannot be turned into JSON at all.
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The canonical JSON of anything that serializes.
///
/// # Errors
/// See [`CanonicalError`].
pub fn canonical<T: Serialize>(value: &T) -> Result<String, CanonicalError> {
    let mut out = String::new();
    write_value(&serde_json::to_value(value)?, &mut out)?;
    Ok(out)
}

fn write_value(value: &Value, out: &mut String) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => write_integer(number, out)?,
        Value::String(text) => write_string(text, out)?,
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(item, out)?;
            }
            out.push(']');
        }
        Value::Object(members) => write_object(members, out)?,
    }
    Ok(())
}

fn write_object(members: &Map<String, Value>, out: &mut String) -> Result<(), CanonicalError> {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
    out.push('{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(name, out)?;
        out.push(':');
        write_value(value, out)?;
    }
    out.push('}');
    Ok(())
}

fn write_string(text: &str, out: &mut String) -> Result<(), CanonicalError> {
    out.push_str(&serde_json::to_string(text)?);
    Ok(())
}

fn write_integer(number: &Number, out: &mut String) -> Result<(), CanonicalError> {
    let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    if size.is_none_or(|size| size > INTEGER_MAX) {
        return Err(CanonicalError::Number(number.clone()));
    }
    let _ = write!(out, "{number}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_sorted_by_utf16_and_strings_escaped_minimally() {
        // Names and order from the RFC's own example (3.2.3): U+1F600 sorts before U+FB33 in UTF-16.
        let value = json!({
            "\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7,
            "s": "a\"\\/\u{8}\u{1f}\u{7f}é", "n": [null, true, -7]
        });
        let expected = "{\"\\r\":2,\"1\":4,\"n\":[null,true,-7],\"s\":\"a\\\"\\\\/\\b\\u001f\u{7f}é\",\"\u{80}\":6,\
                        \"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
        assert_eq!(canonical(&value).unwrap(), expected);
    }

    #[test]
    fn fractions_and_huge_integers_are_refused() {
        for value in [json!(1.5), json!(1u64 << 53), json!(-(1i64 << 53))] {
            assert!(canonical(&value).is_err(), "{value}");
        }
        assert_eq!(canonical(&json!(INTEGER_MAX)).unwrap(), "9007199254740991");
    }
}
