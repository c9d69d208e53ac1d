//! Words near a number that say what it is.

/// How far before and behind a number a word may stand, in bytes.
const BEFORE: usize = 40;
const BEHIND: usize = 16;

/// Words for payment cards.
pub(super) const CARD: &[&str] = &[
    "card",
    "cards",
    "visa",
    "mastercard",
    "maestro",
    "amex",
    "pan",
    "ccn",
    "cc",
    "credit",
    "debit",
    "kreditkarte",
    "carte",
    "tarjeta",
];

/// Words for US social security numbers.
pub(super) const SSN: &[&str] = &["ssn", "ssns", "social", "itin", "taxpayer", "tin", "socsec"];

/// Words for telephone numbers.
pub(super) const PHONE: &[&str] = &[
    "phone",
    "telephone",
    "tel",
    "mobile",
    "cell",
    "fax",
    "call",
    "whatsapp",
    "msisdn",
    "telefon",
    "handy",
    "movil",
    "mobil",
    "sms",
];

/// One of the words stands near `start..end`, or in what the text is called.
pub(super) fn near(text: &[u8], start: usize, end: usize, name: &str, words: &[&str]) -> bool {
    let ahead = text.get(start.saturating_sub(BEFORE)..start).unwrap_or_default();
    let behind = text.get(end..text.len().min(end.saturating_add(BEHIND))).unwrap_or_default();
    holds(ahead, words) || holds(behind, words) || holds(name.as_bytes(), words)
}

/// One of the words stands in the text: between separators, underscores, digits or changes of case.
pub(super) fn holds(text: &[u8], words: &[&str]) -> bool {
    let starts = (0..text.len()).filter(|at| begins(text, *at));
    starts.map(|at| text.get(at..).unwrap_or_default()).any(|rest| words.iter().any(|word| leads(rest, word)))
}

/// The text ends in one of the words, or in one and `number`.
pub(super) fn ends(text: &str, words: &[&str]) -> bool {
    let mut parts: Vec<&str> = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|part| !part.is_empty()).collect();
    let counts = ["number", "no", "nr", "num"];
    if parts.len() > 1 && parts.last().is_some_and(|last| counts.iter().any(|word| last.eq_ignore_ascii_case(word))) {
        parts.pop();
    }
    parts.last().is_some_and(|last| words.iter().any(|word| last.eq_ignore_ascii_case(word)))
}

fn begins(text: &[u8], at: usize) -> bool {
    let letter = text.get(at).is_some_and(u8::is_ascii_alphabetic);
    let before = at.checked_sub(1).and_then(|at| text.get(at));
    let upper = text.get(at).is_some_and(u8::is_ascii_uppercase);
    letter && before.is_none_or(|byte| !byte.is_ascii_alphabetic() || (upper && byte.is_ascii_lowercase()))
}

fn leads(rest: &[u8], word: &str) -> bool {
    let Some((head, tail)) = rest.split_at_checked(word.len()) else { return false };
    let next = tail.first();
    let over = next.is_none_or(|byte| !byte.is_ascii_alphabetic() || byte.is_ascii_uppercase());
    over && head.eq_ignore_ascii_case(word.as_bytes())
}
