//! Slack's request signatures: `v0=` and hex of HMAC-SHA256 over version, time and raw body, five minutes to either side.
//! A signature proves who sent it, not that it is new, so those seen are remembered.

use std::collections::HashMap;

use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use reqwest::Url;
use serde_json::Value;
use sha2::Sha256;

use crate::identity::secret::Secret;

const TOLERANCE_SECONDS: i64 = 300;
/// Signatures remembered; should more come in five minutes, the rest is refused.
const SEEN_MAX: usize = 20_000;

/// It is not signed with our secret, is too old or too new, or was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not signed")]
pub struct Unsigned;

/// Checks requests against one signing secret.
pub struct Signatures {
    secret: Secret,
    /// Signature -> second until which it is remembered.
    seen: Mutex<HashMap<String, i64>>,
}

impl Signatures {
    /// With this signing secret.
    pub fn new(secret: Secret) -> Self {
        Self { secret, seen: Mutex::new(HashMap::new()) }
    }

    /// Is the request Slack's, fresh, and new? `now` is in seconds since 1970.
    ///
    /// # Errors
    /// [`Unsigned`].
    pub fn check(&self, timestamp: &str, signature: &str, body: &[u8], now: i64) -> Result<(), Unsigned> {
        let seconds: i64 = timestamp.parse().map_err(|_| Unsigned)?;
        if now.saturating_sub(seconds).saturating_abs() > TOLERANCE_SECONDS {
            return Err(Unsigned);
        }
        let given = signature.strip_prefix("v0=").and_then(|text| hex::decode(text).ok()).ok_or(Unsigned)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes()).map_err(|_| Unsigned)?;
        mac.update(format!("v0:{timestamp}:").as_bytes());
        mac.update(body);
        mac.verify_slice(&given).map_err(|_| Unsigned)?;
        let mut seen = self.seen.lock();
        seen.retain(|_, until| *until >= now);
        // The decoded bytes, so that another spelling of the same signature is the same.
        if seen.len() >= SEEN_MAX || seen.insert(hex::encode(given), seconds + TOLERANCE_SECONDS).is_some() {
            return Err(Unsigned);
        }
        Ok(())
    }
}

/// The field `payload` of a form, as JSON.
pub fn payload(body: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(body).ok()?;
    let mut form = Url::parse("form:").ok()?;
    form.set_query(Some(text));
    let (_, payload) = form.query_pairs().find(|(name, _)| name == "payload")?;
    serde_json::from_str(&payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const NOW: i64 = 1_531_420_618;
    /// The example of Slack's documentation.
    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn check(signatures: &Signatures, timestamp: &str, signature: &str, body: &[u8], now: i64) -> bool {
        signatures.check(timestamp, signature, body, now).is_ok()
    }

    #[test]
    fn published_example_passes_once() {
        let signatures = Signatures::new(Secret::new(SECRET));
        assert!(check(&signatures, "1531420618", SIGNATURE, BODY, NOW));
        assert!(!check(&signatures, "1531420618", SIGNATURE, BODY, NOW + 1), "replayed");
        assert!(!check(&signatures, "1531420618", &SIGNATURE.replace("a2114d", "A2114D"), BODY, NOW + 1), "replayed");
    }

    #[test]
    fn wrong_old_future_and_changed_requests_do_not_pass() {
        let fresh = || Signatures::new(Secret::new(SECRET));
        assert!(!check(&Signatures::new(Secret::new("other")), "1531420618", SIGNATURE, BODY, NOW));
        assert!(!check(&fresh(), "1531420618", SIGNATURE, BODY, NOW + 301));
        assert!(!check(&fresh(), "1531420618", SIGNATURE, BODY, NOW - 301));
        assert!(!check(&fresh(), "1531420619", SIGNATURE, BODY, NOW));
        assert!(!check(&fresh(), "1531420618", SIGNATURE, b"payload={}", NOW));
        for bad in
            ["", "v0=", "v0=zz", "a2114d57", "v1=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"]
        {
            assert!(!check(&fresh(), "1531420618", bad, BODY, NOW), "{bad}");
        }
        assert!(!check(&fresh(), "", SIGNATURE, BODY, NOW) && !check(&fresh(), "1e9", SIGNATURE, BODY, NOW));
        assert!(check(&fresh(), "1531420618", SIGNATURE, BODY, NOW + 300));
    }

    #[test]
    fn payload_is_read_from_its_form() {
        let read = payload(b"payload=%7B%22type%22%3A%22block_actions%22%2C%22x%22%3A%22a%2Bb+c%22%7D").unwrap();
        assert_eq!((read["type"].as_str(), read["x"].as_str()), (Some("block_actions"), Some("a+b c")));
        for bad in [&b"payload=x"[..], b"other=%7B%7D", b"", b"\xff"] {
            assert_eq!(payload(bad), None);
        }
    }
}
