//! Deadlines of grants on the monotonic clock, as `desk/board` keeps those of approvals: a system clock that is set back keeps
//! nothing alive. Known from the moment this process first sees a grant; what passed while it was down is not seen.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::gate::desk::grants::grant::Grant;
use crate::identity::ids::GrantId;

/// When each grant ends. People give every one of them, so they are few, and an ended one is remembered as ended.
#[derive(Default)]
pub(super) struct Dues(Mutex<HashMap<GrantId, Due>>);

#[derive(Clone, Copy)]
struct Due {
    /// What it was computed from: giving a proposal sets another one.
    expires_at: Timestamp,
    at: Instant,
}

impl Dues {
    /// The present as far as this grant goes: `now`, or its end if that has passed by the monotonic clock.
    pub(super) fn now_of(&self, grant: &Grant, now: Timestamp) -> Timestamp {
        let fresh = || Due { expires_at: grant.expires_at, at: Instant::now() + grant.expires_at.since(now) };
        let mut known = self.0.lock();
        let due = known.entry(grant.id.clone()).or_insert_with(fresh);
        if due.expires_at != grant.expires_at {
            *due = fresh();
        }
        if due.at <= Instant::now() { now.max(grant.expires_at) } else { now }
    }
}
