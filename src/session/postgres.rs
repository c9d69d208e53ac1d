//! One PostgreSQL session after login: client frames are judged and sent on, answers are masked and passed back.
//!
//! One task runs all of it; every wait is a `Session::pump`, which goes on watching both sides, the cancel key and shutdown.

mod answers;
mod ask;
mod elevate;
mod extended;
mod hold;
mod judging;
mod local;
mod overflow;
mod rows;
mod simple;
mod statements;
mod tell;

use std::sync::Arc;

use bytes::Bytes;

use crate::pg::ledger::Ledger;
use crate::pg::{compose, frame};
use crate::session::cancel;
use crate::session::core::elevate::Elevated;
use crate::session::core::{Cancellable, Core, End, Opened};
use crate::session::keeper::Keeper;
use crate::session::login::Established;
use crate::session::postgres::statements::{Extended, Running};
use crate::session::services::Services;
use crate::session::stream::link::{Interest, Link, MARK, Turn};
use crate::session::stream::{ClientStream, UpstreamStream};

/// Client frames are not taken up while this many replies are owed: a pipeline that long waits.
const OWED_MAX: usize = 10_000;

/// One session.
///
/// ```text
/// client frame -> judging -> allow: sent on, a reply is owed (pg::ledger)
///                         -> hold:  nothing upstream is open while a person thinks; then sent on, or refused
///                         -> deny:  refused
/// upstream frame -> belongs to the first reply owed -> rows through their mask plan -> client
/// ```
pub struct Session {
    core: Core,
    link: Link<ClientStream, UpstreamStream>,
    /// Transaction status of the last ReadyForQuery: `I`, `T`, `E`.
    status: u8,
    ledger: Ledger<Running>,
    extended: Extended,
    /// COPY FROM STDIN is under way.
    copy_in: bool,
    /// A released statement runs in another role than the session's own.
    elevated: Option<Elevated>,
    /// The row that would cross the ceiling is waiting in `from_upstream`.
    overflow: bool,
    /// Bytes of a large message that are passed on as they come.
    passing: usize,
}

impl Session {
    /// Takes over two authenticated sides.
    pub fn new(established: Established, services: Arc<Services>, keeper: Arc<Keeper>) -> Self {
        let mut link = Link::new(established.client, established.upstream, established.leftovers);
        link.from_upstream = established.upstream_leftovers;
        let opened = Opened {
            id: established.session,
            agent: established.agent,
            database: established.database,
            protocol: "postgres",
            role: established.database_settings.upstream.user.clone(),
            client_addr: established.peer.to_string(),
            cancel: Cancellable::Key(established.cancel),
            places: established.places,
            application_name: established.application_name,
            claims: established.claims,
        };
        Self {
            core: Core::new(opened, services, keeper),
            link,
            status: b'I',
            ledger: Ledger::default(),
            extended: Extended::default(),
            copy_in: false,
            elevated: None,
            overflow: false,
            passing: 0,
        }
    }

    /// Runs until one side ends it. Not cancel safe: dropping it drops the connection, and leaves spent approvals `unknown`.
    pub async fn run(mut self) -> End {
        let end = loop {
            if let Err(end) = self.step().await {
                break end;
            }
        };
        self.close(&end).await;
        end
    }

    /// Takes up what has come from both sides, then waits for more.
    async fn step(&mut self) -> Result<(), End> {
        loop {
            self.answers()?;
            if self.overflow {
                self.hold_in_mid_result().await?;
                continue;
            }
            if let (Some(why), true) = (&self.core.ending, self.ledger.is_empty()) {
                return Err(End::Proxy(why.clone()));
            }
            if self.core.has_untold() {
                self.core.tell_untold().await;
            }
            if self.is_to_be_lowered() {
                self.lower().await?;
                continue;
            }
            let Some(message) = self.next_client_frame()? else { break };
            self.on_client(message).await?;
        }
        if self.ledger.is_empty() && self.core.services.draining.is_cancelled() && self.status == b'I' {
            return Err(End::Proxy("shutting down".to_owned()));
        }
        self.pump().await
    }

    /// One whole frame from the client, if there is one and it may be taken up now.
    fn next_client_frame(&mut self) -> Result<Option<Bytes>, End> {
        if self.ledger.len() >= OWED_MAX || self.link.to_upstream.len() >= MARK {
            return Ok(None);
        }
        let max = self.core.services.config.limits.message_bytes_max;
        match frame::peek(&self.link.from_client, max) {
            // COPY data sent ahead of its CopyInResponse (asyncpg does): where it belongs is known when that has come.
            Ok(Some(head)) if matches!(head.kind, b'd' | b'c' | b'f') && !self.copy_in && !self.ledger.is_empty() => {
                Ok(None)
            }
            Ok(Some(head)) if self.link.from_client.len() >= head.len => {
                Ok(Some(self.link.from_client.split_to(head.len).freeze()))
            }
            Ok(_) => Ok(None),
            Err(error) => Err(End::ClientFault(error.to_string())),
        }
    }

