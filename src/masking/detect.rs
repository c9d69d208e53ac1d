//! Values that can be told by their form, looked for in text and JSON of columns that carry no class, and in error texts.
//!
//! A detector only ever adds a redaction; that it finds nothing says nothing. One pass over the text finds places worth a
//! look, each is then decided within a bounded neighbourhood: check digits, issuers, lengths, and words nearby.

mod context;
mod email;
mod iban;
mod ip;
mod json;
pub(in crate::masking) mod mask;
mod numbers;
mod phone;
mod scan;
mod secrets;
mod url;

use std::borrow::Cow;
use std::ops::Range;

pub(in crate::masking) use crate::masking::detect::numbers::luhn;
use crate::masking::detect::scan::Scan;
use crate::policy::detector::{Detector, DetectorSet};

/// How the token of a found value begins; the detector's name and `]` follow.
const TOKEN_OPENING: &[u8] = b"[masked:detected.";
/// More finds than this in one value, and the whole value is redacted.
const FOUND_MAX: usize = 256;

/// A value found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub detector: Detector,
    /// Where, in bytes.
    pub span: Range<usize>,
    /// Its extent is certain. Where it is not, parts of the secret may stand outside the span, and the whole text goes.
    pub exact: bool,
}

/// Everything found in a text, in order, without overlaps. `name` is what the text is called (a column, a JSON member):
/// a telephone number in a column called `fax` is one without further signs.
pub fn find(text: &[u8], name: &str, set: DetectorSet) -> Vec<Found> {
    Scan::new(text, name, set).take(FOUND_MAX + 1).collect()
}

/// A text that is not data itself, but may quote some (errors, notices, column names): what is found in it is replaced by
/// tokens, `[masked:detected.email]`, or the whole text by one where the extent is not certain.
pub fn scrub(text: &str, set: DetectorSet) -> Cow<'_, str> {
    let found = find(text.as_bytes(), "", set);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    replace(text.as_bytes(), &found, &mut out);
    // Spans are cut at ASCII bytes, so what is left is UTF-8.
    Cow::Owned(String::from_utf8(out).unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned()))
}

/// The token for a find.
fn token(detector: Detector) -> Vec<u8> {
    [TOKEN_OPENING, detector.name().as_bytes(), b"]"].concat()
}

/// The one that stands for all of them when the whole value goes; `None`: spans can be replaced.
fn whole(found: &[Found]) -> Option<Detector> {
    let unclear = found.iter().find(|found| !found.exact).map(|found| found.detector);
    unclear.or_else(|| found.first().filter(|_| found.len() > FOUND_MAX).map(|found| found.detector))
}

/// Appends the text with every find replaced.
fn replace(text: &[u8], found: &[Found], out: &mut Vec<u8>) {
    if let Some(detector) = whole(found) {
        return out.extend(token(detector));
    }
    let mut at = 0;
    for one in found {
        out.extend(text.get(at..one.span.start).unwrap_or_default());
        out.extend(token(one.detector));
        at = one.span.end;
    }
    out.extend(text.get(at..).unwrap_or_default());
}

/// Part of a word: what may not stand directly beside a find.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The byte before a place.
fn before(text: &[u8], at: usize) -> Option<u8> {
    text.get(at.checked_sub(1)?).copied()
}

/// How many bytes from `at` on are of this sort, `most` at most.
fn count(text: &[u8], at: usize, most: usize, fits: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().take(most).take_while(|byte| fits(**byte)).count()
}

#[cfg(test)]
mod tests;
