//! What judging asks of a MySQL server, and what released statements change here.

use std::sync::Arc;

use bytes::Bytes;

use crate::gate::desk::ticket::Ticket;
use crate::identity::ids::ApprovalId;
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::packets::error::ErrPacket;
use crate::mysql::packets::ok::Status;
use crate::mysql::packets::progress;
use crate::policy::judge::Evidence;
use crate::session::core::wire::Wire;
use crate::session::core::{Core, End, Transaction};
use crate::session::judge::{Judged, Judgement};
use crate::session::mysql::Session;
use crate::session::stream::link::Interest;
use crate::statement::footprint::SessionEffect;
use crate::statement::scope::{Dialect, Flavour, Scope, ask_mysql};

/// What the open transaction of this session has locked, where the account may see it.
const LOCKS: &str = "SELECT trx_tables_locked, trx_rows_locked, trx_rows_modified, \
(SELECT COUNT(*) FROM information_schema.innodb_trx w WHERE w.trx_state = 'LOCK WAIT') \
FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = CONNECTION_ID()";

/// MySQL's second format of plans in JSON says nothing about statements that change rows.
const PLANS: &str = "SET SESSION explain_json_format_version = 1";

/// What a server says to an account that may not do something: of a database, a table, a column, in general, a routine.
const DENIED: [u16; 5] = [1044, 1142, 1143, 1227, 1370];

impl Wire for Session {
    fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    /// A failed statement does not fail the transaction it stands in.
    fn transaction(&self) -> Transaction {
        if self.status.has(Status::IN_TRANSACTION) { Transaction::Open } else { Transaction::Idle }
    }

    async fn settle(&mut self) -> Result<(), End> {
        self.drain().await
    }

    async fn ask_scope(&mut self) -> Result<Option<Scope>, End> {
        let Ok(rows) = self.ask(ask_mysql::QUERY).await? else { return Ok(None) };
        let scope = rows.first().and_then(|row| ask_mysql::answer(row));
        let mysql =
            |scope: &Scope| matches!(scope.dialect, Dialect::MySql(reading) if reading.flavour == Flavour::MySql);
        if scope.as_ref().is_some_and(mysql) {
            // Servers before 8.3 do not know it, and have no other format.
            let _known = self.ask(PLANS).await?;
        }
        Ok(scope.map(|scope| Scope { temporary: self.temporary.clone(), ..scope }))
    }

    async fn ask_estimate(&mut self, one: &Judgement) -> Result<Result<Evidence, Bytes>, End> {
        self.estimate(one).await
    }

    fn reword(&self, judged: &Judged, error: &[u8]) -> Bytes {
        self.shown_error(judged.tainted(), error)
    }

    fn lacks_privilege(&self, error: &[u8]) -> bool {
        ErrPacket::decode(error).is_ok_and(|error| DENIED.contains(&error.code))
    }

    async fn lock_situation(&mut self) -> Result<Option<String>, End> {
        if !self.status.has(Status::IN_TRANSACTION) {
            return Ok(None);
        }
        let rows = self.ask(LOCKS).await?.unwrap_or_default();
        let cell = |index: usize| rows.first().and_then(|row| row.get(index)?.as_deref());
        Ok(Some(match (cell(0), cell(1), cell(2), cell(3)) {
            (Some(tables), Some(locked), Some(changed), Some(waiting)) => format!(
                "Inside an open transaction that holds {locked} row locks in {tables} tables and has changed {changed} rows; \
                 transactions waiting for locks on this server: {waiting}"
            ),
            _ => "Inside an open transaction; what it holds locked cannot be seen from here".to_owned(),
        }))
    }

    async fn held_turn(&mut self) -> Result<(), End> {
        let interest = Interest { client: self.interest().client, upstream: !self.overflow };
        let turn = self.link.turn(interest).await;
        self.on_turn(&turn)?;
        if self.overflow { Ok(()) } else { self.answers() }
    }

    /// No packet tells a MySQL client to wait. MariaDB's clients that asked for progress get it, outside of results.
    fn beat(&mut self, approval: &ApprovalId) {
        if self.overflow {
            return;
        }
        self.beat_upstream();
        if self.client.has(Capabilities::PROGRESS) {
            let words = format!("waiting for approval {approval}");
            self.put(|out| progress::put(out, &words));
        }
    }

    /// There is nothing to announce it with.
    fn announce(&mut self, _ticket: &Ticket) {}
}

impl Session {
    /// The session's own account may not do this, but the role that it would run in, once released, may.
    pub(super) fn is_for_another_role(&self, judged: &Judged, error: &[u8]) -> bool {
        self.lacks_privilege(error) && self.core.role_for(judged).is_some()
    }

    /// Temporary tables shadow others and no server lists them: their names are kept here.
    pub(super) fn keep_temporary(&mut self, judged: &Judged) {
        for effect in judged.footprints().flat_map(|footprint| &footprint.session) {
            if let SessionEffect::CreatesTemporary { name } = effect
                && !self.temporary.contains(name)
            {
                self.temporary.push(name.clone());
                let scope = Scope { temporary: self.temporary.clone(), ..Scope::clone(&self.core.reading.scope) };
                self.core.reading.scope = Arc::new(scope);
            }
        }
    }
}
