//! Passwords on their way to a server: in URLs, in connection strings, in the names that drivers are given.

use crate::masking::detect::scan::Scan;
use crate::masking::detect::{Found, context, count};
use crate::policy::detector::Detector;

const SCHEME_MAX: usize = 24;
const TOKEN_MAX: usize = 512;
/// How far from the password the rest of a connection string is looked for.
const REACH: usize = 256;
const PASSWORDS: &[&str] = &["password", "pwd", "passwd", "accountkey", "sharedaccesskey", "pgpassword"];
const COMPANIONS: &[&str] = &[
    "host",
    "hostname",
    "server",
    "source",
    "uid",
    "user",
    "username",
    "database",
    "catalog",
    "dbname",
    "accountname",
    "endpoint",
    "port",
];

/// The URL whose `:` before `//` stands here, if it has a password in it.
pub(super) fn at(scan: &Scan<'_>, at: usize) -> Option<Found> {
    if !scan.text.get(at..)?.starts_with(b"://") || !scan.has(Detector::UrlCredentials) {
        return None;
    }
    let lowest = scan.floor.max(at.saturating_sub(SCHEME_MAX));
    let ahead = scan.text.get(lowest..at)?;
    let scheme = ahead.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(byte)).count();
    if scheme == 0 {
        return None;
    }
    let from = at + 3;
    let token = scan.text.get(from..from + count(scan.text, from, TOKEN_MAX, in_token))?;
    let host_end = token.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(token.len());
    let authority = token.get(..host_end)?;
    let found = |length: usize, exact: bool| {
        Some(Found { detector: Detector::UrlCredentials, span: at - scheme..from + length, exact })
    };
    if let Some(sign) = authority.iter().rposition(|byte| *byte == b'@') {
        let userinfo = token.get(..sign)?;
        let colon = userinfo.iter().position(|byte| *byte == b':')?;
        return if is_secret(userinfo.get(colon + 1..)?) { found(host_end, true) } else { None };
    }
    // A password with a raw slash in it ends the authority too early.
    let colon = authority.iter().position(|byte| *byte == b':')?;
    let port = authority.get(colon + 1..)?;
    let odd = !port.iter().all(u8::is_ascii_digit) && token.contains(&b'@');
    if odd { found(token.len(), false) } else { None }
}

fn in_token(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !b"\"'<>`".contains(&byte)
}

/// `user:password@tcp(host:3306)/shop`, by its `@`.
pub(super) fn driver_name(scan: &Scan<'_>, at: usize) -> Option<Found> {
    let rest = scan.text.get(at + 1..)?;
    if !(rest.starts_with(b"tcp(") || rest.starts_with(b"unix(")) || !scan.has(Detector::ConnectionString) {
        return None;
    }
    let ahead = scan.text.get(scan.floor.max(at.saturating_sub(REACH))..at)?;
    let length = ahead.iter().rev().take_while(|byte| in_token(**byte)).count();
    let user = ahead.get(ahead.len() - length..)?;
    let colon = user.iter().position(|byte| *byte == b':')?;
    let secret = is_secret(user.get(colon + 1..)?);
    secret.then(|| Found { detector: Detector::ConnectionString, span: at - length..at + 1, exact: false })
}

/// The assignment whose `=` stands here, if it is that of a password in a connection string, or of a cloud's secret key.
pub(super) fn assignment(scan: &Scan<'_>, at: usize) -> Option<Found> {
    let ahead = scan.text.get(scan.floor.max(at.saturating_sub(40))..at)?.trim_ascii_end();
    let length = ahead.iter().rev().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'_').count();
    let key = ahead.get(ahead.len() - length..)?.to_ascii_lowercase();
    let key = std::str::from_utf8(&key).ok()?;
    let cloud = key.ends_with("secret_access_key") || key.ends_with("secretaccesskey");
    let bare = key.rsplit('_').next().unwrap_or_default();
    if !cloud && !PASSWORDS.contains(&bare) {
        return None;
    }
    let from = at + 1 + count(scan.text, at + 1, 3, |byte| b" \"'".contains(&byte));
    let value = scan.text.get(from..from + count(scan.text, from, TOKEN_MAX, in_value))?;
    let found = |detector: Detector| {
        scan.has(detector).then(|| Found { detector, span: from..from + value.len(), exact: false })
    };
    if cloud {
        return (value.len() == 40).then(|| found(Detector::ApiKey)).flatten();
    }
    if !is_secret(value) {
        return None;
    }
    let around = scan.text.get(at.saturating_sub(REACH)..scan.text.len().min(at + REACH))?;
    let pairs = around.split(|byte| b";&\n".contains(byte) || *byte == b' ').filter_map(|pair| {
        let sign = pair.iter().position(|byte| *byte == b'=')?;
        pair.get(..sign)
    });
    let together = pairs.into_iter().any(|name| context::holds(name, COMPANIONS));
    if together { found(Detector::ConnectionString) } else { None }
}

fn in_value(byte: u8) -> bool {
    in_token(byte) && !b";&,".contains(&byte)
}

/// Not empty, and not what stands for a password in examples.
fn is_secret(value: &[u8]) -> bool {
    let dummy = value.iter().all(|byte| b"*x.-".contains(byte));
    let placeholder = value.first().is_some_and(|byte| b"<{$%[".contains(byte));
    !value.is_empty() && !dummy && !placeholder
}
