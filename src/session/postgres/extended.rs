//! The extended protocol: Parse, Bind, Describe, Execute, Close, Flush, Sync (manual, "Extended Query").
//!
//! A Parse is sent on at once, it runs nothing. Binding plans the statement, and planning may run functions, so a Bind is
//! judged first; a gated one is stashed with what follows it until its Execute, and nothing behind it overtakes.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use crate::gate::refusal::Refusal;
use crate::gate::verdict::Verdict;
use crate::masking::column::Format;
use crate::pg::compose;
use crate::pg::ledger::{Description, Owed};
use crate::pg::messages::extended::{self as message, Bind, Execute, Named, Parse};
use crate::pg::refusal;
use crate::session::core::dues::Paying;
use crate::session::core::hold::{Warrant, Wording};
use crate::session::core::judging::{judge_reading, refresh_reading};
use crate::session::core::{End, Parameter};
use crate::session::judge::Judged;
use crate::session::postgres::Session;
use crate::session::postgres::statements::{self, Portal, Prepared, Stash};

fn body(message: &[u8]) -> &[u8] {
    message.get(crate::pg::frame::HEAD_BYTES..).unwrap_or_default()
}

/// The server goes on reading a text as it did when it was parsed; judged by the settings of now it might say less.
const READ_OTHERWISE: &str =
    "standard_conforming_strings has changed since the statement was prepared: prepare it again";

fn masking_format(format: message::Format) -> Format {
    match format {
        message::Format::Text => Format::Text,
        message::Format::Binary => Format::Binary,
    }
}

fn bad(error: impl std::fmt::Display) -> End {
    End::ClientFault(error.to_string())
}

impl Session {
    /// An error for the client that did not come from the upstream: everything up to the next Sync is skipped, on both sides.
    pub(super) fn fail_extended(&mut self, error: Bytes) {
        self.skip_after(error);
        if self.extended.executed || self.status == b'T' {
            // The server's transaction must fail with ours: a statement it cannot parse makes it skip to Sync, too.
            self.link.to_upstream.extend_from_slice(&compose::parse(b"", "holdpoint refused this", &[]));
            self.ledger.push(Owed::Parse { name: Bytes::from_static(b"\0refused") });
            self.extended.unsynced = true;
        }
    }

    /// The same for an error that the upstream knows of, or that left no transaction open there.
    pub(super) fn skip_after(&mut self, error: Bytes) {
        self.local(error);
        self.extended.skipping = true;
    }

    /// Bytes of ours for the client, in their turn.
    pub(super) fn local(&mut self, bytes: Bytes) {
        if self.ledger.is_empty() {
            self.link.to_client.extend_from_slice(&bytes);
        } else {
            self.ledger.push(Owed::Local(bytes));
        }
    }

    pub(super) async fn on_parse(&mut self, message: &Bytes) -> Result<(), End> {
        let parse = Parse::decode(body(message)).map_err(bad)?;
        let name = Bytes::copy_from_slice(parse.name);
        if !name.is_empty() && self.extended.prepared.contains_key(&name) {
            let text = format!("prepared statement \"{}\" already exists", String::from_utf8_lossy(&name));
            self.fail_extended(refusal::error("42P05", &text));
            return Ok(());
        }
        if self.extended.prepared.len() >= self.core.services.config.limits.prepared_max {
            self.fail_extended(refusal::error("53400", "too many prepared statements in this session"));
            return Ok(());
        }
        let Ok(text) = std::str::from_utf8(parse.query) else {
            self.fail_extended(refusal::error("22021", "the statement is not valid UTF-8"));
            return Ok(());
        };
        let text: Arc<str> = Arc::from(text);
        refresh_reading(self).await?;
        if self.extended.skipping {
            return Ok(());
        }
        let dialect = (!self.core.reading.stale).then(|| self.core.reading.scope.dialect);
        // SQL's PREPARE names statements in the same place: whatever had this name has it no longer.
        self.core.reading.known.prepared.remove(&*String::from_utf8_lossy(&name));
        let description = Arc::new(Description::default());
        let local = self.local_kind(&text).await?;
        let prepared =
            Prepared { text, dialect, declared_types: parse.types.clone(), description: description.clone(), local };
        if local {
            self.local(compose::PARSE_COMPLETE);
        } else {
            self.link.to_upstream.extend_from_slice(message);
            self.link.to_upstream.extend_from_slice(&compose::describe_statement(&name));
            self.ledger.push(Owed::Parse { name: name.clone() });
            self.ledger.push(Owed::DescribeStatement { description, for_client: false });
            self.extended.unsynced = true;
        }
        self.extended.prepared.insert(name, prepared);
        Ok(())
    }

