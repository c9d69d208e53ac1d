//! Signatures of the Standard Webhooks specification: HMAC-SHA256 over id, time and body, base64, version `v1`.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// How far a timestamp may lie off, to either side.
pub const TOLERANCE: Duration = Duration::from_secs(300);

/// A signing key: 24 to 64 bytes.
#[derive(Clone)]
pub struct Key(Zeroizing<Vec<u8>>);

impl Key {
    /// Reads `whsec_` and base64.
    ///
    /// # Errors
    /// What is wrong; the secret is not in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let encoded = text.strip_prefix("whsec_").ok_or("the secret does not begin with `whsec_`")?;
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| "the secret is not base64 behind `whsec_`")?);
        if !(24..=64).contains(&bytes.len()) {
            return Err(format!("the secret has {} bytes; 24 to 64 are needed", bytes.len()));
        }
        Ok(Self(bytes))
    }

    fn mac(&self, id: &str, seconds: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        Some(mac)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// The header `webhook-signature`: one signature per key, separated by spaces. Two keys while a secret is replaced.
pub fn sign(keys: &[Key], id: &str, seconds: i64, body: &[u8]) -> String {
    let macs = keys.iter().filter_map(|key| key.mac(id, seconds, body));
    let signatures: Vec<String> =
        macs.map(|mac| format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))).collect();
    signatures.join(" ")
}

/// Is one of the signatures in `header` ours, and the time near `now` (seconds since 1970)?
pub fn verify(keys: &[Key], id: &str, seconds: i64, body: &[u8], header: &str, now: i64) -> bool {
    let tolerance = i64::try_from(TOLERANCE.as_secs()).unwrap_or(0);
    if now.saturating_sub(seconds).saturating_abs() > tolerance {
        return false;
    }
    let given =
        header.split(' ').filter_map(|part| part.strip_prefix("v1,")).filter_map(|text| STANDARD.decode(text).ok());
    let mut good = false;
    for signature in given {
        for mac in keys.iter().filter_map(|key| key.mac(id, seconds, body)) {
            good |= mac.verify_slice(&signature).is_ok();
        }
    }
    good
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn published_example_is_signed_alike() {
        let key = Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed =
            sign(std::slice::from_ref(&key), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(verify(
            &[key],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            b"{\"test\": 2432232314}",
            &signed,
            1_614_265_331
        ));
    }

    #[test]
    fn changed_old_future_and_foreign_messages_do_not_pass() {
        let key = |byte: u8| Key(Zeroizing::new(vec![byte; 32]));
        let signed = sign(&[key(1), key(2)], "evt_1", 1000, b"{}");
        assert_eq!(signed.split(' ').count(), 2);
        let check = |keys: &[Key], id: &str, at: i64, body: &[u8], now: i64| verify(keys, id, at, body, &signed, now);
        assert!(check(&[key(1)], "evt_1", 1000, b"{}", 1300) && check(&[key(2)], "evt_1", 1000, b"{}", 700));
        assert!(!check(&[key(3)], "evt_1", 1000, b"{}", 1000));
        assert!(!check(&[key(1)], "evt_2", 1000, b"{}", 1000));
        assert!(!check(&[key(1)], "evt_1", 1001, b"{}", 1000));
        assert!(!check(&[key(1)], "evt_1", 1000, b"{ }", 1000));
        assert!(!check(&[key(1)], "evt_1", 1000, b"{}", 1301) && !check(&[key(1)], "evt_1", 1000, b"{}", 699));
        assert!(!verify(&[key(1)], "evt_1", 1000, b"{}", "v1a,AAAA v1,!!", 1000));
    }

    #[test]
    fn secrets_that_are_none_are_refused_without_being_shown() {
        for bad in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!", "whsec_c2hvcnQ="] {
            let why = Key::parse(bad).unwrap_err();
            assert!(bad.is_empty() || !why.contains(bad), "{why}");
        }
        assert_eq!(format!("{:?}", Key(Zeroizing::new(vec![7; 32]))), "***");
    }
}
