//! Holding: the client waits, nothing is open upstream, and everything that may end the wait is watched (DESIGN §7).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::audit::meters;
use crate::catalog::{ColumnKey, RelationKey};
use crate::gate::approval::Request;
use crate::gate::desk::SpendCheck;
use crate::gate::desk::grants::Asked;
use crate::gate::desk::ticket::Ticket;
use crate::gate::digest::digest;
use crate::gate::life::Times;
use crate::gate::refusal::Refusal;
use crate::gate::release::Release;
use crate::identity::ids::ApprovalId;
use crate::policy::ruling::ApprovalPolicy;
use crate::session::core::dues::{Dues, Paying};
use crate::session::core::request::PARAMETERS_MAX;
use crate::session::core::wire::Wire;
use crate::session::core::{Core, End, KILLED, Parameter, Transaction};
use crate::session::judge::{Judged, World};

/// How a wait ended.
pub(in crate::session) enum Waited {
    /// Approved and spent, and what is due is paid.
    Released(Release, Warrant),
    /// Not to be run.
    Refused(Refusal),
}

/// What was sent, word for word: a judgement may have been kept of a text with other literals (`judge/shelf`).
#[derive(Clone, Default)]
pub(in crate::session) struct Wording {
    /// The text; `None` where nothing was judged.
    pub text: Option<Arc<str>>,
    /// The parameters, as many and as long as they are shown.
    pub parameters: Arc<[Parameter]>,
}

impl Wording {
    pub fn new(text: Arc<str>, parameters: &[Parameter]) -> Self {
        let parameters = match parameters {
            // The usual case costs no memory.
            [] => Arc::default(),
            some => some.iter().take(PARAMETERS_MAX).map(Parameter::shortened).collect(),
        };
        Self { text: Some(text), parameters }
    }
}

impl std::fmt::Debug for Wording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Literals stay out of logs.
        f.debug_struct("Wording").field("parameters", &self.parameters.len()).finish_non_exhaustive()
    }
}

/// Who said that a statement may run, and how far that goes. The default: nobody had to.
#[derive(Clone, Debug, Default)]
pub(in crate::session) struct Warrant {
    /// What may run.
    pub wording: Wording,
    /// The approval.
    pub approval: Option<ApprovalId>,
    /// The most rows that a grant covers.
    pub rows_max: Option<u64>,
    /// What it has reserved from budgets.
    pub dues: Option<Arc<Dues>>,
    /// The role that it runs in, if not in the session's own.
    pub role: Option<Arc<str>>,
}

/// What is held: its text, its judgement, its parameters, and whether rows were already sent.
pub(in crate::session) struct Held<'a> {
    pub judged: &'a Arc<Judged>,
    pub parameters: &'a [Parameter],
    pub policy: ApprovalPolicy,
    pub rows_so_far: Option<u64>,
}

impl<'a> Held<'a> {
    /// A running result at the row that would cross its ceiling. `judged` is of the very text that runs
    /// ([`Core::exactly`]).
    pub fn in_mid_result(judged: &'a Arc<Judged>, wording: &'a Wording, rows: u64) -> Self {
        let policy = judged.approval_policy().unwrap_or_else(|| judged.world.rules.ceiling_policy());
        Self { judged, parameters: &wording.parameters, policy, rows_so_far: Some(rows) }
    }

    /// What runs if it is released: what is held was judged by its own text.
    fn wording(&self) -> Wording {
        Wording::new(self.judged.text.clone(), self.parameters)
    }
}