    pub(super) async fn on_bind(&mut self, message: &Bytes) -> Result<(), End> {
        let bind = Bind::decode(body(message)).map_err(bad)?;
        let portal = Bytes::copy_from_slice(bind.portal);
        let Some(prepared) = self.extended.prepared.get(bind.statement).cloned() else {
            let text = format!("prepared statement \"{}\" does not exist", String::from_utf8_lossy(bind.statement));
            self.fail_extended(refusal::error("26000", &text));
            return Ok(());
        };
        if !portal.is_empty() && self.extended.portals.contains_key(&portal) {
            let text = format!("portal \"{}\" already exists", String::from_utf8_lossy(&portal));
            self.fail_extended(refusal::error("42P03", &text));
            return Ok(());
        }
        if self.extended.portals.len() >= self.core.services.config.limits.prepared_max {
            self.fail_extended(refusal::error("53400", "too many portals in this session"));
            return Ok(());
        }
        let formats: Vec<Format> = bind.result_formats.0.iter().map(|format| masking_format(*format)).collect();
        if prepared.local {
            let judged = judge_reading(self, &prepared.text).await?;
            self.local(compose::BIND_COMPLETE);
            self.open_portal(portal, prepared, judged, formats, Warrant::default());
            return Ok(());
        }
        refresh_reading(self).await?;
        if self.extended.skipping {
            return Ok(());
        }
        if prepared.dialect.is_some_and(|then| then != self.core.reading.scope.dialect) {
            self.fail_extended(refusal::error("55000", READ_OTHERWISE));
            return Ok(());
        }
        let Some(judged) = self.judged_for_bind(&prepared, message).await? else { return Ok(()) };
        if bind.values.iter().any(|value| value.is_some_and(crate::masking::token::bytes_carry_token)) {
            self.fail_extended(refusal::error("42501", refusal::TOKEN_WRITTEN_BACK));
            return Ok(());
        }
        let parameters = parameters(&prepared, &bind);
        match self.core.admit(&judged, &parameters) {
            Verdict::Allow(release) => {
                let dues = match self.core.dues(&judged, Paying::Allowed).await {
                    Ok(dues) => dues,
                    Err(refused) => return self.refuse_bind(&judged, &refused).await,
                };
                self.send_released(release, message);
                self.ledger.push(Owed::Bind { portal: portal.clone() });
                self.on_bound(&judged);
                let wording = Wording::new(prepared.text.clone(), &parameters);
                self.open_portal(portal, prepared, judged, formats, Warrant { dues, wording, ..Warrant::default() });
            }
            Verdict::Deny(refused) => return self.refuse_bind(&judged, &refused).await,
            Verdict::Hold(_) => {
                let frames = BytesMut::from(&message[..]);
                let owed = vec![Owed::Bind { portal: portal.clone() }];
                self.extended.stash = Some(Stash { portal, prepared, judged, formats, parameters, frames, owed });
            }
        }
        Ok(())
    }

    async fn refuse_bind(&mut self, judged: &Judged, refused: &Refusal) -> Result<(), End> {
        self.settle_upstream().await?;
        self.tell_refused(judged, refused);
        self.fail_extended(refusal::encode(refused));
        Ok(())
    }

    /// A Bind was sent: the server has begun a transaction for it, and may quote values from now on.
    pub(super) fn on_bound(&mut self, judged: &Judged) {
        self.extended.unsynced = true;
        self.extended.executed = true;
        self.core.tainted |= judged.tainted();
    }

    pub(super) fn open_portal(
        &mut self,
        name: Bytes,
        prepared: Prepared,
        judged: Arc<Judged>,
        formats: Vec<Format>,
        warrant: Warrant,
    ) {
        let ceiling = self.core.ceiling_of(&judged, 0, &warrant);
        let id = self.core.next_statement();
        let portal = Portal {
            prepared,
            judged,
            formats,
            warrant,
            rows: 0,
            ceiling,
            started: Instant::now(),
            id,
            finished: false,
        };
        self.extended.portals.insert(name, portal);
    }

    /// A stashed Bind is decided when anything but a Describe of its portal follows: at its Execute, or at the Flush or Sync
    /// that wants its answer.
    pub(super) async fn settle_stash(&mut self, kind: u8, message: &Bytes) -> Result<(), End> {
        let Some(stash) = self.extended.stash.as_mut() else { return Ok(()) };
        if kind == b'D' && Named::decode(body(message)) == Ok(Named::Portal(&stash.portal)) {
            return Ok(());
        }
        let Some(stash) = self.extended.stash.take() else { return Ok(()) };
        self.hold_bind(stash).await
    }

    pub(super) fn on_describe(&mut self, message: &Bytes) -> Result<(), End> {
        let name = match Named::decode(body(message)).map_err(bad)? {
            Named::Portal(name) => return self.describe_portal(name, message),
            Named::Statement(name) => name,
        };
        let Some(prepared) = self.extended.prepared.get(name).cloned() else {
            let text = format!("prepared statement \"{}\" does not exist", String::from_utf8_lossy(name));
            self.fail_extended(refusal::error("26000", &text));
            return Ok(());
        };
        if prepared.local {
            let answer = self.describe_local(&prepared.text, true);
            self.local(answer);
            return Ok(());
        }
        self.link.to_upstream.extend_from_slice(message);
        self.ledger.push(Owed::DescribeStatement { description: prepared.description, for_client: true });
        self.extended.unsynced = true;
        Ok(())
    }

