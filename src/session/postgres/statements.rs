//! Statements on their way through a session: prepared, bound, waiting for their Execute, running.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use crate::identity::ids::{ApprovalId, StatementId};
use crate::masking::column::Format;
use crate::masking::copy::CopyMasker;
use crate::masking::plan::Plan;
use crate::pg::ledger::{Description, Owed};
use crate::session::judge::Judged;

/// What is known about a statement between its release and the end of its answer.
#[derive(Debug)]
pub(super) struct Running {
    pub id: StatementId,
    pub judged: Arc<Judged>,
    /// Which statement of the text is answering.
    pub index: usize,
    pub started: Instant,
    pub approval: Option<ApprovalId>,
    pub description: Option<Arc<Description>>,
    pub formats: Vec<Format>,
    pub portal: Option<Bytes>,
    pub plan: Option<Arc<Plan>>,
    pub copy: Option<Box<CopyMasker>>,
    pub rows: u64,
    pub bytes: u64,
    pub ceiling: Option<u64>,
    pub masked: Vec<Arc<str>>,
    /// Refused in mid-result: what still comes is dropped.
    pub discard: bool,
    /// Rows came before this Execute of the same portal.
    pub rows_before: u64,
    /// Its end was told to audit and approval.
    pub told: bool,
    /// Nothing that ran before it in its transaction can have had effects.
    pub alone: bool,
}

impl Running {
    /// A simple Query at its first statement.
    pub fn query(id: StatementId, judged: Arc<Judged>, approval: Option<ApprovalId>, ceiling: Option<u64>) -> Self {
        Self {
            id,
            judged,
            index: 0,
            started: Instant::now(),
            approval,
            description: None,
            formats: Vec::new(),
            portal: None,
            plan: None,
            copy: None,
            rows: 0,
            bytes: 0,
            ceiling,
            masked: Vec::new(),
            discard: false,
            rows_before: 0,
            told: false,
            alone: false,
        }
    }

    /// The next Execute of a portal.
    pub fn execute(name: Bytes, portal: &Portal) -> Self {
        Self {
            started: portal.started,
            description: Some(portal.prepared.description.clone()),
            formats: portal.formats.clone(),
            portal: Some(name),
            rows_before: portal.rows,
            ..Self::query(portal.id, portal.judged.clone(), portal.approval.clone(), portal.ceiling)
        }
    }

    /// Rows that may still be sent before the ceiling is reached; `None` if there is no ceiling.
    pub fn rows_left(&self) -> Option<u64> {
        self.ceiling.map(|ceiling| ceiling.saturating_sub(self.rows_before + self.rows))
    }
}

/// A prepared statement as the client sees it.
#[derive(Clone)]
pub(super) struct Prepared {
    pub text: Arc<str>,
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
    pub approval: Option<ApprovalId>,
    pub rows: u64,
    pub ceiling: Option<u64>,
    pub started: Instant,
    pub id: StatementId,
    /// A statement event was already written for it.
    pub finished: bool,
}

/// A bound parameter.
pub(super) struct Parameter {
    /// Type OID; 0 if nobody has said it yet.
    pub oid: u32,
    /// `None` is NULL.
    pub value: Option<Bytes>,
    /// 0 text, 1 binary.
    pub format: i16,
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
