//! `Idempotency-Key`: the same request sent again gets the answer it got before. Kept in memory only: after a restart
//! the gate's own rule holds, by which the same decision by the same person changes nothing.

use std::collections::{HashMap, VecDeque};

use axum::body::Bytes;
use axum::http::StatusCode;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::api::problem::{Kind, Problem};

/// How many answers are kept; the oldest go first.
const ANSWERS_MAX: usize = 4096;

/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 255;

/// A request as far as it must be the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    token: String,
    key: String,
}

/// An answer to be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status of the answer.
    pub status: StatusCode,
    /// Its ETag, if it had one.
    pub etag: Option<String>,
    /// Its body.
    pub body: Bytes,
    request: [u8; 32],
}

impl Answer {
    /// Ties an answer to the request it belongs to.
    pub fn new(status: StatusCode, etag: Option<String>, body: Bytes, request: [u8; 32]) -> Self {
        Self { status, etag, body, request }
    }
}

/// The answers given so far.
#[derive(Debug, Default)]
pub struct Answers {
    kept: Mutex<(HashMap<Key, Answer>, VecDeque<Key>)>,
}

impl Answers {
    /// What was answered to this key, if anything.
    ///
    /// # Errors
    /// [`Kind::IdempotencyKeyReused`] if it came with another request.
    pub fn find(&self, key: &Key, request: &[u8; 32]) -> Result<Option<Answer>, Problem> {
        match self.kept.lock().0.get(key) {
            None => Ok(None),
            Some(answer) if answer.request == *request => Ok(Some(answer.clone())),
            Some(_) => Err(Problem::new(Kind::IdempotencyKeyReused, "this key was used for another request")),
        }
    }

    /// Keeps an answer.
    pub fn keep(&self, key: Key, answer: Answer) {
        let mut kept = self.kept.lock();
        if kept.0.insert(key.clone(), answer).is_none() {
            kept.1.push_back(key);
        }
        while kept.1.len() > ANSWERS_MAX {
            if let Some(oldest) = kept.1.pop_front() {
                kept.0.remove(&oldest);
            }
        }
    }
}

/// Reads the header's value.
///
/// # Errors
/// [`Kind::BadRequest`] if it is empty, too long or not printable ASCII.
pub fn key(token_id: &str, value: &axum::http::HeaderValue) -> Result<Key, Problem> {
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() || text.len() > KEY_BYTES_MAX {
        return Err(Problem::bad_request(format!("Idempotency-Key must be 1 to {KEY_BYTES_MAX} printable characters")));
    }
    Ok(Key { token: token_id.to_owned(), key: text.to_owned() })
}

/// A hash over everything that makes a request the same.
pub fn fingerprint(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn same_key_with_another_request_is_refused() {
        let answers = Answers::default();
        let key = key("t1", &HeaderValue::from_static("k")).unwrap();
        let request = fingerprint(&["approve", "apr_1"]);
        answers.keep(key.clone(), Answer::new(StatusCode::OK, None, Bytes::from_static(b"{}"), request));
        assert_eq!(answers.find(&key, &request).unwrap().unwrap().status, StatusCode::OK);
        let other = answers.find(&key, &fingerprint(&["deny", "apr_1"])).unwrap_err();
        assert_eq!(other.kind, Kind::IdempotencyKeyReused);
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
    }

    #[test]
    fn oldest_answers_go_first() {
        let answers = Answers::default();
        for number in 0..=ANSWERS_MAX {
            let key = key("t", &HeaderValue::from_str(&number.to_string()).unwrap()).unwrap();
            answers.keep(key, Answer::new(StatusCode::OK, None, Bytes::new(), [0; 32]));
        }
        assert_eq!(answers.kept.lock().0.len(), ANSWERS_MAX);
        let first = key("t", &HeaderValue::from_static("0")).unwrap();
        assert_eq!(answers.find(&first, &[0; 32]), Ok(None));
    }
}
