//! What each command amounts to: checks, the next approval, the audit's words. Nothing is kept or told here.

use crate::audit::event::Event;
use crate::gate::approval::{Approval, Request, State, Verdict};
use crate::gate::decision::{Decision, DecisionError};
use crate::gate::desk::batch::Batch;
use crate::gate::desk::command::{Answer, Command, Reply};
use crate::gate::desk::keeper::state_event;
use crate::gate::desk::ticket::{Settled, Ticket};
use crate::gate::desk::{Desk, DeskError, SpendCheck};
use crate::gate::life::{Decided, LifeError, Times};
use crate::gate::quorum::{self, Chain};
use crate::gate::refusal::{Refusal, one_line};
use crate::identity::ids::{AgentName, ApprovalId, PersonName, SessionId};
use crate::identity::person::Person;
use crate::identity::store::StoreError;

const AGENT_UNREADABLE: &str = "the agent cannot be looked up";

impl Desk {
    pub(super) async fn stage(&self, command: Command, batch: &mut Batch) {
        match command {
            Command::Open { request, times, reply } => self.stage_open(*request, times, reply, batch),
            Command::Spend { id, number, session, check, reply } => match self.spent(&id, number, session, &check) {
                Ok((approval, next, events)) => {
                    batch.change(&approval, next, events);
                    batch.replies.push(Reply::Release { id, digest: check.digest, reply });
                }
                Err(refusal) => drop(reply.send(Err(refusal))),
            },
            Command::Finish { id, end, reply } => {
                let now = self.parts.clock.now();
                self.stage_end(&id, |approval| approval.finish(&end, now), None, reply, batch);
            }
            Command::Withdraw { id, number: Some(number), reply, .. } if !self.board.is_current(&id, number) => {
                drop(reply.send(Ok(())));
            }
            Command::Withdraw { id, why, reply, .. } => {
                let now = self.parts.clock.now();
                let why = Some(one_line(&why, 200));
                self.stage_end(&id, |approval| approval.withdraw(now), why, reply, batch);
            }
            Command::Decide { id, decision, reply } => self.stage_decision(id, &decision, reply, batch),
            Command::Comment { id, person, text, via, reply } => match self.commented(&id, &person, &text, &via) {
                Ok((approval, next, events)) => {
                    batch.change(&approval, next, events);
                    batch.replies.push(Reply::Approval { id, reply });
                }
                Err(error) => drop(reply.send(Err(error))),
            },
            Command::Revoke { id, person, reason, reply } => match self.revoked(&id, &person, reason) {
                Ok((approval, next, events)) => {
                    batch.change(&approval, next, events);
                    batch.replies.push(Reply::Approval { id, reply });
                }
                Err(error) => self.refuse_decision(&id, &person.name, error, reply),
            },
            Command::Kill { agent, on, by, reply } => self.stage_kill(&agent, on, &by, reply, batch).await,
        }
    }

    fn stage_open(&self, request: Request, times: Times, reply: Answer<Ticket, Refusal>, batch: &mut Batch) {
        let session = request.requester.session;
        match self.opened(request, times, batch) {
            Ok(id) => batch.replies.push(Reply::Ticket { id, session, reply }),
            Err(refusal) => drop(reply.send(Err(refusal))),
        }
    }

    /// The approval to wait for: the open one of the same agent and digest, or a new one.
    fn opened(&self, request: Request, times: Times, batch: &mut Batch) -> Result<ApprovalId, Refusal> {
        let agent = request.requester.agent.clone();
        self.check_enabled(&agent, None)?;
        let key = (agent.clone(), request.digest.clone());
        let now = self.parts.clock.now();
        let known = self.board.find(&key).and_then(|id| self.board.get(&id)).filter(|approval| match approval.state {
            State::Pending => now < approval.expires_at,
            State::Approved => approval.use_by.is_some_and(|use_by| now < use_by),
            _ => false,
        });
        // Taking over a wait adds none.
        if !known.as_ref().is_some_and(|known| known.waiting) {
            self.check_waiting(&agent, batch)?;
            batch.promise(&agent);
        }
        if let Some(id) = batch.opened(&key).or(known.map(|known| known.id)) {
            return Ok(id);
        }
        if self.board.pending_of(&agent) + batch.opened_by(&agent) >= self.parts.limits.pending_max_per_agent {
            return Err(Refusal::unavailable(None, "too many requests of this agent are undecided"));
        }
        self.paces.lock().ask(&agent, &self.parts.limits.pace, now)?;
        let approval = Approval::new(ApprovalId::from_random(rand::random()), request, times, now);
        let event = Event::ApprovalRequested {
            approval: approval.id.clone(),
            agent,
            digest: approval.request.digest.clone(),
            rules: approval.request.hits.iter().filter(|hit| hit.enforced).map(|hit| hit.rule.0.clone()).collect(),
        };
        let id = approval.id.clone();
        batch.create(approval, event);
        Ok(id)
    }

