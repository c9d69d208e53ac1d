//! E-mail addresses (RFC 5321's usual forms), found from their `@`.

use crate::masking::detect::scan::Scan;
use crate::masking::detect::{Found, before, count};
use crate::policy::detector::Detector;

const LOCAL_MAX: usize = 64;
const DOMAIN_MAX: usize = 255;
/// What names images of a size, `icon@2x.png`, would take for a domain.
const PICTURES: &[&str] = &["png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js"];
/// Who logs in to a place of source code: `git@host.example:team/thing`.
const SOURCES: &[&[u8]] = &[b"git", b"hg", b"svn"];

/// The address around the `@` at this place.
pub(super) fn at(scan: &Scan<'_>, at: usize) -> Option<Found> {
    if !scan.has(Detector::Email) {
        return None;
    }
    let end = domain(scan.text, at + 1)?;
    let found = |start: usize, exact: bool| Found { detector: Detector::Email, span: start..end, exact };
    if before(scan.text, at) == Some(b'"') {
        return quoted(scan, at).map(|start| found(start, false));
    }
    let start = local(scan, at)?;
    let name = scan.text.get(start..at)?;
    let login = SOURCES.contains(&name) && scan.text.get(end) == Some(&b':');
    let userinfo = scan.text.get(..start)?.ends_with(b"//");
    (!login && !userinfo && before(scan.text, start) != Some(b'@')).then(|| found(start, true))
}

/// Where the local part begins.
fn local(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let lowest = scan.floor.max(at.saturating_sub(LOCAL_MAX));
    let part = scan.text.get(lowest..at)?;
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-'&#$!~".contains(byte) || *byte >= 0x80;
    let length = part.iter().rev().take_while(|byte| fits(byte)).count();
    let part = part.get(part.len() - length..)?;
    let trimmed = part.iter().take_while(|byte| !byte.is_ascii_alphanumeric() && **byte < 0x80).count();
    let legal = trimmed < length && part.last() != Some(&b'.');
    legal.then(|| at - length + trimmed)
}

/// Where a quoted local part begins, its quote included.
fn quoted(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let lowest = scan.floor.max(at.saturating_sub(LOCAL_MAX));
    let part = scan.text.get(lowest..at.checked_sub(1)?)?;
    let quote = part.iter().rposition(|byte| *byte == b'"')?;
    let inside = part.get(quote + 1..)?;
    let named = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    (named(inside.first()) && named(inside.last())).then_some(lowest + quote)
}

/// Where the domain ends: labels and dots, the last label letters only.
fn domain(text: &[u8], start: usize) -> Option<usize> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.' || byte >= 0x80;
    let length = count(text, start, DOMAIN_MAX, fits);
    let mut name = text.get(start..start + length)?;
    loop {
        let (front, last) = split_last_label(name)?;
        if is_top(last) && front.iter().any(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80) {
            let picture = front.last() == Some(&b'x')
                && front.split_last()?.1.iter().all(u8::is_ascii_digit)
                && PICTURES.iter().any(|one| last.eq_ignore_ascii_case(one.as_bytes()));
            let legal = !picture && front.first() != Some(&b'.') && !front.windows(2).any(|two| two == b"..");
            return legal.then(|| start + name.len());
        }
        name = front;
    }
}

/// What stands before the last dot, and behind it.
fn split_last_label(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    Some((name.get(..dot)?, name.get(dot + 1..)?))
}

fn is_top(label: &[u8]) -> bool {
    let letters = label.iter().all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
    let coded = label.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"xn--"));
    (2..=24).contains(&label.len()) && (letters || coded) || coded && label.len() <= 63
}
