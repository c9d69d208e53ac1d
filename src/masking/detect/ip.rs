//! Addresses of the Internet Protocol. Ordinary work is full of them, so they are looked for only when asked.

use crate::masking::detect::{Found, before, context, count, is_word};
use crate::policy::detector::Detector;

/// Longest written form of either version.
const LENGTH_MAX: usize = 45;
const VERSIONS: &[&str] = &["version", "ver", "v", "release", "build", "rev"];

/// The address that begins here.
pub(super) fn at(text: &[u8], at: usize) -> Option<Found> {
    if before(text, at).is_some_and(|byte| is_word(byte) || matches!(byte, b'.' | b':')) {
        return None;
    }
    let length = count(text, at, LENGTH_MAX + 1, |byte| byte.is_ascii_hexdigit() || byte == b'.' || byte == b':');
    let written = text.get(at..at + length)?;
    // A full stop or a colon behind it belongs to the sentence.
    let kept = written.iter().rposition(|byte| byte.is_ascii_hexdigit() || written.ends_with(b"::"))?;
    let written = written.get(..=kept)?;
    let end = at + written.len();
    let glued = text.get(end).is_some_and(|byte| is_word(*byte));
    let ahead = text.get(at.saturating_sub(12)..at).unwrap_or_default();
    let found = || Some(Found { detector: Detector::Ip, span: at..end, exact: true });
    match written.contains(&b':') {
        _ if glued => None,
        true if is_six(written) => found(),
        false if is_four(written) && !context::holds(ahead, VERSIONS) => found(),
        _ => None,
    }
}

fn is_four(written: &[u8]) -> bool {
    let octet = |part: &[u8]| {
        let digits = (1..=3).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
        let value = || part.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        digits && value() < 256 && (part.len() == 1 || part.first() != Some(&b'0'))
    };
    let mut parts = 0;
    written.split(|byte| *byte == b'.').all(|part| {
        parts += 1;
        octet(part)
    }) && parts == 4
}

/// Eight groups, or fewer with one `::`; the last two may be written as version 4.
fn is_six(written: &[u8]) -> bool {
    let text = String::from_utf8_lossy(written);
    let (front, rear) = text.split_once("::").map_or((&*text, None), |(front, rear)| (front, Some(rear)));
    let Some(front) = groups(front) else { return false };
    match rear.map(groups) {
        None => front == 8,
        Some(None) => false,
        Some(Some(rear)) => (1..8).contains(&(front + rear)),
    }
}

/// How many groups of 16 bits; `None` if it is something else.
fn groups(text: &str) -> Option<usize> {
    if text.is_empty() {
        return Some(0);
    }
    let parts: Vec<&str> = text.split(':').collect();
    let (last, rest) = parts.split_last()?;
    let group = |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let last = match last.contains('.') {
        true => is_four(last.as_bytes()).then_some(2)?,
        false => group(last).then_some(1)?,
    };
    rest.iter().all(group).then_some(rest.len() + last)
}