/// Opens or joins an approval, waits for its end, spends it. The client's bytes are only collected meanwhile.
pub(in crate::session) async fn hold<W: Wire>(wire: &mut W, held: Held<'_>) -> Result<Waited, End> {
    if wire.core().services.draining.is_cancelled() {
        return Ok(Waited::Refused(Refusal::draining(None)));
    }
    if let Some(waited) = by_grant(wire, &held).await {
        return Ok(waited);
    }
    let locks = if held.rows_so_far.is_none() { wire.lock_situation().await? } else { None };
    let inside = wire.transaction() != Transaction::Idle;
    let mut request = Request { locks, ..wire.core().request(&held, inside) };
    let role = wire.core().role_for(held.judged);
    if let (Some(role), Some(first), None) = (&role, request.statements.first_mut(), held.rows_so_far) {
        first.summary = format!("{}. Runs in the role {role}", first.summary.trim_end_matches('.'));
    }
    let digest = request.digest.clone();
    let times = Times { expires: held.policy.expires, use_within: held.policy.use_within };
    let limit = wire.core().hold_limit(&held, inside);
    let desk = wire.core().services.desk.clone();
    let mut ticket = match desk.open(request, times).await {
        Ok(ticket) => ticket,
        Err(refused) => return Ok(Waited::Refused(refused)),
    };
    let id = ticket.id().clone();
    if held.rows_so_far.is_none() {
        remember(wire.core(), &held, &id).await;
    }
    wire.core().said.last_approval = Some(id.clone());
    wire.announce(&ticket);
    let waiting = metrics::gauge!(meters::HOLDS, "database" => wire.core().database.clone());
    waiting.increment(1.0);
    let waited = wait(wire, &mut ticket, limit).await;
    waiting.decrement(1.0);
    if let Some(refused) = waited? {
        return Ok(Waited::Refused(refused));
    }
    // What an approver saw must be what runs: a new catalog or new rules since then need a new look.
    let now = wire.core().world().await?;
    if !now.same_as(&held.judged.world) && !wire.core().same_reading(held.judged, &now) {
        let _given = desk.withdraw(&id, "the catalog or the rules changed").await;
        return Ok(Waited::Refused(Refusal::changed(&id, "the catalog or the rules")));
    }
    let statement = wire.core().coming_statement();
    let check = SpendCheck { digest, rules_version: now.rules.version().to_owned(), statement };
    let release = match desk.spend(&ticket, &check).await {
        Ok(release) => release,
        Err(refused) => return Ok(Waited::Refused(refused)),
    };
    let warrant = Warrant { approval: Some(id.clone()), wording: held.wording(), ..Warrant::default() };
    if held.rows_so_far.is_some() {
        // The rest of a running result: what was due is paid.
        return Ok(Waited::Released(release, warrant));
    }
    match wire.core().dues(held.judged, Paying::Approved(Some(&id))).await {
        Ok(dues) => Ok(Waited::Released(release, Warrant { dues, role, ..warrant })),
        Err(refused) => {
            wire.core().finish_unused(id, None);
            Ok(Waited::Refused(refused))
        }
    }
}

/// A standing approval covers the statement: nobody is asked. What is due is paid first and the run counted last, so that none
/// is lost to a statement that does not go.
async fn by_grant<W: Wire>(wire: &mut W, held: &Held<'_>) -> Option<Waited> {
    // Values are shown unmasked to one statement that somebody has seen, never to a shape.
    if held.rows_so_far.is_some() || held.judged.statements.iter().any(|one| !one.reveal.is_empty()) {
        return None;
    }
    let core: &Core = wire.core();
    let grants = core.services.grants.clone();
    let bound = core.bound_to(held.judged, held.parameters);
    let settings = bound.settings();
    let input = bound.input(&settings);
    let digest = digest(&input);
    let changes = held.judged.statements.iter().map(|one| one.changed_at_most().unwrap_or(u64::MAX)).max();
    let asked = Asked {
        input: &input,
        digest: &digest,
        changes: changes.unwrap_or(u64::MAX),
        session: core.id,
        statement: core.coming_statement(),
    };
    let granted = async {
        if !grants.covers(&asked)? {
            return Ok(None);
        }
        let dues = core.dues(held.judged, Paying::Approved(None)).await?;
        Ok(grants.use_grant(&asked).await?.map(|granted| (granted, dues)))
    };
    match granted.await {
        Ok(None) => None,
        Ok(Some((granted, dues))) => {
            let rows_max = Some(granted.rows_max);
            let (wording, role) = (held.wording(), core.role_for(held.judged));
            let warrant = Warrant { approval: None, rows_max, dues, wording, role };
            Some(Waited::Released(granted.release, warrant))
        }
        Err(refused) => Some(Waited::Refused(refused)),
    }
}

