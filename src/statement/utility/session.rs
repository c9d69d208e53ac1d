//! Statements about the session: transactions, prepared statements, cursors, notifications, locks, upkeep, DO and CALL.

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    CallStmt, DeclareCursorStmt, FetchDirection, FetchStmt, LockStmt, PrepareStmt, TransactionStmt, TransactionStmtKind,
};

use super::{Build, Context, blank, names, unknown_output};
use crate::statement::footprint::{Access, Facet, Footprint, RowBound, SessionEffect, TransactionVerb, Verb};

/// FETCH ALL, as PostgreSQL's grammar counts it.
const FETCH_ALL: i64 = i64::MAX;

/// Lock modes up to ROW EXCLUSIVE are those that queries and DML take anyway.
const LOCK_ROW_EXCLUSIVE: i32 = 3;

impl Context<'_> {
    /// The statements of this file; `None` for anything else.
    pub(super) fn session(&mut self, node: &NodeEnum) -> Option<Footprint> {
        let about_session = |verb| blank(verb).facet(Facet::Session);
        let named = |name: &str| Arc::from(name);
        Some(match node {
            NodeEnum::TransactionStmt(transaction) => transaction_statement(transaction),
            NodeEnum::PrepareStmt(prepare) => self.prepare(prepare),
            NodeEnum::ExecuteStmt(execute) => Footprint {
                outputs: Some(vec![unknown_output("")]),
                returned: RowBound::Unbounded,
                ..blank(Verb::Execute)
                    .opaque(&format!("prepared statement {}", execute.name), "it is not known what it holds")
            },
            NodeEnum::DeallocateStmt(deallocate) => {
                let name = (!deallocate.isall).then(|| named(&deallocate.name));
                about_session(Verb::Deallocate).effect(SessionEffect::Deallocate { name })
            }
            NodeEnum::DeclareCursorStmt(declare) => self.declare(declare),
            NodeEnum::ClosePortalStmt(close) => {
                let name = Some(close.portalname.as_str()).filter(|name| !name.is_empty()).map(named);
                about_session(Verb::Close).effect(SessionEffect::CloseCursor { name })
            }
            NodeEnum::FetchStmt(fetch) => fetch_statement(fetch),
            NodeEnum::ListenStmt(_) | NodeEnum::UnlistenStmt(_) => {
                about_session(Verb::Listen).effect(SessionEffect::Harmless { setting: named("listen") })
            }
            NodeEnum::NotifyStmt(_) => about_session(Verb::Notify),
            NodeEnum::LockStmt(lock) => self.lock(lock),
            NodeEnum::DoStmt(_) => blank(Verb::Do)
                .facet(Facet::Routine)
                .opaque("block", "code in DO is not followed; send plain statements"),
            NodeEnum::CallStmt(call) => call_statement(call),
            _ => return None,
        })
    }

    /// Nothing runs yet: only what was not understood is kept from the inner statement, and what it names.
    fn prepare(&mut self, prepare: &PrepareStmt) -> Footprint {
        let inner = self.inner(prepare.query.as_deref());
        Footprint {
            relations: inner.relations,
            functions: inner.functions,
            opaque: inner.opaque,
            unresolved: inner.unresolved,
            explainable: inner.explainable,
            ..blank(Verb::Prepare)
        }
        .facet(Facet::Session)
        .effect(SessionEffect::Prepare { name: Arc::from(prepare.name.as_str()) })
    }

    /// Rows come with FETCH, so DECLARE itself returns none; everything else is as in the query.
    fn declare(&mut self, declare: &DeclareCursorStmt) -> Footprint {
        let inner = self.inner(declare.query.as_deref());
        Footprint { verb: Verb::Declare, returned: RowBound::None, ..inner }
            .effect(SessionEffect::Declare { name: Arc::from(declare.portalname.as_str()) })
    }

    /// A strong lock keeps others from working, which is as much as writing.
    fn lock(&mut self, lock: &LockStmt) -> Footprint {
        let strong = lock.mode > LOCK_ROW_EXCLUSIVE;
        let (facet, access) = if strong { (Facet::Writes, Access::Write) } else { (Facet::Session, Access::Read) };
        self.existing_nodes(blank(Verb::Lock).facet(facet).kind("table"), &lock.relations, access)
    }
}

fn transaction_statement(transaction: &TransactionStmt) -> Footprint {
    let print = blank(Verb::Transaction).facet(Facet::Transaction);
    let verb = match TransactionStmtKind::try_from(transaction.kind).unwrap_or(TransactionStmtKind::Undefined) {
        TransactionStmtKind::TransStmtBegin | TransactionStmtKind::TransStmtStart => TransactionVerb::Begin,
        TransactionStmtKind::TransStmtCommit => TransactionVerb::Commit,
        TransactionStmtKind::TransStmtRollback => TransactionVerb::Rollback,
        TransactionStmtKind::TransStmtSavepoint => TransactionVerb::Savepoint,
        TransactionStmtKind::TransStmtRelease => TransactionVerb::Release,
        TransactionStmtKind::TransStmtRollbackTo => TransactionVerb::RollbackTo,
        TransactionStmtKind::TransStmtPrepare
        | TransactionStmtKind::TransStmtCommitPrepared
        | TransactionStmtKind::TransStmtRollbackPrepared => TransactionVerb::TwoPhase,
        TransactionStmtKind::Undefined => return print.opaque("transaction", "this form is not known"),
    };
    print.effect(SessionEffect::Transaction(verb))
}

fn fetch_statement(fetch: &FetchStmt) -> Footprint {
    let print = blank(Verb::Fetch).facet(Facet::Session);
    if fetch.ismove {
        return print.opaque("MOVE", "its answer tells how many rows there are; use FETCH");
    }
    let relative = matches!(
        FetchDirection::try_from(fetch.direction),
        Ok(FetchDirection::FetchAbsolute | FetchDirection::FetchRelative)
    );
    let returned = match fetch.how_many {
        _ if relative => RowBound::AtMost(1),
        FETCH_ALL => RowBound::Unbounded,
        0 => RowBound::AtMost(1),
        count => RowBound::AtMost(count.unsigned_abs()),
    };
    Footprint { outputs: Some(vec![unknown_output("")]), returned, ..print }
}

fn call_statement(call: &CallStmt) -> Footprint {
    let name = call.funccall.as_ref().and_then(|call| names::parts(&call.funcname)).unwrap_or_default().join(".");
    let print = blank(Verb::Call)
        .facet(Facet::Routine)
        .kind("procedure")
        .opaque(&format!("procedure {name}()"), "procedures are not followed; send plain statements");
    Footprint {
        functions: vec![Arc::from(name)],
        outputs: Some(vec![unknown_output("")]),
        returned: RowBound::AtMost(1),
        changed: RowBound::Unbounded,
        ..print
    }
}
