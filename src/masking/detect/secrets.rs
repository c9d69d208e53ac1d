//! Keys and tokens that their issuers made easy to tell: by prefix, by armour, by structure.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::masking::detect::scan::Scan;
use crate::masking::detect::{Found, count, is_word};
use crate::policy::detector::Detector;

/// Longest key or token; a longer one is cut off here and its extent called uncertain.
const LENGTH_MAX: usize = 16 * 1024;
/// Longest JOSE header that is decoded.
const HEADER_MAX: usize = 1024;
/// Fewest unlike characters in a key: `xxxxxxxx` is a placeholder.
const UNLIKE_MIN: usize = 6;

/// Which characters follow a prefix.
#[derive(Clone, Copy)]
enum Tail {
    /// Letters and digits.
    Alnum,
    /// Capitals and digits.
    Upper,
    /// Hex digits.
    Hex,
    /// Letters, digits, `-`, `_`.
    Url,
    /// Letters, digits, `-`, `_`, `.`.
    Dotted,
}

impl Tail {
    fn fits(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Url => byte.is_ascii_alphanumeric() || b"-_".contains(&byte),
            Self::Dotted => byte.is_ascii_alphanumeric() || b"-_.".contains(&byte),
        }
    }
}

/// Prefix, what follows, how much of it at least and at most.
type Issuer = (&'static str, Tail, usize, usize);

/// Prefixes that issuers document.
const ISSUERS: &[Issuer] = &[
    ("AKIA", Tail::Upper, 16, 16),
    ("ASIA", Tail::Upper, 16, 16),
    ("AIza", Tail::Url, 35, 35),
    ("AGE-SECRET-KEY-1", Tail::Upper, 58, 58),
    ("PMAK-", Tail::Url, 50, 70),
    ("SG.", Tail::Dotted, 60, 72),
    ("dckr_pat_", Tail::Url, 20, 64),
    ("dop_v1_", Tail::Hex, 64, 64),
    ("doo_v1_", Tail::Hex, 64, 64),
    ("figd_", Tail::Url, 32, 64),
    ("ghp_", Tail::Alnum, 36, 255),
    ("gho_", Tail::Alnum, 36, 255),
    ("ghu_", Tail::Alnum, 36, 255),
    ("ghs_", Tail::Alnum, 36, 255),
    ("ghr_", Tail::Alnum, 36, 255),
    ("github_pat_", Tail::Url, 40, 255),
    ("glpat-", Tail::Dotted, 20, 300),
    ("hf_", Tail::Alnum, 30, 64),
    ("hvs.", Tail::Url, 24, 300),
    ("lin_api_", Tail::Alnum, 32, 64),
    ("npm_", Tail::Alnum, 36, 36),
    ("pypi-AgE", Tail::Url, 50, 400),
    ("rk_live_", Tail::Alnum, 16, 247),
    ("rk_test_", Tail::Alnum, 16, 247),
    ("shpat_", Tail::Hex, 32, 32),
    ("shpss_", Tail::Hex, 32, 32),
    ("shpca_", Tail::Hex, 32, 32),
    ("sk_live_", Tail::Alnum, 16, 247),
    ("sk_test_", Tail::Alnum, 16, 247),
    ("sk-ant-", Tail::Url, 40, 300),
    ("sk-proj-", Tail::Url, 40, 300),
    ("sk-", Tail::Alnum, 40, 64),
    ("sq0atp-", Tail::Url, 22, 22),
    ("sq0csp-", Tail::Url, 43, 43),
    ("tskey-", Tail::Url, 20, 100),
    ("whsec_", Tail::Alnum, 24, 100),
    ("xapp-", Tail::Url, 20, 255),
    ("xoxa-", Tail::Url, 20, 255),
    ("xoxb-", Tail::Url, 20, 255),
    ("xoxp-", Tail::Url, 20, 255),
    ("xoxr-", Tail::Url, 20, 255),
    ("xoxs-", Tail::Url, 20, 255),
    ("ya29.", Tail::Url, 30, 2048),
];

/// The secret that the word here begins.
pub(super) fn at(scan: &Scan<'_>, at: usize) -> Option<Found> {
    let rest = scan.text.get(at..)?;
    let [first, second, third, ..] = rest else { return None };
    let found = match (first, second, third) {
        (b'e', b'y', b'J') => return jwt(scan, at),
        (b'B' | b'b', b'e' | b'E', b'a' | b'A') => return header(scan, at, b"bearer "),
        (b'B' | b'b', b'a' | b'A', b's' | b'S') => return header(scan, at, b"basic "),
        (b'P', b'u', b'T') if rest.starts_with(b"PuTTY-User-Key-File-") && scan.has(Detector::PrivateKey) => {
            return Some(Found { detector: Detector::PrivateKey, span: at..at + 20, exact: false });
        }
        // A prefix has two letters, and then a third one of few: most words end here.
        (b'A', b'K' | b'S' | b'I' | b'G', _)
        | (b'P', b'M', b'A')
        | (b'S', b'G', b'.')
        | (b'd', b'c' | b'o', b'k' | b'p' | b'o')
        | (b'f', b'i', b'g')
        | (b'g', b'h' | b'i' | b'l', b'p' | b'o' | b'u' | b's' | b'r' | b't')
        | (b'h', b'f' | b'v', b'_' | b's')
        | (b'l', b'i', b'n')
        | (b'n', b'p', b'm')
        | (b'p', b'y', b'p')
        | (b'r' | b's', b'k', b'_' | b'-')
        | (b's', b'h' | b'q', b'p' | b'0')
        | (b't', b's', b'k')
        | (b'w', b'h', b's')
        | (b'x', b'a' | b'o', b'p' | b'x')
        | (b'y', b'a', b'2') => issued(rest)?,
        _ => return None,
    };
    scan.has(Detector::ApiKey).then(|| Found { detector: Detector::ApiKey, span: at..at + found, exact: true })
}

/// How long the key at the front is, its prefix included.
fn issued(rest: &[u8]) -> Option<usize> {
    let mut fitting = ISSUERS.iter().filter(|(prefix, ..)| rest.starts_with(prefix.as_bytes()));
    fitting.find_map(|(prefix, tail, least, most)| {
        let length = count(rest, prefix.len(), most + 1, |byte| tail.fits(byte));
        let end = prefix.len() + length;
        let body = rest.get(prefix.len()..end)?;
        let glued = rest.get(end).is_some_and(|byte| is_word(*byte));
        ((*least..=*most).contains(&length) && !glued && is_random(body)).then_some(end)
    })
}

/// Unlike characters enough for a key, and a digit among them.
fn is_random(body: &[u8]) -> bool {
    let mut seen = [false; 256];
    body.iter().filter_map(|byte| seen.get_mut(usize::from(*byte)).map(|slot| *slot = true)).for_each(drop);
    seen.iter().filter(|seen| **seen).count() >= UNLIKE_MIN && body.iter().any(u8::is_ascii_digit)
}

/// Header, payload and signature in base64url, the header JSON with `alg` in it (RFC 7519).
fn jwt(scan: &Scan<'_>, at: usize) -> Option<Found> {
    if !scan.has(Detector::Jwt) {
        return None;
    }
    let part = |from: usize| count(scan.text, from, LENGTH_MAX, |byte| Tail::Url.fits(byte));
    let header_end = at + part(at);
    let dot = |place: usize| scan.text.get(place) == Some(&b'.');
    let header = scan.text.get(at..header_end).filter(|header| header.len() <= HEADER_MAX && dot(header_end))?;
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    let signed = header.windows(5).any(|five| five == b"\"alg\"") || header.windows(5).any(|five| five == b"\"enc\"");
    let mut end = header_end + 1 + part(header_end + 1);
    // Signed ones have three parts, encrypted ones five.
    for _ in 0..3 {
        if dot(end) {
            end += 1 + part(end + 1);
        }
    }
    (signed && header.first() == Some(&b'{') && end > header_end + 1).then_some(Found {
        detector: Detector::Jwt,
        span: at..end,
        exact: true,
    })
}

/// The value of an `Authorization` header (RFC 6750 §2.1, RFC 7617).
fn header(scan: &Scan<'_>, at: usize, scheme: &[u8]) -> Option<Found> {
    if !scan.has(Detector::Bearer) || !scan.text.get(at..at + scheme.len())?.eq_ignore_ascii_case(scheme) {
        return None;
    }
    let from = at + scheme.len();
    let length = count(scan.text, from, LENGTH_MAX, |byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    let value = scan.text.get(from..from + length)?;
    let secret = match scheme.first() {
        Some(b'b') if scheme.len() == 6 => {
            let plain = STANDARD_NO_PAD.decode(value.trim_ascii_end().split(|byte| *byte == b'=').next()?).ok()?;
            plain.contains(&b':') && plain.iter().all(|byte| !byte.is_ascii_control())
        }
        _ => length >= 16 && is_random(value),
    };
    secret.then(|| Found { detector: Detector::Bearer, span: at..from + length, exact: length < LENGTH_MAX })
}

/// The armour of a private key (RFC 7468, RFC 4880, OpenSSH's), by its first dash.
pub(super) fn armour(scan: &Scan<'_>, at: usize) -> Option<Found> {
    let label = scan.text.get(at..)?.strip_prefix(b"-----BEGIN ")?;
    let label = label.get(..label.len().min(48))?;
    let end = label.iter().position(|byte| *byte == b'-')?;
    let private = label.get(..end)?.windows(11).any(|eleven| eleven == b"PRIVATE KEY");
    (private && scan.has(Detector::PrivateKey)).then(|| Found {
        detector: Detector::PrivateKey,
        span: at..at + 11 + end,
        exact: false,
    })
}
