//! The replies that the upstream still owes, in order, and whose they are.
//!
//! PostgreSQL answers strictly in order (manual, "Message Flow"), so a queue tells what the next message must belong to.
//! A message that fits nothing in the queue is a misbehaving upstream.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

/// What a prepared statement was described as: parameter types and result header.
#[derive(Debug, Default)]
pub struct Description {
    /// Parameter type OIDs, from ParameterDescription.
    pub parameters: OnceLock<Vec<u32>>,
    /// The RowDescription, as it came; `None`: NoData.
    pub header: OnceLock<Option<Bytes>>,
}

/// One reply owed. `R` is what the session keeps about a running statement.
#[derive(Debug)]
pub enum Owed<R> {
    /// Everything up to ReadyForQuery, for a simple Query.
    Query(Box<R>),
    /// ParseComplete.
    Parse {
        /// Statement name, to forget it if it fails.
        name: Bytes,
    },
    /// BindComplete.
    Bind {
        /// Portal name, to forget it if it fails.
        portal: Bytes,
    },
    /// ParameterDescription, then RowDescription or NoData.
    DescribeStatement {
        /// Filled from the answer.
        description: Arc<Description>,
        /// The client asked; otherwise we did, and the answer is swallowed.
        for_client: bool,
    },
    /// RowDescription or NoData.
    DescribePortal,
    /// Rows or COPY, then CommandComplete, EmptyQueryResponse or PortalSuspended.
    Execute(Box<R>),
    /// CloseComplete.
    Close,
    /// ReadyForQuery.
    Sync {
        /// The client sent it; otherwise we did, and the answer is swallowed.
        for_client: bool,
    },
    /// Nothing from the upstream: these bytes of ours go to the client when their turn comes.
    Local(Bytes),
}

/// The queue.
#[derive(Debug)]
pub struct Ledger<R> {
    owed: VecDeque<Owed<R>>,
}

impl<R> Default for Ledger<R> {
    fn default() -> Self {
        Self { owed: VecDeque::new() }
    }
}

impl<R> Ledger<R> {
    /// Adds a reply that a message just sent will bring.
    pub fn push(&mut self, owed: Owed<R>) {
        self.owed.push_back(owed);
    }

    /// The reply that the next message belongs to.
    pub fn front_mut(&mut self) -> Option<&mut Owed<R>> {
        self.owed.front_mut()
    }

    /// Takes the reply whose last message came.
    pub fn pop(&mut self) -> Option<Owed<R>> {
        self.owed.pop_front()
    }

    /// Nothing is owed.
    pub fn is_empty(&self) -> bool {
        self.owed.is_empty()
    }

    /// Behind the present reply the client's Sync is next: nothing else runs in its transaction.
    pub fn ends_here(&self) -> bool {
        matches!(self.owed.get(1), Some(Owed::Sync { for_client: true }))
    }

    /// How many replies are owed.
    pub fn len(&self) -> usize {
        self.owed.len()
    }

    /// After an error in the extended protocol the server skips to the next Sync (manual, "Extended Query"): takes all
    /// that will not be answered. The flag tells whether the next Sync in the queue is the client's; if not, the client's
    /// messages are to be skipped until it sends one.
    pub fn skip_to_sync(&mut self) -> (Vec<Owed<R>>, bool) {
        let mut skipped = Vec::new();
        while let Some(front) = self.owed.front() {
            if let Owed::Sync { for_client } = front {
                return (skipped, *for_client);
            }
            skipped.extend(self.owed.pop_front());
        }
        (skipped, false)
    }

    /// COPY FROM STDIN in the extended protocol makes the server ignore every Sync it has already been sent (manual, "COPY
    /// Operations"): takes them out.
    pub fn forget_syncs(&mut self) {
        self.owed.retain(|owed| !matches!(owed, Owed::Sync { .. }));
    }

    /// The statements among what is owed, in order.
    pub fn running(&self) -> impl Iterator<Item = &R> {
        self.owed.iter().filter_map(|owed| match owed {
            Owed::Query(running) | Owed::Execute(running) => Some(&**running),
            _ => None,
        })
    }

    /// Everything, at the end of a session.
    pub fn take_all(&mut self) -> impl Iterator<Item = Owed<R>> + use<R> {
        std::mem::take(&mut self.owed).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_skips_to_the_sync_and_keeps_it() {
        let mut ledger: Ledger<()> = Ledger::default();
        ledger.push(Owed::Parse { name: Bytes::new() });
        ledger.push(Owed::Execute(Box::new(())));
        ledger.push(Owed::Sync { for_client: true });
        let (skipped, found) = ledger.skip_to_sync();
        assert_eq!((skipped.len(), found, ledger.len()), (2, true, 1));
    }

    #[test]
    fn error_without_a_sync_says_so() {
        let mut ledger: Ledger<()> = Ledger::default();
        ledger.push(Owed::Close);
        assert!(!ledger.skip_to_sync().1);
    }
}
