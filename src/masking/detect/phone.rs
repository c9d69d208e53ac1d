//! Telephone numbers: E.164 with its `+`, or any number directly behind a word for one.

use crate::masking::detect::scan::Scan;
use crate::masking::detect::{Found, before, context, is_word};
use crate::policy::detector::Detector;

/// Most digits of a number (ITU-T E.164).
const DIGITS_MAX: usize = 15;
/// Fewest digits with a country code, and behind a word.
const DIGITS_MIN: usize = 9;
const LOCAL_MIN: usize = 7;
/// How far behind its word a number may begin: `phone no.: (`.
const AHEAD: usize = 12;

/// Digits with what people put between them.
struct Written {
    digits: [u8; DIGITS_MAX],
    count: usize,
    end: usize,
    grouped: bool,
}

impl Written {
    /// Reads digits from here on: two characters of ` -.()/` at most between them.
    fn read(text: &[u8], at: usize) -> Option<Self> {
        let mut written = Self { digits: [0; DIGITS_MAX], count: 0, end: at, grouped: false };
        let (mut place, mut between) = (at, 0);
        loop {
            match text.get(place).copied() {
                Some(digit @ b'0'..=b'9') => {
                    let Some(slot) = written.digits.get_mut(written.count) else {
                        // Too long for a number, unless the rest is another one.
                        return (between > 0).then_some(written);
                    };
                    *slot = digit - b'0';
                    written.grouped |= between > 0 && written.count > 0;
                    written.count += 1;
                    between = 0;
                    place += 1;
                    written.end = place;
                }
                Some(b' ' | b'-' | b'.' | b'(' | b')' | b'/') if between < 2 => {
                    between += 1;
                    place += 1;
                }
                next => {
                    let glued = between == 0 && next.is_some_and(is_word);
                    return (!glued).then_some(written);
                }
            }
        }
    }

    fn digits(&self) -> &[u8] {
        self.digits.get(..self.count).unwrap_or_default()
    }
}

/// The number whose `+` stands here.
pub(super) fn international(scan: &Scan<'_>, at: usize) -> Option<Found> {
    let free = before(scan.text, at).is_none_or(|byte| !is_word(byte) && byte != b'+' && byte != b')');
    let leading = scan.text.get(at + 1).is_some_and(|byte| matches!(byte, b'1'..=b'9'));
    if !free || !leading || !scan.has(Detector::Phone) {
        return None;
    }
    let written = Written::read(scan.text, at + 1)?;
    let legal = match written.digits() {
        // The North American plan: area and exchange begin with 2 to 9.
        [1, area, _, _, exchange, _, _, _, _, _, _] => *area > 1 && *exchange > 1,
        [1, ..] => false,
        [7, ..] => written.count == 11,
        [2, 1 | 8 | 9, digit, ..] => (*digit != 0 || written.count > 10) && written.count >= DIGITS_MIN,
        digits => digits.len() >= DIGITS_MIN,
    };
    legal.then_some(Found { detector: Detector::Phone, span: at..written.end, exact: true })
}

/// A number that begins here, if a word for it stands right before it, or names the whole text.
pub(super) fn in_context(scan: &Scan<'_>, at: usize) -> Option<Found> {
    if !scan.has(Detector::Phone) {
        return None;
    }
    let open = if before(scan.text, at) == Some(b'(') { at - 1 } else { at };
    if !introduced(scan.text.get(scan.floor..open)?) && !named(scan, open) {
        return None;
    }
    let written = Written::read(scan.text, at)?;
    let date = matches!(written.digits(), [1 | 2, 9 | 0, _, _, 0 | 1, _, 0..=3, _]);
    let legal = (LOCAL_MIN..=DIGITS_MAX).contains(&written.count) && !date;
    legal.then_some(Found { detector: Detector::Phone, span: open..written.end, exact: true })
}

/// The text ends in a word for telephones and little else: `Phone: `, `tel. no. `.
fn introduced(text: &[u8]) -> bool {
    let tail = text.get(text.len().saturating_sub(AHEAD + 10)..).unwrap_or_default();
    let tail = String::from_utf8_lossy(tail);
    let cut = tail.trim_end_matches(|c: char| !c.is_alphanumeric());
    tail.len() - cut.len() <= 4 && tail.len() > cut.len() && context::ends(cut, context::PHONE)
}

/// The text is nothing but the number, and is called a telephone number.
fn named(scan: &Scan<'_>, open: usize) -> bool {
    let alone = scan.text.get(..open).is_some_and(|ahead| ahead.trim_ascii().is_empty());
    alone && scan.name.split(' ').any(|name| context::ends(name, context::PHONE))
}
