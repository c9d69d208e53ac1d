//! International bank account numbers (ISO 13616): country, that country's length, remainder 1 by 97.

use crate::masking::detect::scan::Scan;
use crate::masking::detect::{Found, is_word};
use crate::policy::detector::Detector;

/// Longest that any country uses.
const LENGTH_MAX: usize = 34;

/// Countries by length (SWIFT's registry).
const LENGTHS: &[(usize, &str)] = &[
    (15, "NO"),
    (16, "BE"),
    (18, "DK FK FI FO GL NL SD"),
    (19, "MK SI"),
    (20, "AT BA EE KZ LT LU XK"),
    (21, "CH HR LI LV"),
    (22, "BG BH CR DE GB GE IE ME RS VA"),
    (23, "AE GI IL IQ OM SO TL"),
    (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
    (25, "LY PT ST"),
    (26, "IS TR"),
    (27, "BI DJ FR GR IT MC MR SM"),
    (28, "AL AZ BY CY DO GT HU LB NI PL SV"),
    (29, "BR EG PS QA UA"),
    (30, "JO KW MU YE"),
    (31, "MT SC"),
    (32, "LC"),
    (33, "RU"),
];

/// The account number that begins here.
pub(super) fn at(scan: &Scan<'_>, at: usize) -> Option<Found> {
    let head: [u8; 4] = *scan.text.get(at..)?.first_chunk()?;
    let [first, second, tens, ones] = head;
    if !tens.is_ascii_digit() || !ones.is_ascii_digit() || !scan.has(Detector::Iban) {
        return None;
    }
    let length = length([first.to_ascii_uppercase(), second.to_ascii_uppercase()])?;
    let mut letters = [0u8; LENGTH_MAX];
    let mut place = at;
    for (index, slot) in letters.iter_mut().take(length).enumerate() {
        // People write groups of four.
        let gap = index > 0 && index % 4 == 0 && scan.text.get(place).is_some_and(|byte| b" -".contains(byte));
        place += usize::from(gap);
        *slot = scan.text.get(place).filter(|byte| byte.is_ascii_alphanumeric())?.to_ascii_uppercase();
        place += 1;
    }
    let over = scan.text.get(place).is_none_or(|byte| !is_word(*byte));
    let valid = over && remainder(letters.get(..length)?) == 1;
    valid.then_some(Found { detector: Detector::Iban, span: at..place, exact: true })
}

fn length(country: [u8; 2]) -> Option<usize> {
    let listed = |codes: &str| codes.split(' ').any(|code| code.as_bytes() == country);
    LENGTHS.iter().find(|(_, codes)| listed(codes)).map(|(length, _)| *length)
}

/// The number with its first four characters put last and letters read as 10 to 35, by 97 (ISO 7064).
fn remainder(letters: &[u8]) -> u32 {
    let (head, rest) = letters.split_at_checked(4).unwrap_or_default();
    rest.iter().chain(head).fold(0, |sum, letter| match letter {
        b'0'..=b'9' => (sum * 10 + u32::from(letter - b'0')) % 97,
        _ => (sum * 100 + 10 + u32::from(letter.saturating_sub(b'A'))) % 97,
    })
}
