//! Errors and notices of a tainted statement: what is left of them once every text that may quote data is gone.
//!
//! The server quotes values in messages, details, hints, contexts and even constraint names, so nothing it wrote is
//! edited: the message is looked up by its code (manual, Appendix A), the rest is dropped (fields: manual §55.8).

mod codes;

/// Stands for a condition nobody defined.
const UNDEFINED: (&str, &str) = ("XX000", "error");
/// Longest error position: ten decimal digits.
const POSITION_MAX: usize = 10;

/// Rewords the fields of an ErrorResponse or NoticeResponse, each a type byte and its text. Kept are severity (`S`, `V`),
/// the code (`C`) and the position in the statement (`P`); the message (`M`) becomes the code's canonical wording;
/// every other field is dropped.
///
/// A code can itself carry data (`RAISE … USING ERRCODE`), so one that the server does not define is replaced by its
/// class's general code, or by `XX000` where the class is unknown too.
pub fn scrub(fields: &[(u8, &[u8])]) -> Vec<(u8, Vec<u8>)> {
    let code = fields.iter().find(|(kind, _)| *kind == b'C').and_then(|(_, text)| std::str::from_utf8(text).ok());
    let (code, message) = known(code.unwrap_or_default());
    let kept = fields.iter().filter_map(|(kind, text)| match kind {
        b'S' | b'V' => Some((*kind, text.to_vec())),
        b'C' => Some((*kind, code.as_bytes().to_vec())),
        b'M' => Some((*kind, message.as_bytes().to_vec())),
        b'P' if is_position(text) => Some((*kind, text.to_vec())),
        _ => None,
    });
    kept.collect()
}

/// The canonical wording of a code, such as `unique violation` for 23505: its own, else its class's, else `error`.
pub fn wording(code: &str) -> &'static str {
    known(code).1
}

/// The code that may be shown, and its wording.
fn known(code: &str) -> (String, &'static str) {
    let general = || code.get(..2).filter(|_| code.len() == 5).map(|class| format!("{class}000"));
    let with_words = |code: String| codes::condition(&code).map(|words| (code, words));
    with_words(code.to_owned())
        .or_else(|| general().and_then(with_words))
        .unwrap_or_else(|| (UNDEFINED.0.to_owned(), UNDEFINED.1))
}

fn is_position(text: &[u8]) -> bool {
    (1..=POSITION_MAX).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed(fields: &[(u8, &str)]) -> Vec<(u8, String)> {
        let fields: Vec<_> = fields.iter().map(|(kind, text)| (*kind, text.as_bytes())).collect();
        scrub(&fields).into_iter().map(|(kind, text)| (kind, String::from_utf8(text).unwrap())).collect()
    }

    #[test]
    fn only_severity_code_position_and_canonical_wording_remain() {
        let secret = "123-45-6789";
        let every: Vec<(u8, &str)> = b"DHWpqstcdnFLRXz".iter().map(|kind| (*kind, secret)).collect();
        let head = [(b'S', "FEHLER"), (b'V', "ERROR"), (b'C', "22P02"), (b'M', secret), (b'P', "17")];
        let found = scrubbed(&[&head[..], &every].concat());
        let expected =
            [(b'S', "FEHLER"), (b'V', "ERROR"), (b'C', "22P02"), (b'M', "invalid text representation"), (b'P', "17")];
        assert_eq!(found, expected.map(|(kind, text)| (kind, text.to_owned())));
    }

    #[test]
    fn codes_made_up_to_carry_data_are_coarsened() {
        for (code, shown, words) in [
            ("22A7X", "22000", "data exception"),
            ("Q7R5T", "XX000", "error"),
            ("23", "XX000", "error"),
            ("23505123-45-6789", "XX000", "error"),
            ("", "XX000", "error"),
            ("2é000", "XX000", "error"),
        ] {
            assert_eq!(scrubbed(&[(b'C', code), (b'M', "x")]), [(b'C', shown.into()), (b'M', words.into())], "{code}");
        }
        assert_eq!(scrub(&[(b'M', b"x"), (b'C', b"\xff\xff\xff\xff\xff")])[0].1, b"error");
        assert_eq!(scrubbed(&[(b'M', "no code")]), [(b'M', "error".into())]);
    }

    #[test]
    fn a_position_that_is_no_number_is_dropped() {
        for position in ["", "x", "1x", "-1", "12345678901"] {
            assert_eq!(scrubbed(&[(b'P', position)]), [], "{position}");
        }
        assert_eq!(wording("23505"), "unique violation");
    }
}
