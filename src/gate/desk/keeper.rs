//! The desk's task: gathers commands and deadlines into batches, makes each batch durable, then tells.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::audit::event::Event;
use crate::gate::approval::State;
use crate::gate::desk::batch::{Batch, Staged};
use crate::gate::desk::command::{Command, Reply};
use crate::gate::desk::store::ApprovalWrite;
use crate::gate::desk::{Change, Desk};
use crate::gate::life::End;
use crate::gate::refusal::Refusal;
use crate::gate::release::Release;
use crate::identity::ids::ApprovalId;
use crate::identity::store::StoreError;

/// A system clock that jumps ahead is noticed within this time, and a failed write is tried again after it.
const LOOK_EVERY: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 1000 });

impl Desk {
    /// Makes every change until `shutdown` is ready; then refuses what is left and tells waiting clients that the desk is
    /// gone. Runs once; a second call returns at once.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        let Some(mut inbox) = self.inbox.lock().take() else { return };
        let mut shutdown = std::pin::pin!(shutdown);
        let mut carried: Option<Command> = None;
        let mut look_at = Instant::now();
        loop {
            let mut batch = Batch::default();
            let sweeping = Instant::now() >= look_at;
            if sweeping {
                look_at = self.stage_due(&mut batch);
            }
            self.gather(&mut batch, &mut carried, &mut inbox).await;
            if !batch.is_empty() {
                if self.commit(batch).await {
                    look_at = Instant::now();
                }
                continue;
            }
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                command = inbox.recv() => match command {
                    Some(command) => carried = Some(command),
                    None => break,
                },
                () = tokio::time::sleep_until(look_at) => {}
            }
        }
        drop(inbox);
        self.board.close();
    }

    async fn gather(&self, batch: &mut Batch, carried: &mut Option<Command>, inbox: &mut mpsc::Receiver<Command>) {
        while let Some(command) = carried.take().or_else(|| inbox.try_recv().ok()) {
            if batch.must_wait(&command) {
                *carried = Some(command);
                return;
            }
            self.stage(command, batch).await;
        }
    }

    /// Stages what its time has come for; gives the moment to look again.
    fn stage_due(&self, batch: &mut Batch) -> Instant {
        let now = self.parts.clock.now();
        let (due, next) = self.board.due(now);
        for approval in due {
            let ended = match approval.state {
                State::Pending => approval.expire(approval.expires_at.max(now)),
                _ => approval.lapse(approval.use_by.unwrap_or(now).max(now)),
            };
            let Ok(next) = ended else { continue };
            let event = state_event(&next.id, next.state, None);
            batch.change(&approval, next, vec![event]);
        }
        let orphans = std::mem::take(&mut *self.orphans.lock());
        for (id, end) in orphans {
            let finished = self.board.get(&id).and_then(|approval| Some((approval.finish(&end, now).ok()?, approval)));
            let Some((next, approval)) = finished else { continue };
            let event = state_event(&id, next.state, Some("nobody was left to say how it ended".to_owned()));
            batch.change(&approval, next, vec![event]);
            // Taken off the list for good only when it is no longer executing: until then it is found again here.
            self.orphans.lock().push((id, end));
        }
        let latest = Instant::now() + LOOK_EVERY;
        next.map_or(latest, |next| next.min(latest))
    }

    /// Makes a batch durable and tells everyone. `false`: it could not be kept, and nothing has changed.
    async fn commit(&self, batch: Batch) -> bool {
        let Batch { staged, replies, .. } = batch;
        let kept = self.keep(&staged).await;
        let positions = match kept {
            Ok(positions) => positions,
            Err(why) => {
                tracing::error!(why, "approvals cannot be kept");
                replies.into_iter().for_each(|reply| reply.fail(&why));
                return false;
            }
        };
        let now = self.parts.clock.now();
        for (staged, seq) in staged.into_iter().zip(positions) {
            let Staged { next, fate, .. } = staged;
            let change = Change { id: next.id.clone(), version: next.version, state: next.state, seq };
            self.board.put(next, now, fate);
            let _ = self.changes.send(change);
        }
        replies.into_iter().for_each(|reply| self.answer(reply));
        true
    }

    /// Audit first, then the store. Gives for each change the position of its last audit record.
    async fn keep(&self, staged: &[Staged]) -> Result<Vec<u64>, String> {
        if staged.is_empty() {
            return Ok(Vec::new());
        }
        let events: Vec<Event> = staged.iter().flat_map(|staged| staged.events.clone()).collect();
        let recorded = self.parts.audit.record_all_durable(events).await.map_err(|error| error.to_string())?;
        let mut recorded = recorded.into_iter();
        let last = |staged: &Staged| recorded.by_ref().take(staged.events.len()).last().unwrap_or_default();
        let positions = staged.iter().map(last).collect();
        let write = |staged: &Staged| ApprovalWrite { approval: staged.next.clone(), expected: staged.expected };
        if let Err(error) = self.parts.approvals.commit(staged.iter().map(write).collect()).await {
            self.recover(staged, &error);
            return Err(error.to_string());
        }
        Ok(positions)
    }

    /// A write failed after the audit announced it: say so there, and believe the store rather than memory.
    fn recover(&self, staged: &[Staged], error: &StoreError) {
        for staged in staged {
            let id = &staged.next.id;
            let event = Event::ApprovalUnchanged { approval: id.clone(), why: error.to_string() };
            if let Err(error) = self.parts.audit.record(event) {
                tracing::error!(%error, approval = %id, "a failed change cannot be recorded");
            }
            match self.parts.approvals.approval(id) {
                Ok(Some(stored)) => {
                    let executing = |state: Option<State>| state == Some(State::Executing);
                    let before = self.board.get(id).map(|approval| approval.state);
                    if executing(Some(stored.state)) && !executing(before) {
                        // It was spent after all, and its release was never given: it cannot have run.
                        self.orphans.lock().push((id.clone(), End::default()));
                    }
                    self.board.put(stored, self.parts.clock.now(), None);
                }
                Ok(None) => self.board.forget(id),
                // FAIL CLOSED: memory may be behind the store; the next change of this approval is then refused by it.
                Err(error) => tracing::error!(%error, approval = %id, "an approval cannot be read again"),
            }
        }
    }

    fn answer(&self, reply: Reply) {
        match reply {
            Reply::Ticket { id, session, reply } => {
                let ticket = self.board.attach(&id, session);
                let answer = ticket.ok_or_else(|| Refusal::unavailable(Some(&id), "the approval ended just now"));
                drop(reply.send(answer));
            }
            Reply::Release { id, digest, reply } => {
                let release = Release::new(Some(id.clone()), digest);
                if reply.send(Ok(release)).is_err() {
                    self.orphans.lock().push((id, End::default()));
                }
            }
            Reply::Approval { id, reply } => {
                let found = self.get(&id).map_err(|error| error.to_string());
                let answer = found.and_then(|found| found.ok_or_else(|| "it cannot be read again".to_owned()));
                drop(reply.send(answer.map_err(crate::gate::decision::DecisionError::Store)));
            }
            Reply::Done { reply } => drop(reply.send(Ok(()))),
        }
    }
}

pub(super) fn state_event(id: &ApprovalId, state: State, why: Option<String>) -> Event {
    Event::ApprovalState { approval: id.clone(), state: state.as_str().to_owned(), why }
}