    fn check_waiting(&self, agent: &AgentName, batch: &Batch) -> Result<(), Refusal> {
        let limits = self.parts.limits;
        if self.board.waiting(Some(agent)) + batch.promised(Some(agent)) >= limits.waiting_max_per_agent {
            return Err(Refusal::unavailable(None, "too many statements of this agent are waiting for approval"));
        }
        if self.board.waiting(None) + batch.promised(None) >= limits.waiting_max {
            return Err(Refusal::unavailable(None, "too many statements are waiting for approval"));
        }
        Ok(())
    }

    fn check_enabled(&self, agent: &AgentName, id: Option<&ApprovalId>) -> Result<(), Refusal> {
        match self.parts.agents.agent(agent) {
            Ok(Some(found)) if !found.disabled => Ok(()),
            Ok(_) => Err(Refusal::disabled(agent, id)),
            // FAIL CLOSED: a kill switch that cannot be read counts as pulled for this moment.
            Err(_) => Err(Refusal::unavailable(id, AGENT_UNREADABLE)),
        }
    }

    fn spent(
        &self,
        id: &ApprovalId,
        number: u64,
        session: SessionId,
        check: &SpendCheck,
    ) -> Result<(Approval, Approval, Vec<Event>), Refusal> {
        let Some(approval) = self.board.get(id) else {
            return Err(match self.parts.approvals.approval(id) {
                Ok(Some(ended)) => Refusal::revoked(&ended),
                _ => Refusal::unavailable(Some(id), "the approval cannot be read"),
            });
        };
        let agent = &approval.request.requester.agent;
        self.check_enabled(agent, Some(id))?;
        if approval.state == State::Approved && !self.board.is_current(id, number) {
            return Err(Refusal::superseded(id));
        }
        let next = approval.spend(&check.digest, &check.rules_version, self.parts.clock.now());
        let next = next.map_err(|error| match error {
            LifeError::Changed if check.rules_version != approval.request.rules_version => {
                Refusal::changed(id, "the rules")
            }
            LifeError::Changed => Refusal::changed(id, "the statement or its settings"),
            LifeError::Not(State::Pending) => Refusal::unavailable(Some(id), "it is not approved yet"),
            _ => Refusal::revoked(&approval),
        })?;
        let intent = Event::Intent {
            session,
            statement: check.statement,
            agent: agent.clone(),
            approval: id.clone(),
            digest: check.digest.clone(),
        };
        Ok((approval, next, vec![intent]))
    }

