//! The unmistakable token that redaction writes, and how one that comes back is recognised.

use std::sync::Arc;

/// How every token begins.
const OPENING: &str = "[masked:";
/// [`OPENING`] as hex digits: how a token travels in a `bytea` literal.
const OPENING_HEX: &str = "5b6d61736b65643a";
/// Longest class name inside a token; keeps the whole under 63 bytes, so that it fits type `name`.
const NAME_MAX: usize = 54;

/// The word in the token of an output whose sources could not be followed.
pub(in crate::masking) const UNKNOWN: &str = "unknown";
/// The word in the tokens of a result that is redacted as a whole.
pub(in crate::masking) const RESULT: &str = "result";

/// The token for a class: `[masked:pii.email]`. At most 63 bytes of ASCII without quotes, backslashes, commas or spaces,
/// so it needs no escaping in JSON, arrays or CSV.
pub(in crate::masking) fn of(class: &str) -> Arc<str> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = class.chars().take(NAME_MAX).map(plain).collect();
    format!("{OPENING}{name}]").into()
}

/// Does a statement's text or a parameter hold a mask token, whole or cut short, in any case, or as hex digits of one?
/// Then masked data is on its way back into the database.
pub fn carries_token(text: &str) -> bool {
    bytes_carry_token(text.as_bytes())
}

/// [`carries_token`] for bytes: binary parameters, COPY data.
pub fn bytes_carry_token(bytes: &[u8]) -> bool {
    contains_ignoring_case(bytes, OPENING.as_bytes()) || contains_ignoring_case(bytes, OPENING_HEX.as_bytes())
}

/// `needle` begins with a byte that has no case, so that most of the text costs one comparison a byte.
fn contains_ignoring_case(haystack: &[u8], needle: &[u8]) -> bool {
    let starts = haystack.iter().enumerate().filter(|(_, byte)| needle.first() == Some(*byte));
    let found = |at: usize| haystack.get(at..at.saturating_add(needle.len()));
    starts.map(|(at, _)| found(at)).any(|part| part.is_some_and(|part| part.eq_ignore_ascii_case(needle)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_recognised_in_text_json_case_and_hex() {
        let token = of("pii.email");
        assert_eq!(&*token, "[masked:pii.email]");
        assert!(carries_token(&format!("UPDATE t SET a = '{token}'")));
        assert!(carries_token(&format!("{{\"a\":\"{token}\"}}")));
        assert!(carries_token(&token.to_uppercase()));
        assert!(carries_token("INSERT INTO t VALUES ('[masked:pii.em')"));
        assert!(carries_token(&format!("'\\x{}'", hex::encode(&*token))));
        assert!(carries_token(&hex::encode_upper(&*token)));
        assert!(bytes_carry_token(b"\x01[masked:x]\xff"));
    }

    #[test]
    fn ordinary_text_is_no_token() {
        for text in ["", "SELECT 1", "masked: yes", "[masked", "a[mask:ed]", "5b6d61736b6564"] {
            assert!(!carries_token(text), "{text}");
        }
    }

    #[test]
    fn a_token_fits_type_name_and_needs_no_escaping_whatever_the_class_is_called() {
        let token = of(&"a\"b\\c,{}'é\n".repeat(30));
        assert!(token.len() <= 63, "{token}");
        assert!(token.is_ascii() && !token.contains(['"', '\\', ',', '{', '\'', '\n']));
    }
}