/// What a grant from this approval would be bound to.
async fn remember(core: &Core, held: &Held<'_>, approval: &ApprovalId) {
    let bound = core.bound_to(held.judged, held.parameters);
    let settings = bound.settings();
    // FAIL CLOSED: without it no grant can be given from this approval.
    if let Err(error) = core.services.grants.remember(approval, &bound.input(&settings)).await {
        tracing::warn!(%approval, %error, "no grant can be given from this approval");
    }
}

/// Waits for a decision. `None`: approved.
async fn wait<W: Wire>(wire: &mut W, ticket: &mut Ticket, limit: Duration) -> Result<Option<Refusal>, End> {
    let services = wire.core().services.clone();
    let cancel = wire.core().cancel.handle().clone();
    let inside = wire.transaction() != Transaction::Idle;
    let deadline = Instant::now() + limit;
    let mut beat = tokio::time::interval(services.config.hold.heartbeat);
    beat.tick().await;
    let id = ticket.id().clone();
    let url = &services.config.api.public_url;
    loop {
        tokio::select! {
            biased;
            settled = ticket.settled() => return Ok(settled.refusal(&ticket.approval(), url)),
            () = cancel.requested() => {
                // It may have been decided at this very moment; then the approval stays and is not used.
                let _decided = services.desk.cancel(ticket, "cancelled by the client").await;
                return Ok(Some(Refusal::cancelled(&id)));
            }
            () = cancel.killed() => return Err(End::Proxy(KILLED.to_owned())),
            () = services.draining.cancelled() => return Ok(Some(Refusal::draining(Some(&id)))),
            () = tokio::time::sleep_until(deadline) => return Ok(Some(Refusal::pending(&ticket.approval(), inside, url))),
            _ = beat.tick() => wire.beat(&id),
            turned = wire.held_turn() => turned?,
        }
    }
}

impl Core {
    /// How long the client is held: the policy's time, the requester's wish, the bound inside transactions.
    fn hold_limit(&self, held: &Held<'_>, inside: bool) -> Duration {
        let config = &self.services.config.hold;
        let usual = self.said.hold.map_or(held.policy.hold, |wish| wish.min(config.hold_max));
        if inside || held.rows_so_far.is_some() { usual.min(config.hold_in_transaction) } else { usual }
    }

    /// The statement still reads the same in a newer world, and the same rules hold it.
    fn same_reading(&self, judged: &Judged, now: &World) -> bool {
        if judged.world.rules.version() != now.rules.version() {
            return false;
        }
        let batch = crate::statement::read::read(&judged.text, &self.reading.scope, &now.catalog, &self.reading.known);
        batch.statements.len() == judged.statements.len()
            && batch.statements.iter().zip(judged.footprints()).all(|(new, old)| new.footprint == *old)
            && judged.statements.iter().all(|one| {
                one.statement.footprint.relations.iter().filter_map(|used| used.key).all(|key| {
                    let of = |catalog: &crate::catalog::Catalog| {
                        catalog.relation(key).map(|relation| (relation.columns.clone(), relation.definition.clone()))
                    };
                    of(&judged.world.catalog) == of(&now.catalog) && same_classes(key, &judged.world, now)
                })
            })
    }
}

/// The columns of a relation carry the same classes in both.
fn same_classes(relation: RelationKey, before: &World, now: &World) -> bool {
    let columns = now.catalog.relation(relation).into_iter().flat_map(|relation| &relation.columns);
    let mut keys = columns.map(|column| ColumnKey { relation, number: column.number });
    keys.all(|key| {
        let names = |world: &World| world.classes.of(key).map(|class| class.name.clone()).collect::<BTreeSet<_>>();
        names(before) == names(now)
    })
}
