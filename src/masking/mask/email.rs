//! Keeps the first character of an e-mail address and its domain. Anything that is not plainly one address is redacted.

use bytes::BytesMut;

use crate::masking::mask::constant::Constant;

/// Longest local part (RFC 5321 §4.5.3.1.1), in bytes.
const LOCAL_MAX: usize = 64;
/// Longest domain (RFC 1035 §2.3.4), in bytes.
const DOMAIN_MAX: usize = 253;

/// Appends `a***@example.org`, or `otherwise`. A local part of one character is hidden whole.
pub(in crate::masking) fn apply(value: &[u8], otherwise: &Constant, out: &mut BytesMut) {
    let Some((first, domain)) = address(value.trim_ascii_end()) else {
        return out.extend_from_slice(otherwise.value());
    };
    out.extend_from_slice(first);
    out.extend_from_slice(b"***@");
    out.extend_from_slice(domain);
}

/// The first character, unless it is the only one, and the domain of exactly one unquoted address.
fn address(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = value.iter().position(|byte| *byte == b'@')?;
    let (local, domain) = (value.get(..at)?, value.get(at.checked_add(1)?..)?);
    if !is_local(local) || !is_domain(domain) {
        return None;
    }
    let width = if value.is_ascii() { 1 } else { first_width(value)? };
    let first = if width < local.len() { local.get(..width)? } else { b"" };
    Some((first, domain))
}

/// Bytes of the first character; `None` unless all beyond ASCII are letters and digits of some script (RFC 6531).
fn first_width(value: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(value).ok()?;
    let sound = text.chars().all(|c| c.is_ascii() || c.is_alphanumeric());
    text.chars().next().filter(|_| sound).map(char::len_utf8)
}

/// RFC 5322 `atext` and the dot; what lies beyond ASCII is looked at in [`first_width`].
fn is_local(local: &[u8]) -> bool {
    let allowed = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'/' | b'=' | b'?' | b'^'..=b'`' | b'{'..=b'~')
            || !byte.is_ascii()
    };
    (1..=LOCAL_MAX).contains(&local.len()) && local.iter().all(allowed)
}

/// Dotted labels of letters, digits and inner hyphens; the last one is no number, so an IP address is no domain.
fn is_domain(domain: &[u8]) -> bool {
    let (mut before, mut dotted, mut lettered) = (b'.', false, false);
    for byte in domain {
        match byte {
            b'.' if matches!(before, b'.' | b'-') => return false,
            b'.' => (dotted, lettered) = (true, false),
            b'-' if before == b'.' => return false,
            b'-' | b'0'..=b'9' => {}
            b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => lettered = true,
            _ => return false,
        }
        before = *byte;
    }
    domain.len() <= DOMAIN_MAX && dotted && lettered && !matches!(before, b'.' | b'-')
}
