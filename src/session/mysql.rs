//! One MySQL session after login: client commands are judged and sent on, answers are masked and passed back.
//!
//! One task runs all of it; every wait is a `Session::pump`, which goes on watching both sides, the cancel key and shutdown.
//! A command is taken up when the answer to the one before it is over, so nothing overtakes a held statement.

mod answers;
mod ask;
mod control;
mod hold;
mod judging;
mod local;
mod overflow;
mod prepared;
mod results;
mod rows;
mod simple;
mod tell;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::BytesMut;

use crate::mysql::command::Command;
use crate::mysql::compose;
use crate::mysql::frame::{self, Sequence};
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::packets::ok::Status;
use crate::mysql::refusal::{self, OwnError};
use crate::session::cancel;
use crate::session::core::elevate::Elevated;
use crate::session::core::{Cancellable, Core, End, KILLED, Opened};
use crate::session::keeper::Keeper;
use crate::session::login::mysql::MysqlEstablished;
use crate::session::login::mysql::change_user::Again;
use crate::session::mysql::answers::{Diagnostics, Underway};
use crate::session::mysql::prepared::Prepared;
use crate::session::services::Services;
use crate::session::shared::Shared;
use crate::session::stream::link::{Interest, Link, MARK, Turn};
use crate::session::stream::{ClientStream, UpstreamStream};

/// One session.
///
/// ```text
/// client command -> judging -> allow: sent on, its answer is under way (mysql::ledger)
///                           -> hold:  nothing upstream is open while a person thinks; then sent on, or refused
///                           -> deny:  refused
/// upstream packet -> belongs to the command under way -> rows through their mask plan -> client
/// ```
pub struct Session {
    core: Core,
    link: Link<ClientStream, UpstreamStream>,
    /// Agreed with the client.
    client: Capabilities,
    /// Agreed with the upstream.
    upstream: Capabilities,
    /// Sequence number of the next packet for the client.
    turn: Sequence,
    /// Status of the last OK or EOF.
    status: Status,
    /// The command whose answer is coming.
    underway: Option<Underway>,
    /// Prepared statements by the number that the client knows.
    prepared: HashMap<u32, Prepared>,
    /// The statement prepared last: MariaDB's clients name it -1.
    last_prepared: Option<u32>,
    /// Statements answered by the proxy get numbers of their own.
    next_local: u32,
    /// What SHOW WARNINGS may tell.
    diagnostics: Diagnostics,
    /// A released statement runs in another role than the session's own.
    elevated: Option<Elevated>,
    /// Names of temporary tables: the server does not list them.
    temporary: Vec<Arc<str>>,
    /// The row that would cross the ceiling is waiting in `from_upstream`.
    overflow: bool,
    /// Bytes of a long row that are passed on as they come.
    passing: usize,
    /// The frame being passed on is followed by another one of the same row.
    row_goes_on: bool,
    /// What a later login within the session is checked against.
    again: Again,
    /// The database that was current at the beginning, by the upstream's name.
    schema: String,
    shared: Arc<Shared>,
}

impl Session {
    /// Takes over two authenticated sides.
    pub fn new(
        established: MysqlEstablished,
        services: Arc<Services>,
        keeper: Arc<Keeper>,
        shared: Arc<Shared>,
    ) -> Self {
        let again = Again::of(&established);
        let mut link = Link::new(established.client, established.upstream, established.leftovers);
        link.from_upstream = established.upstream_leftovers;
        let opened = Opened {
            id: established.session,
            agent: established.agent,
            database: established.database,
            protocol: "mysql",
            role: established.database_settings.upstream.user.clone(),
            client_addr: established.peer.to_string(),
            cancel: Cancellable::Number(established.cancel),
            places: established.places,
            application_name: established.application_name,
            claims: established.claims,
        };
        Self {
            core: Core::new(opened, services, keeper),
            link,
            client: established.client_capabilities,
            upstream: established.upstream_capabilities,
            turn: Sequence::default(),
            status: established.status,
            underway: None,
            prepared: HashMap::new(),
            last_prepared: None,
            next_local: prepared::FIRST_LOCAL,
            diagnostics: Diagnostics::Open,
            elevated: None,
            temporary: Vec::new(),
            overflow: false,
            passing: 0,
            row_goes_on: false,
            again,
            schema: established.schema,
            shared,
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
            if let (Some(why), None) = (&self.core.ending, &self.underway) {
                return Err(End::Proxy(why.clone()));
            }
            if self.core.has_untold() {
                self.core.tell_untold().await;
            }
            if self.elevated.is_some() && self.underway.is_none() {
                self.lower().await?;
                continue;
            }
            let Some(payload) = self.next_client_packet()? else { break };
            self.on_client(payload).await?;
        }
        if self.is_idle() && self.core.services.draining.is_cancelled() {
            return Err(End::Proxy("shutting down".to_owned()));
        }
        self.pump().await
    }

    /// Nothing is under way, nothing is open.
    fn is_idle(&self) -> bool {
        self.underway.is_none() && !self.status.has(Status::IN_TRANSACTION)
    }

    /// One whole packet from the client, if there is one and its turn has come.
    fn next_client_packet(&mut self) -> Result<Option<BytesMut>, End> {
        let sends_file = self.underway.as_ref().is_some_and(Underway::wants_file);
        if (self.underway.is_some() && !sends_file) || self.link.to_upstream.len() >= MARK {
            return Ok(None);
        }
        let max = self.core.services.config.limits.message_bytes_max;
        let Some(head) = frame::cut(&self.link.from_client, max).map_err(client_fault)? else { return Ok(None) };
        if !sends_file {
            self.turn = Sequence::default();
        }
        self.turn.accept(&head).map_err(client_fault)?;
        Ok(Some(frame::take(&mut self.link.from_client, &head)))
    }

