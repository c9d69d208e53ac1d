//! The hash chain: each record carries the hash of the one before it, in canonical JSON.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::audit::canonical::{CanonicalError, canonical};
use crate::audit::event::Event;
use crate::audit::merkle::{self, Frontier, Hash};
use crate::clock::Timestamp;

/// The end of the log: where the next record goes and what it has to carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    prev: Hash,
    frontier: Frontier,
}

impl Head {
    /// A head as of a saved frontier; `last` is the hash of the record before.
    pub fn new(frontier: Frontier, last: Hash) -> Self {
        Self { prev: last, frontier }
    }

    /// Number of records, and so the next record's `seq`.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Hash of the last record; zeros if there is none.
    pub fn prev(&self) -> &Hash {
        &self.prev
    }

    /// The tree over all records.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Makes the next record and moves on. Gives its canonical JSON, which is what is stored and hashed.
    ///
    /// # Errors
    /// The event has no canonical form; the head is unchanged.
    pub fn append(&mut self, event: &Event, at: Timestamp) -> Result<String, CanonicalError> {
        let record = Next { seq: self.size(), at, prev: hex::encode(self.prev), event };
        let text = canonical(&record)?;
        self.take(text.as_bytes());
        Ok(text)
    }

    /// Moves past a stored record without checking it.
    pub fn take(&mut self, record: &[u8]) {
        self.prev = hash(record);
        self.frontier.push(merkle::leaf(record));
    }
}

/// A [`crate::audit::event::Record`] about to be written: the same members, the event borrowed.
#[derive(Serialize)]
struct Next<'a> {
    seq: u64,
    at: Timestamp,
    prev: String,
    event: &'a Event,
}

/// What the next record carries as `prev`.
pub fn hash(record: &[u8]) -> Hash {
    Sha256::digest(record).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::event::Record;

    #[test]
    fn each_record_carries_the_hash_of_the_one_before() {
        let mut head = Head::default();
        let first = head.append(&Event::LogStopped {}, Timestamp::from_millis(0)).unwrap();
        let second = head.append(&Event::LogStopped {}, Timestamp::from_millis(1)).unwrap();
        let read: Record = serde_json::from_str(&second).unwrap();
        assert_eq!(
            first,
            r#"{"at":"1970-01-01T00:00:00Z","event":{"kind":"log_stopped"},"prev":"0000000000000000000000000000000000000000000000000000000000000000","seq":0}"#
        );
        assert_eq!((read.seq, read.prev), (1, hex::encode(hash(first.as_bytes()))));
    }
}