    fn stage_end(
        &self,
        id: &ApprovalId,
        end: impl FnOnce(&Approval) -> Result<Approval, LifeError>,
        why: Option<String>,
        reply: Answer<(), DeskError>,
        batch: &mut Batch,
    ) {
        let ended = self.known(id).and_then(|approval| match end(&approval) {
            Ok(next) => Ok((approval, next)),
            Err(_) => Err(DeskError::Not(approval.state)),
        });
        match ended {
            Ok((approval, next)) => {
                let event = state_event(id, next.state, why);
                batch.change(&approval, next, vec![event]);
                batch.replies.push(Reply::Done { reply });
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn known(&self, id: &ApprovalId) -> Result<Approval, DeskError> {
        let found = self.get(id).map_err(|error| DeskError::Unavailable(error.to_string()))?;
        found.ok_or(DeskError::NotFound)
    }

    fn stage_decision(
        &self,
        id: ApprovalId,
        decision: &Decision,
        reply: Answer<Approval, DecisionError>,
        batch: &mut Batch,
    ) {
        match self.decided(&id, decision) {
            Ok((approval, Decided::Changed(next))) => {
                let mut events = vec![decision_event(&next, decision)];
                if next.state == State::Denied {
                    let (agent, now) = (&next.request.requester.agent, self.parts.clock.now());
                    self.paces.lock().denied(agent, &self.parts.limits.pace, now);
                }
                if next.state != approval.state {
                    events.push(state_event(&id, next.state, None));
                }
                batch.change(&approval, *next, events);
                batch.replies.push(Reply::Approval { id, reply });
            }
            Ok((approval, Decided::Unchanged)) => drop(reply.send(Ok(approval))),
            Err(error) => self.refuse_decision(&id, &decision.person.name, error, reply),
        }
    }

    fn decided(&self, id: &ApprovalId, decision: &Decision) -> Result<(Approval, Decided), DecisionError> {
        let approval = self.for_decision(id)?;
        let chain = self.chain(&approval).map_err(|error| DecisionError::Store(error.to_string()))?;
        let decided = approval.decide(decision, &chain, self.parts.clock.now())?;
        Ok((approval, decided))
    }

    fn commented(
        &self,
        id: &ApprovalId,
        person: &Person,
        text: &str,
        via: &str,
    ) -> Result<(Approval, Approval, Vec<Event>), DecisionError> {
        let approval = self.for_decision(id)?;
        let next = approval.comment(person, text, via, self.parts.clock.now())?;
        let text = next.comments.last().map(|comment| comment.text.clone()).unwrap_or_default();
        let event =
            Event::ApprovalCommented { approval: id.clone(), person: person.name.clone(), text, via: via.to_owned() };
        Ok((approval, next, vec![event]))
    }

    fn revoked(
        &self,
        id: &ApprovalId,
        person: &Person,
        reason: Option<String>,
    ) -> Result<(Approval, Approval, Vec<Event>), DecisionError> {
        let approval = self.for_decision(id)?;
        let chain = self.chain(&approval).map_err(|error| DecisionError::Store(error.to_string()))?;
        if !chain.holds(&person.name) && !quorum::is_approver(&approval.request.stages, &person.groups) {
            return Err(DecisionError::NotAnApprover);
        }
        let next = approval.revoke().map_err(|_| approval.already_decided())?;
        let said = reason.map(|reason| one_line(&reason, 200));
        let why = format!("revoked by {}{}", person.name, said.map(|said| format!(": {said}")).unwrap_or_default());
        let event = state_event(id, next.state, Some(why));
        Ok((approval, next, vec![event]))
    }

    /// Could this person, proved like this, say yes to this request as it is now? For surfaces that explain why they show no buttons: nothing is
    /// recorded, and [`Desk::decide`] checks again.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub fn may_decide(&self, approval: &Approval, person: &Person, assurance: &str) -> Result<(), DecisionError> {
        let chain = self.chain(approval).map_err(|error| DecisionError::Store(error.to_string()))?;
        let decision = Decision {
            person: person.clone(),
            verdict: Verdict::Approve,
            reason: None,
            via: String::new(),
            assurance: assurance.to_owned(),
            digest: None,
            if_version: None,
        };
        approval.check(&decision, &chain, self.parts.clock.now())
    }

    fn for_decision(&self, id: &ApprovalId) -> Result<Approval, DecisionError> {
        let found = self.get(id).map_err(|error| DecisionError::Store(error.to_string()))?;
        found.ok_or(DecisionError::NotFound)
    }

    /// Who stands behind a request, by what was true when it was made and by what is true now.
    fn chain(&self, approval: &Approval) -> Result<Chain, StoreError> {
        let requester = &approval.request.requester;
        let agent = self.parts.agents.agent(&requester.agent)?;
        Chain::of(requester, agent.as_ref(), |person| self.parts.tokens.issuers_of(person))
    }

    fn refuse_decision(
        &self,
        id: &ApprovalId,
        person: &PersonName,
        error: DecisionError,
        reply: Answer<Approval, DecisionError>,
    ) {
        let event = Event::DecisionRefused { approval: id.clone(), person: person.clone(), why: error.to_string() };
        if let Err(error) = self.parts.audit.record(event) {
            tracing::error!(%error, approval = %id, "a refused decision cannot be recorded");
        }
        drop(reply.send(Err(error)));
    }

    async fn stage_kill(
        &self,
        agent: &AgentName,
        on: bool,
        by: &Person,
        reply: Answer<(), DeskError>,
        batch: &mut Batch,
    ) {
        batch.close();
        if let Err(error) = self.switch(agent, on, by).await {
            drop(reply.send(Err(error)));
            return;
        }
        let now = self.parts.clock.now();
        let of_agent = self.board.all().into_iter().filter(|open| on && open.request.requester.agent == *agent);
        for approval in of_agent {
            let ended = match approval.state {
                State::Pending => approval.withdraw(now),
                _ => approval.revoke(),
            };
            let Ok(next) = ended else { continue };
            let event = state_event(&next.id, next.state, Some(format!("agent switched off by {}", by.name)));
            batch.change_with_fate(&approval, next, vec![event], Settled::Disabled);
        }
        batch.replies.push(Reply::Done { reply });
    }

    /// Audit first, then the switch.
    async fn switch(&self, agent: &AgentName, on: bool, by: &Person) -> Result<(), DeskError> {
        let unavailable = |error: String| DeskError::Unavailable(error);
        let known = self.parts.agents.agent(agent).map_err(|error| unavailable(error.to_string()))?;
        known.ok_or(DeskError::NotFound)?;
        let what = format!("agent {agent} switched {}", if on { "off" } else { "on" });
        let event = Event::IdentityChanged { by: by.name.clone(), what };
        self.parts.audit.record_durable(event).await.map_err(|error| unavailable(error.to_string()))?;
        let set = self.parts.agents.set_agent_disabled(agent.clone(), on).await;
        set.map_err(|error| unavailable(error.to_string()))
    }
}

fn decision_event(approval: &Approval, decision: &Decision) -> Event {
    let verdict = match decision.verdict {
        Verdict::Approve => "approve",
        Verdict::Deny => "deny",
    };
    let review = approval.last_review(decision.verdict);
    Event::ApprovalDecided {
        approval: approval.id.clone(),
        person: decision.person.name.clone(),
        verdict: verdict.to_owned(),
        via: decision.via.clone(),
        assurance: decision.assurance.clone(),
        reason: review.and_then(|review| review.reason.clone()),
        digest: approval.request.digest.clone(),
    }
}
