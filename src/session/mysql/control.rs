//! Commands that are no statements: another database, another login, a new beginning, somebody else's end.

use std::sync::Arc;

use crate::catalog::RelationKey;
use crate::gate::verdict::Verdict;
use crate::mysql::command::{self, Command};
use crate::mysql::frame::{self, Sequence};
use crate::mysql::packets::requests;
use crate::mysql::refusal::OwnError;
use crate::session::cancel::{Asked, Kill};
use crate::session::core::End;
use crate::session::core::hold::Warrant;
use crate::session::core::judging::judge_reading;
use crate::session::login::mysql::change_user::{Login, Next};
use crate::session::mysql::answers::{Diagnostics, Purpose};
use crate::session::mysql::simple::{Sent, not_utf8};
use crate::session::mysql::{Session, client_fault};
use crate::session::stream::link::Interest;

/// Longest packet of a login.
const LOGIN_PACKET_MAX: usize = 64 * 1024;

impl Session {
    /// COM_INIT_DB is `USE`, and judged as such.
    pub(super) async fn on_init_db(&mut self, payload: &[u8]) -> Result<(), End> {
        let Ok(name) = std::str::from_utf8(requests::init_db(payload).map_err(client_fault)?) else {
            self.refuse(&not_utf8());
            return Ok(());
        };
        let text: Arc<str> = Arc::from(format!("USE `{}`", name.replace('`', "``")));
        let judged = judge_reading(self, &text).await?;
        match self.core.admit(&judged, &[]) {
            Verdict::Allow(release) => {
                self.drain().await?;
                let mut command = bytes::BytesMut::new();
                let mut turn = Sequence::default();
                frame::put(&mut command, &mut turn, payload);
                let running = self.start(&judged, Warrant::default());
                self.send_released(release, &command, Sent { command: Command::InitDb, turn, running });
            }
            Verdict::Deny(refused) => self.refuse_judged(&judged, &refused),
            // What is approved is the text, and that is how it runs.
            Verdict::Hold(policy) => self.hold_query(judged, policy).await?,
        }
        Ok(())
    }

    /// COM_FIELD_LIST tells columns and their defaults. Of a table with classified columns it is refused.
    pub(super) async fn on_field_list(&mut self, payload: &[u8]) -> Result<(), End> {
        let list = requests::field_list(payload).map_err(client_fault)?;
        let Ok(table) = std::str::from_utf8(list.table) else {
            self.refuse(&not_utf8());
            return Ok(());
        };
        let text: Arc<str> = Arc::from(format!("SHOW COLUMNS FROM `{}`", table.replace('`', "``")));
        let judged = judge_reading(self, &text).await?;
        let classified = |key: RelationKey| judged.world.classes.relations.contains_key(&key);
        let keys = judged.footprints().flat_map(|footprint| &footprint.relations).filter_map(|used| used.key);
        let known: Vec<RelationKey> = keys.collect();
        if known.is_empty() || known.iter().any(|key| classified(*key)) {
            self.refuse(&OwnError::new(1235, "42000", "COM_FIELD_LIST is not served for this table: use SHOW COLUMNS"));
            return Ok(());
        }
        match self.core.admit(&judged, &[]) {
            Verdict::Allow(_release) => {
                self.drain().await?;
                self.pass(Command::FieldList, payload);
            }
            _ => self.refuse(&OwnError::new(
                1235,
                "42000",
                "COM_FIELD_LIST is not served for this table: use SHOW COLUMNS",
            )),
        }
        Ok(())
    }

    pub(super) fn on_process_kill(&mut self, payload: &[u8]) -> Result<(), End> {
        let number = requests::process_kill(payload).map_err(client_fault)?;
        self.kill(number, Kill::Connection);
        Ok(())
    }

    /// `KILL` reaches sessions of the same agent only, by the number that their client was given or by the server's own.
    pub(super) fn kill(&mut self, number: u32, what: Kill) {
        match self.shared.cancel.ask_by_id(number, &self.core.agent.name, what) {
            Asked::Told => self.put_ok(),
            Asked::NobodyThere | Asked::WrongSecret => {
                self.refuse(&OwnError::new(1094, "HY000", format!("Unknown thread id: {number}")));
            }
        }
    }

    pub(super) fn on_reset_connection(&mut self) -> Result<(), End> {
        self.send(Command::ResetConnection, &[command::RESET_CONNECTION], Purpose::Reset);
        Ok(())
    }

    /// The upstream session was reset: nothing that was set, prepared or created in it is left.
    pub(super) fn begin_anew(&mut self) {
        let cursors: Vec<_> = self.prepared.drain().map(|(_, prepared)| prepared.cursor).collect();
        for cursor in cursors {
            self.finish_cursor(cursor);
        }
        self.last_prepared = None;
        self.temporary.clear();
        self.diagnostics = Diagnostics::Open;
        self.core.said.unmask.clear();
        self.core.reading = self.core.reading.anew();
    }

    /// COM_CHANGE_USER: the same agent proves itself again, then the upstream session begins anew.
    pub(super) async fn on_change_user(&mut self, payload: &[u8]) -> Result<(), End> {
        let shared = self.shared.clone();
        let (mut login, mut next) = Login::begin(payload, &self.again, &shared).await.map_err(client_fault)?;
        loop {
            match next {
                Next::Ask(question) => {
                    self.put(|out| out.extend_from_slice(&question));
                    let answer = self.next_login_packet().await?;
                    next = login.answer(&answer).await.map_err(client_fault)?;
                }
                Next::Refused(error) => {
                    self.refuse(&error);
                    return Err(End::Proxy("a login within the session was refused".to_owned()));
                }
                Next::Accepted { before, agent, claims } => {
                    if let Some(before) = before {
                        self.put(|out| out.extend_from_slice(&before));
                    }
                    self.core.agent = *agent;
                    for (name, value) in claims {
                        self.core.said.claim(&name, Some(&value));
                    }
                    return self.reset_for_login().await;
                }
            }
        }
    }

    async fn next_login_packet(&mut self) -> Result<bytes::BytesMut, End> {
        loop {
            if let Some(head) = frame::cut(&self.link.from_client, LOGIN_PACKET_MAX).map_err(client_fault)? {
                self.turn.accept(&head).map_err(client_fault)?;
                return Ok(frame::take(&mut self.link.from_client, &head));
            }
            let turn = self.link.turn(Interest { client: true, upstream: false }).await;
            self.on_turn(&turn)?;
        }
    }

    /// The first database is current again after a login, which a reset alone does not bring about.
    async fn reset_for_login(&mut self) -> Result<(), End> {
        self.drain().await?;
        if !self.ask_simple(Command::ResetConnection, &[command::RESET_CONNECTION]).await? {
            return Err(End::Proxy("the database would not begin the session anew".to_owned()));
        }
        self.begin_anew();
        let mut init = vec![command::INIT_DB];
        init.extend_from_slice(self.schema.as_bytes());
        if !self.ask_simple(Command::InitDb, &init).await? {
            return Err(End::Proxy("the database of this session is gone".to_owned()));
        }
        self.put_ok();
        Ok(())
    }
}
