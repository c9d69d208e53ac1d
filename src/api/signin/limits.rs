//! Guessing is slow: five wrong passwords for a name, and only one try a minute is heard after that; likewise, much later,
//! for an address. Counted in memory of fixed size, by a keyed hash of the name, so that unknown names are treated alike.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Timestamp;

/// Wrong tries for one name before they are slowed down.
const NAME_TRIES: u32 = 5;
/// The same for one address, behind which may be a whole office.
const ADDRESS_TRIES: u32 = 100;
/// How long a slowed-down name or address waits between tries.
const WAIT: Duration = Duration::from_secs(60);
/// Tries are forgotten after so long without one.
const FORGET: Duration = Duration::from_secs(15 * 60);
const SLOTS: usize = 4096;

#[derive(Clone, Copy, Default)]
struct Tries {
    failed: u32,
    last: Timestamp,
}

/// Failed tries of late.
pub struct Limits {
    keys: RandomState,
    slots: Mutex<Vec<Tries>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { keys: RandomState::new(), slots: Mutex::new(vec![Tries::default(); SLOTS]) }
    }
}

impl Limits {
    /// May this name be tried from this address now? The try counts as failed until [`Limits::forgive`], so that many at the
    /// same moment do not slip through.
    ///
    /// # Errors
    /// How long to wait.
    pub fn admit(&self, name: &str, address: &str, now: Timestamp) -> Result<(), Duration> {
        let mut slots = self.slots.lock();
        let places = [(self.slot("name", name), NAME_TRIES), (self.slot("address", address), ADDRESS_TRIES)];
        for (slot, most) in places {
            let Some(tries) = slots.get_mut(slot) else { continue };
            if now.since(tries.last) >= FORGET {
                *tries = Tries::default();
            }
            let waited = now.since(tries.last);
            if tries.failed >= most && waited < WAIT {
                return Err(WAIT.saturating_sub(waited));
            }
        }
        for (slot, _) in places {
            if let Some(tries) = slots.get_mut(slot) {
                *tries = Tries { failed: tries.failed.saturating_add(1), last: now };
            }
        }
        Ok(())
    }

    /// It was the right password: the name starts anew, and the address has one failure less.
    pub fn forgive(&self, name: &str, address: &str) {
        let mut slots = self.slots.lock();
        if let Some(tries) = slots.get_mut(self.slot("name", name)) {
            *tries = Tries::default();
        }
        if let Some(tries) = slots.get_mut(self.slot("address", address)) {
            tries.failed = tries.failed.saturating_sub(1);
        }
    }

    fn slot(&self, kind: &str, text: &str) -> usize {
        let hash = self.keys.hash_one((kind, text.trim().to_lowercase()));
        usize::try_from(hash % SLOTS as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000 + seconds * 1000)
    }

    #[test]
    fn the_sixth_try_has_to_wait_a_minute_and_so_has_each_one_after_it() {
        let limits = Limits::default();
        for _ in 0..5 {
            assert_eq!(limits.admit("dana", "a", at(0)), Ok(()));
        }
        assert_eq!(limits.admit("Dana ", "b", at(10)), Err(Duration::from_secs(50)));
        assert_eq!(limits.admit("dana", "a", at(60)), Ok(()));
        assert_eq!(limits.admit("dana", "a", at(61)), Err(Duration::from_secs(59)));
        assert_eq!(limits.admit("dana", "a", at(60 + 900)), Ok(()));
        assert_eq!(limits.admit("dana", "a", at(61 + 900)), Ok(()), "long ago is forgotten");
    }

    #[test]
    fn the_right_password_starts_anew() {
        let limits = Limits::default();
        for _ in 0..20 {
            assert_eq!(limits.admit("dana", "a", at(0)), Ok(()));
            limits.forgive("dana", "a");
        }
    }

    #[test]
    fn an_address_that_tries_many_names_is_slowed_down() {
        let limits = Limits::default();
        let tried = (0..200).filter(|number| limits.admit(&format!("name{number}"), "a", at(0)).is_ok()).count();
        assert_eq!(tried, 100);
        assert!(limits.admit("somebody else", "b", at(0)).is_ok());
    }
}