    /// Waits for the next thing to happen on either side, and takes up the upstream's answers. Client bytes are only collected.
    ///
    /// Cancel safe: no byte is lost.
    async fn pump(&mut self) -> Result<(), End> {
        let interest = self.interest();
        let idle = self.is_idle();
        let turn = tokio::select! {
            turn = self.link.turn(interest) => turn,
            () = self.core.cancel.handle().requested() => {
                // With nothing under way there is nothing to cancel, and a late request would hit the next statement.
                if self.underway.is_some() {
                    drop(self.cancel_upstream());
                }
                return Ok(());
            }
            () = self.core.cancel.handle().killed() => return Err(End::Proxy(KILLED.to_owned())),
            () = self.core.services.draining.cancelled(), if idle => return Ok(()),
        };
        self.on_turn(&turn)?;
        self.answers()
    }

    /// A client that does not get its answers is not read further than one packet.
    fn interest(&self) -> Interest {
        let max = self.core.services.config.limits.message_bytes_max;
        let whole = !matches!(frame::cut(&self.link.from_client, max), Ok(None));
        Interest { client: !whole || self.link.from_client.len() < MARK, upstream: !self.overflow }
    }

    fn on_turn(&mut self, turn: &Turn) -> Result<(), End> {
        match turn {
            Turn::ClientGone => Err(End::ClientLeft),
            Turn::UpstreamGone => Err(End::UpstreamLeft),
            Turn::Client | Turn::Upstream | Turn::Drained => Ok(()),
        }
    }

    /// Waits until nothing is under way.
    async fn drain(&mut self) -> Result<(), End> {
        loop {
            self.answers()?;
            if self.overflow {
                self.hold_in_mid_result().await?;
            } else if self.underway.is_none() {
                return Ok(());
            } else {
                self.pump().await?;
            }
        }
    }

    /// Asks the upstream to cancel, beside the session, by `KILL QUERY` over a connection of its own. Best effort.
    fn cancel_upstream(&self) -> tokio::task::JoinHandle<()> {
        let handle = self.core.cancel.handle().clone();
        tokio::spawn(async move {
            if let Err(error) = cancel::send_upstream(&handle).await {
                tracing::warn!(%error, "a cancel request did not reach the upstream");
            }
        })
    }

    /// Sends one client packet where it belongs.
    async fn on_client(&mut self, payload: BytesMut) -> Result<(), End> {
        if self.underway.as_ref().is_some_and(Underway::wants_file) {
            self.on_file(&payload);
            return Ok(());
        }
        let command = match Command::of(&payload) {
            Ok(command) => command,
            Err(unserved) => {
                self.refuse(&refusal::unserved(unserved));
                return Ok(());
            }
        };
        match command {
            Command::Query => self.on_query(&payload).await,
            Command::StmtPrepare => self.on_prepare(&payload).await,
            Command::StmtExecute => self.on_execute(&payload).await,
            Command::StmtFetch => self.on_fetch(&payload),
            Command::StmtSendLongData => self.on_long_data(&payload),
            Command::StmtClose => self.on_close_statement(&payload),
            Command::StmtReset => self.on_reset_statement(&payload),
            Command::InitDb => self.on_init_db(&payload).await,
            Command::FieldList => self.on_field_list(&payload).await,
            Command::ChangeUser => self.on_change_user(&payload).await,
            Command::ResetConnection => self.on_reset_connection(),
            Command::ProcessKill => self.on_process_kill(&payload),
            Command::Ping | Command::Statistics | Command::SetOption => {
                self.pass(command, &payload);
                Ok(())
            }
            Command::Quit => {
                self.link.to_upstream.extend_from_slice(&compose::quit());
                Err(End::ClientLeft)
            }
        }
    }

    /// An error of the proxy's own as the whole answer to the present command. Open transactions stay as they are, as after
    /// any error of a MySQL server's.
    fn refuse(&mut self, error: &OwnError) {
        error.put(&mut self.link.to_client, &mut self.turn);
    }

    /// Tells both sides, closes approvals and the audit. What nobody waits for any more is stopped upstream.
    async fn close(&mut self, end: &End) {
        let open = self.status.has(Status::IN_TRANSACTION);
        let abandoned = Core::abandons(end, open, self.underway.iter().filter_map(Underway::running));
        self.tell_end(end).await;
        let limit = std::time::Duration::from_secs(2);
        if let Some(error) = tell::farewell(end) {
            error.put(&mut self.link.to_client, &mut self.turn);
        }
        if !matches!(end, End::ClientLeft) && self.underway.is_none() {
            self.link.to_upstream.extend_from_slice(&compose::quit());
        }
        let _ = tokio::time::timeout(limit, self.link.finish_client()).await;
        if abandoned {
            cancel::abandon(self.core.cancel.handle(), &mut self.link).await;
        } else {
            let _ = tokio::time::timeout(limit, self.link.finish_upstream()).await;
        }
    }
}

/// The client broke the protocol.
fn client_fault(why: impl std::fmt::Display) -> End {
    End::ClientFault(why.to_string())
}

/// The upstream broke the protocol.
fn fault(why: impl std::fmt::Display) -> End {
    End::UpstreamFault(why.to_string())
}