    fn describe_portal(&mut self, name: &[u8], message: &Bytes) -> Result<(), End> {
        if let Some(stash) = self.extended.stash.as_mut() {
            stash.frames.extend_from_slice(message);
            stash.owed.push(Owed::DescribePortal);
            return Ok(());
        }
        match self.extended.portals.get(name) {
            Some(portal) if portal.prepared.local => {
                let text = portal.prepared.text.clone();
                let answer = self.describe_local(&text, false);
                self.local(answer);
            }
            Some(_) => {
                self.link.to_upstream.extend_from_slice(message);
                self.ledger.push(Owed::DescribePortal);
                self.extended.unsynced = true;
            }
            // A cursor is a portal, too: some drivers declare it in SQL and describe it here.
            None if self.declared(name) => {
                self.link.to_upstream.extend_from_slice(message);
                self.ledger.push(Owed::DescribePortal);
                self.extended.unsynced = true;
            }
            None => {
                let text = format!("portal \"{}\" does not exist", String::from_utf8_lossy(name));
                self.fail_extended(refusal::error("34000", &text));
            }
        }
        Ok(())
    }

    /// Is this the name of a cursor that a released DECLARE opened?
    fn declared(&self, name: &[u8]) -> bool {
        std::str::from_utf8(name).is_ok_and(|name| self.core.reading.known.cursors.contains_key(name))
    }

    pub(super) async fn on_execute(&mut self, message: &Bytes) -> Result<(), End> {
        let execute = Execute::decode(body(message)).map_err(bad)?;
        let name = Bytes::copy_from_slice(execute.portal);
        let Some(portal) = self.extended.portals.get_mut(&name) else {
            let text = format!("portal \"{}\" does not exist", String::from_utf8_lossy(&name));
            self.fail_extended(refusal::error("34000", &text));
            return Ok(());
        };
        if portal.prepared.local {
            let text = portal.prepared.text.clone();
            let answer = self.run_local(&text, false).await?;
            self.local(answer);
            return Ok(());
        }
        let mut running = statements::execute(name, portal);
        running.alone = self.status == b'I' && self.extended.executes == 0;
        let judged = portal.judged.clone();
        self.link.to_upstream.extend_from_slice(message);
        self.on_released(&judged);
        self.ledger.push(Owed::Execute(Box::new(running)));
        self.role_is_used();
        self.extended.executes += 1;
        self.extended.unsynced = true;
        self.extended.executed = true;
        Ok(())
    }

    pub(super) fn on_close(&mut self, message: &Bytes) -> Result<(), End> {
        let local = match Named::decode(body(message)).map_err(bad)? {
            Named::Portal(name) => match self.extended.portals.remove(name) {
                Some(portal) if portal.prepared.local => true,
                Some(portal) => {
                    self.finish_unused(portal);
                    false
                }
                None => false,
            },
            Named::Statement(name) => self.extended.prepared.remove(name).is_some_and(|prepared| prepared.local),
        };
        if local {
            self.local(compose::CLOSE_COMPLETE);
            return Ok(());
        }
        self.link.to_upstream.extend_from_slice(message);
        self.ledger.push(Owed::Close);
        self.extended.unsynced = true;
        Ok(())
    }

    pub(super) fn on_flush(&mut self) -> Result<(), End> {
        if self.extended.unsynced {
            self.link.to_upstream.extend_from_slice(&compose::FLUSH);
        }
        Ok(())
    }

    pub(super) fn on_sync(&mut self) -> Result<(), End> {
        self.link.to_upstream.extend_from_slice(&compose::SYNC);
        self.ledger.push(Owed::Sync { for_client: true });
        self.extended.skipping = false;
        self.extended.unsynced = false;
        self.extended.executed = false;
        self.extended.executes = 0;
        Ok(())
    }

    /// Makes the upstream idle outside a transaction before a hold: a Sync of ours, if only Parse and Describe are open.
    pub(super) async fn settle_upstream(&mut self) -> Result<(), End> {
        if self.extended.unsynced && !self.extended.executed {
            self.link.to_upstream.extend_from_slice(&compose::SYNC);
            self.ledger.push(Owed::Sync { for_client: false });
            self.extended.unsynced = false;
        }
        self.drain().await
    }
}

/// Parameters with their types, as far as anybody has said them.
fn parameters(prepared: &Prepared, bind: &Bind<'_>) -> Vec<Parameter> {
    let described = prepared.description.parameters.get().unwrap_or(&prepared.declared_types);
    let parameter = |(index, value): (usize, &Option<&[u8]>)| Parameter {
        oid: described.get(index).copied().unwrap_or(0),
        value: value.map(Bytes::copy_from_slice),
        format: bind.formats.of(index).map_or(0, message::Format::code),
    };
    bind.values.iter().enumerate().map(parameter).collect()
}
