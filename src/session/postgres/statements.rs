//! Statements on their way through a session: prepared, bound, waiting for their Execute, running.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use crate::identity::ids::StatementId;
use crate::masking::column::Format;
use crate::masking::copy::CopyMasker;
use crate::pg::ledger::{Description, Owed};
use crate::session::core::hold::Warrant;
use crate::session::core::{Parameter, running};
use crate::session::judge::Judged;
use crate::statement::scope::Dialect;

/// A statement whose answer is owed.
pub(super) type Running = running::Running<Answering>;

/// What only PostgreSQL knows of it.
#[derive(Debug, Default)]
pub(super) struct Answering {
    pub description: Option<Arc<Description>>,
    pub formats: Vec<Format>,
    pub portal: Option<Bytes>,
    pub copy: Option<Box<CopyMasker>>,
}

/// The next Execute of a portal.
pub(super) fn execute(name: Bytes, portal: &Portal) -> Running {
    let wire = Answering {
        description: Some(portal.prepared.description.clone()),
        formats: portal.formats.clone(),
        portal: Some(name),
        copy: None,
    };
    Running {
        started: portal.started,
        rows_before: portal.rows,
        wire,
        ..Running::new(portal.id, portal.judged.clone(), portal.warrant.clone(), portal.ceiling)
    }
}

/// A prepared statement as the client sees it.
#[derive(Clone)]
pub(super) struct Prepared {
    pub text: Arc<str>,
    /// How the server read the text, once and for all; `None`: nobody knows.
    pub dialect: Option<Dialect>,
    pub declared_types: Vec<u32>,
    pub description: Arc<Description>,
    /// Answered by the proxy.
    pub local: bool,
}

/// A bound portal.
pub(super) struct Portal {
    pub prepared: Prepared,
    pub judged: Arc<Judged>,
    pub formats: Vec<Format>,
    pub warrant: Warrant,
    pub rows: u64,
    pub ceiling: Option<u64>,
    pub started: Instant,
    pub id: StatementId,
    /// A statement event was already written for it.
    pub finished: bool,
}

/// A gated Bind that waits for its Execute, with the frames that follow it.
pub(super) struct Stash {
    pub portal: Bytes,
    pub prepared: Prepared,
    pub judged: Arc<Judged>,
    pub formats: Vec<Format>,
    pub parameters: Vec<Parameter>,
    pub frames: BytesMut,
    pub owed: Vec<Owed<Running>>,
}

/// Everything the extended protocol has set up.
#[derive(Default)]
pub(super) struct Extended {
    pub prepared: HashMap<Bytes, Prepared>,
    pub portals: HashMap<Bytes, Portal>,
    pub stash: Option<Stash>,
    /// An error was sent: messages are skipped until Sync.
    pub skipping: bool,
    /// Messages were sent upstream since the last Sync.
    pub unsynced: bool,
    /// Among them a Bind: the implicit transaction has begun, holds locks and may have effects.
    pub executed: bool,
    /// Executes since the last Sync.
    pub executes: usize,
}
