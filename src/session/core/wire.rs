//! What a protocol brings so that judging and holding can be written once, for both.

use bytes::Bytes;

use crate::gate::desk::ticket::Ticket;
use crate::identity::ids::ApprovalId;
use crate::policy::judge::Evidence;
use crate::session::core::{Core, End, Transaction};
use crate::session::judge::{Judged, Judgement};
use crate::statement::scope::Scope;

/// One protocol's session, as judging and holding see it.
pub(in crate::session) trait Wire: Send {
    /// The parts that know no protocol.
    fn core(&mut self) -> &mut Core;

    /// The transaction as the server last told; a pipeline that has begun counts as one.
    fn transaction(&self) -> Transaction;

    /// Waits until the upstream owes nothing, with nothing of the proxy's own left open there. Not cancel safe.
    fn settle(&mut self) -> impl Future<Output = Result<(), End>> + Send;

    /// Asks the server for what decides reading. `None`: it cannot be asked now. Only called while nothing is owed.
    fn ask_scope(&mut self) -> impl Future<Output = Result<Option<Scope>, End>> + Send;

    /// The planner's word on one statement of a text, without parameters. The inner error is the upstream's own, as a message.
    fn ask_estimate(&mut self, one: &Judgement) -> impl Future<Output = Result<Result<Evidence, Bytes>, End>> + Send;

    /// The upstream's error for a statement that it would not plan, re-worded if it touches classified columns.
    fn reword(&self, judged: &Judged, error: &[u8]) -> Bytes;

    /// Does this error of the upstream's say that its role may not do what was asked?
    fn lacks_privilege(&self, error: &[u8]) -> bool;

    /// What the open transaction holds locked and who waits for it, in words for an approver. `None`: nothing is open, or the
    /// upstream cannot be asked.
    fn lock_situation(&mut self) -> impl Future<Output = Result<Option<String>, End>> + Send;

    /// One turn of watching both sides while a statement is held. Cancel safe: no byte is lost.
    fn held_turn(&mut self) -> impl Future<Output = Result<(), End>> + Send;

    /// Tells the client, where the protocol can, that it waits, and keeps the upstream from timing out.
    fn beat(&mut self, approval: &ApprovalId);

    /// Tells the client where it can be decided, if it wants to be told.
    fn announce(&mut self, ticket: &Ticket);
}
