//! Keeps the first character of an e-mail address and its domain. Anything that is not plainly one address is redacted.

use bytes::BytesMut;

use crate::masking::mask::constant::Constant;

/// Longest local part (RFC 5321 §4.5.3.1.1), in bytes.
const LOCAL_MAX: usize = 64;
/// Longest domain (RFC 1035 §2.3.4), in bytes.
const DOMAIN_MAX: usize = 253;

/// Appends `a***@example.org`, or `otherwise`. A local part of one character is hidden whole.
pub(in crate::masking) fn apply(value: &[u8], otherwise: &Constant, out: &mut BytesMut) {
    let Some((local, domain)) = address(value.trim_ascii_end()) else {
        return out.extend_from_slice(otherwise.value());
    };
    let mut characters = local.chars();
    if let (Some(first), Some(_)) = (characters.next(), characters.next()) {
        out.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes());
    }
    out.extend_from_slice(b"***@");
    out.extend_from_slice(domain.as_bytes());
}

/// Local part and domain of exactly one unquoted address.
fn address(value: &[u8]) -> Option<(&str, &str)> {
    let (local, domain) = std::str::from_utf8(value).ok()?.split_once('@')?;
    let sound = !local.is_empty() && local.len() <= LOCAL_MAX && local.chars().all(is_local) && is_domain(domain);
    sound.then_some((local, domain))
}

/// RFC 5322 `atext` and the dot, and letters and digits of any script (RFC 6531).
fn is_local(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
}

/// Dotted labels of letters, digits and inner hyphens; the last one is no number, so an IP address is no domain.
fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let Some((rest, top)) = domain.rsplit_once('.') else { return false };
    domain.len() <= DOMAIN_MAX && top.contains(char::is_alphabetic) && label(top) && rest.split('.').all(label)
}