    /// Waits for the next thing to happen on either side, and takes up the upstream's answers. Client bytes are only collected.
    ///
    /// Cancel safe: no byte is lost.
    async fn pump(&mut self) -> Result<(), End> {
        let interest = self.interest();
        let turn = tokio::select! {
            turn = self.link.turn(interest) => turn,
            () = self.core.cancel.handle().requested() => {
                // With nothing under way there is nothing to cancel, and a late request would hit the next statement.
                if !self.ledger.is_empty() {
                    drop(self.cancel_upstream());
                }
                return Ok(());
            }
            () = self.core.services.draining.cancelled(), if self.status == b'I' && self.ledger.is_empty() => return Ok(()),
        };
        self.on_turn(&turn)?;
        self.answers()
    }

    /// A client that does not get its answers is not read further than one message.
    fn interest(&self) -> Interest {
        let max = self.core.services.config.limits.message_bytes_max;
        let wanted = match frame::peek(&self.link.from_client, max) {
            Ok(Some(head)) if self.link.from_client.len() < head.len => head.len,
            _ => MARK,
        };
        Interest { client: self.link.from_client.len() < wanted.max(MARK), upstream: !self.overflow }
    }

    fn on_turn(&mut self, turn: &Turn) -> Result<(), End> {
        match turn {
            Turn::ClientGone => Err(End::ClientLeft),
            Turn::UpstreamGone => Err(End::UpstreamLeft),
            Turn::Client | Turn::Upstream | Turn::Drained => Ok(()),
        }
    }

    /// Waits until the upstream owes nothing any more.
    async fn drain(&mut self) -> Result<(), End> {
        if !self.ledger.is_empty() && self.extended.unsynced {
            self.link.to_upstream.extend_from_slice(&compose::FLUSH);
        }
        loop {
            self.answers()?;
            if self.overflow {
                self.hold_in_mid_result().await?;
            } else if self.ledger.is_empty() {
                return Ok(());
            } else {
                self.pump().await?;
            }
        }
    }

    /// Asks the upstream to cancel, beside the session. Best effort, as cancelling always is (manual, "Canceling Requests").
    fn cancel_upstream(&self) -> tokio::task::JoinHandle<()> {
        let handle = self.core.cancel.handle().clone();
        tokio::spawn(async move {
            if let Err(error) = cancel::send_upstream(&handle).await {
                tracing::warn!(%error, "a cancel request did not reach the upstream");
            }
        })
    }

    /// Sends one client frame where it belongs.
    async fn on_client(&mut self, message: Bytes) -> Result<(), End> {
        let kind = message.first().copied().unwrap_or(0);
        if kind == b'X' {
            self.link.to_upstream.extend_from_slice(&message);
            return Err(End::ClientLeft);
        }
        if self.copy_in {
            return self.on_copy_in(kind, &message);
        }
        if self.extended.skipping && kind != b'S' {
            return Ok(());
        }
        self.lower_before(kind, &message).await?;
        self.settle_stash(kind, &message).await?;
        // What was stashed may have taken a role, and this may be about something else.
        self.lower_before(kind, &message).await?;
        if self.extended.skipping && kind != b'S' {
            return Ok(());
        }
        match kind {
            b'Q' => self.on_query(&message).await,
            b'P' => self.on_parse(&message).await,
            b'B' => self.on_bind(&message).await,
            b'D' => self.on_describe(&message),
            b'E' => self.on_execute(&message).await,
            b'C' => self.on_close(&message),
            b'H' => self.on_flush(),
            b'S' => self.on_sync(),
            // Left over from a COPY that failed: the server ignores them outside COPY, so do we.
            b'd' | b'c' | b'f' => Ok(()),
            b'F' => self.refuse_function_call().await,
            other => {
                Err(End::ClientFault(format!("message type `{}` is not known", char::from(other).escape_default())))
            }
        }
    }

    /// Tells both sides, closes approvals and the audit. What nobody waits for any more is stopped upstream.
    async fn close(&mut self, end: &End) {
        let abandoned = Core::abandons(end, self.status != b'I', self.ledger.running());
        self.tell_end(end).await;
        let limit = std::time::Duration::from_secs(2);
        if let Some(message) = self.farewell(end) {
            self.link.to_client.extend_from_slice(&message);
        }
        if !matches!(end, End::ClientLeft) {
            self.link.to_upstream.extend_from_slice(&compose::TERMINATE);
        }
        let _ = tokio::time::timeout(limit, self.link.finish_client()).await;
        if abandoned {
            cancel::abandon(self.core.cancel.handle(), &mut self.link).await;
        } else {
            let _ = tokio::time::timeout(limit, self.link.finish_upstream()).await;
        }
    }
}
