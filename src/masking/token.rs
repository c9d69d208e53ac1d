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

/// Consonants and vowels of pseudonyms: six bits a syllable.
const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aeio";
/// Syllables of each of a pseudonym's two words.
const SYLLABLES: usize = 4;
/// `~Bakorume-Timevalo~`
const PSEUDONYM_LENGTH: usize = 4 * SYLLABLES + 3;

/// A name made of 48 bits of a digest: `~Bakorume-Timevalo~`. The marks tell it from names of people.
pub(in crate::masking) fn pseudonym(digest: [u8; 32]) -> Option<String> {
    let [a, b, c, d, e, f, ..] = digest;
    let bits = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let mut name = String::from("~");
    for index in 0..2 * SYLLABLES {
        let part = usize::try_from(bits >> (6 * index) & 0x3f).ok()?;
        let consonant = char::from(*CONSONANTS.get(part >> 2)?);
        let first = index.is_multiple_of(SYLLABLES);
        if first && index > 0 {
            name.push('-');
        }
        name.push(if first { consonant.to_ascii_uppercase() } else { consonant });
        name.push(char::from(*VOWELS.get(part & 3)?));
    }
    name.push('~');
    Some(name)
}

/// A pseudonym begins here, in any case.
fn is_pseudonym(text: &[u8]) -> bool {
    let Some([b'~', inside @ .., b'~']) = text.get(..PSEUDONYM_LENGTH) else { return false };
    let Some((first, [b'-', second @ ..])) = inside.split_at_checked(2 * SYLLABLES) else { return false };
    let syllable = |pair: &[u8]| match pair {
        [consonant, vowel] => {
            CONSONANTS.contains(&consonant.to_ascii_lowercase()) && VOWELS.contains(&vowel.to_ascii_lowercase())
        }
        _ => false,
    };
    first.chunks(2).chain(second.chunks(2)).all(syllable)
}

/// Does a statement's text or a parameter hold a mask token, whole or cut short, in any case, or as hex digits of one?
/// Then masked data is on its way back into the database.
pub fn carries_token(text: &str) -> bool {
    bytes_carry_token(text.as_bytes())
}

/// [`carries_token`] for bytes: binary parameters, COPY data.
pub fn bytes_carry_token(bytes: &[u8]) -> bool {
    let marks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'~').map(|(at, _)| at);
    contains_ignoring_case(bytes, OPENING.as_bytes())
        || contains_ignoring_case(bytes, OPENING_HEX.as_bytes())
        || marks.into_iter().any(|at| bytes.get(at..).is_some_and(is_pseudonym))
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
    fn pseudonyms_are_recognised_and_other_tildes_are_not() {
        let name = pseudonym([0xa5; 32]).unwrap();
        assert_eq!((name.len(), &name[..1], &name[9..10]), (19, "~", "-"));
        assert!(carries_token(&format!("UPDATE t SET a = '{name}'")) && carries_token(&name.to_uppercase()));
        for text in ["a ~ 'b'", "~/x", "~Bakorume-Timevalo", "~Bakorume Timevalo~", "~~", "~Bakarume-Timevaxo~"] {
            assert!(!carries_token(text), "{text}");
        }
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
