//! One text, judged: read, footprint, ruling, for every statement in it. The same for both protocols.

pub mod shelf;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::audit::meters;
use crate::catalog::Catalog;
use crate::identity::agent::Agent;
use crate::masking::column::Format;
use crate::masking::plan::Plan;
use crate::policy::budget::Charge;
use crate::policy::class::ClassMap;
use crate::policy::judge::{Evidence, Situation, Subject};
use crate::policy::rules::RuleSet;
use crate::policy::ruling::{ApprovalPolicy, Effect, Ruling};
use crate::statement::fingerprint::{Normalised, normalise};
use crate::statement::footprint::{Footprint, Opaque, RowBound};
use crate::statement::read::{Known, Statement};
use crate::statement::scope::Scope;

/// One consistent picture to judge by: rules, catalog, and which columns carry which classes.
#[derive(Clone)]
pub struct World {
    /// The upstream's catalog.
    pub catalog: Arc<Catalog>,
    /// The rules.
    pub rules: Arc<RuleSet>,
    /// Classes of the catalog's columns under these rules.
    pub classes: Arc<ClassMap>,
    /// The version of what columns inherited that is in `classes`.
    pub inherited: u64,
}

impl World {
    /// Same rules, same catalog content, same inherited classes.
    pub fn same_as(&self, other: &Self) -> bool {
        self.catalog.version == other.catalog.version
            && self.rules.version() == other.rules.version()
            && self.inherited == other.inherited
    }
}

/// One statement of a text with its ruling.
pub struct Judgement {
    /// What was read.
    pub statement: Statement,
    /// What the rules say.
    pub ruling: Ruling,
    /// The planner's word, if it was asked.
    pub evidence: Evidence,
    /// The planner's word could change the ruling, and was not asked yet.
    pub wants_estimate: bool,
    /// What it counts against, if the rules set budgets.
    pub charge: Charge,
    /// Classes whose masks do not apply to its result.
    pub reveal: BTreeSet<Arc<str>>,
    normalised: OnceLock<Normalised>,
    /// Plans made for result headers seen before.
    plans: Mutex<Vec<KeptPlan>>,
    counters: OnceLock<Vec<metrics::Counter>>,
}

/// Plans kept per statement: a header changes only with its table.
const PLANS_MAX: usize = 4;

/// A plan, and the result it was made for.
#[derive(Clone)]
struct KeptPlan {
    /// The bytes of the result header.
    header: Bytes,
    /// The formats asked for.
    formats: Vec<Format>,
    plan: Arc<Plan>,
}

impl Judgement {
    /// Text without literals and its fingerprint, for the audit; made at the first use.
    pub fn normalised(&self) -> &Normalised {
        self.normalised.get_or_init(|| normalise(&self.statement.text, &self.statement.dialect))
    }

    /// The most rows that the statement changes, as far as its text or the planner tells.
    pub fn changed_at_most(&self) -> Option<u64> {
        match self.statement.footprint.changed {
            RowBound::None => Some(0),
            RowBound::AtMost(rows) => Some(rows),
            RowBound::Unbounded => self.evidence.estimated_changed,
        }
    }

    /// The plan for a result header seen before, byte for byte.
    pub fn kept_plan(&self, header: &[u8], formats: &[Format]) -> Option<Arc<Plan>> {
        let plans = self.plans.lock();
        plans.iter().find(|kept| kept.header == header && kept.formats == formats).map(|kept| kept.plan.clone())
    }

    /// Keeps a plan that both witnesses agree on.
    pub fn keep_plan(&self, header: Bytes, formats: &[Format], plan: Arc<Plan>) {
        let mut plans = self.plans.lock();
        if plans.len() >= PLANS_MAX {
            plans.clear();
        }
        plans.push(KeptPlan { header, formats: formats.to_vec(), plan });
    }

    /// Counts one statement: labels have few values, never text or ids.
    pub fn count(&self, protocol: &'static str, verdict: &'static str) {
        let counters = self.counters.get_or_init(|| {
            let verb = crate::policy::rules::file::verb_name(self.statement.footprint.verb);
            let mut counters = vec![
                metrics::counter!(meters::STATEMENTS, "protocol" => protocol, "kind" => verb, "verdict" => verdict),
            ];
            for hit in &self.ruling.hits {
                let mode = if hit.enforced { "enforce" } else { "report" };
                counters.push(metrics::counter!(meters::RULE_HITS, "rule" => hit.rule.0.clone(), "mode" => mode));
            }
            counters
        });
        counters.iter().for_each(|counter| counter.increment(1));
    }
}

/// A whole text with the rulings on all its statements.
pub struct Judged {
    /// The exact text.
    pub text: Arc<str>,
    /// The world it was judged by.
    pub world: Arc<World>,
    /// How it was read.
    pub scope: Arc<Scope>,
    /// One entry per statement; at least one.
    pub statements: Vec<Judgement>,
    /// Some statement counts against a budget.
    pub charged: bool,
}

impl std::fmt::Debug for Judged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the text: literals stay out of logs.
        f.debug_struct("Judged").field("statements", &self.statements.len()).finish_non_exhaustive()
    }
}

impl Judged {
    /// The strongest effect over all statements.
    pub fn effect(&self) -> Effect {
        self.statements.iter().map(|one| one.ruling.effect).max().unwrap_or(Effect::Hold)
    }

    /// Some statement touches classified columns.
    pub fn tainted(&self) -> bool {
        self.statements.iter().any(|one| one.ruling.tainted)
    }

    /// The statement whose ruling is the strongest: its words are shown.
    pub fn strongest(&self) -> Option<&Judgement> {
        self.statements.iter().max_by_key(|one| one.ruling.effect)
    }

    /// Allowed, and would be with other literals in the places where a skeleton has none: bounds and names do not rest on
    /// them, and where the planner was asked, a result has its ceiling. Rows changed have none, so they are asked each time.
    fn holds_for_any_literal(&self) -> bool {
        self.effect() == Effect::Allow
            && self.statements.iter().all(|one| one.evidence.estimated_changed.is_none() && !one.wants_estimate)
    }

    /// Footprints of all statements.
    pub fn footprints(&self) -> impl Iterator<Item = &Arc<Footprint>> {
        self.statements.iter().map(|one| &one.statement.footprint)
    }

    /// Holding policies of all held statements, joined: every stage, the shortest times.
    pub fn approval_policy(&self) -> Option<ApprovalPolicy> {
        let mut held = self.statements.iter().filter(|one| one.ruling.effect == Effect::Hold);
        let mut joined = held.next()?.ruling.approval.clone()?;
        for policy in held.filter_map(|one| one.ruling.approval.as_ref()) {
            joined.join(policy);
        }
        Some(joined)
    }
}

/// Everything beside the text that a judgement depends on.
pub struct Bench<'a> {
    /// Rules and catalog.
    pub world: &'a Arc<World>,
    /// How the server reads and resolves.
    pub scope: &'a Arc<Scope>,
    /// Prepared statements and cursors of the session.
    pub known: &'a Known,
    /// Who asks.
    pub agent: &'a Agent,
    /// Key under `databases:`.
    pub database: &'a str,
    /// Set when names cannot be trusted for now (DDL in the open transaction): every statement is opaque.
    pub blind: Option<&'static str>,
    /// Classes that the agent asks to see.
    pub wanted: &'a BTreeSet<String>,
}

/// Reads and judges `text`; `evidence` holds the planner's word per statement, in order, as far as it was asked.
pub fn judge(text: &str, bench: &Bench<'_>, evidence: &[Evidence]) -> Judged {
    let batch = crate::statement::read::read(text, bench.scope, bench.catalog(), bench.known);
    let shadow = batch.statements.len() > 1;
    let mut blind = bench.blind;
    let mut statements = Vec::with_capacity(batch.statements.len());
    for (index, mut statement) in batch.statements.into_iter().enumerate() {
        if let Some(why) = blind.filter(|_| !is_transaction_end(&statement.footprint)) {
            make_opaque(&mut statement, why);
        }
        if shadow && changes_reading(&statement.footprint) {
            blind = Some("an earlier statement of the same batch changes how names are read; send it on its own");
        }
        let evidence = evidence.get(index).copied().unwrap_or_default();
        let subject = Subject {
            agent: &bench.agent.name,
            groups: &bench.agent.groups,
            database: bench.database,
            has_reason: true,
        };
        let World { rules, classes: map, .. } = &**bench.world;
        let situation = Situation { subject: &subject, footprint: &statement.footprint, map, catalog: bench.catalog() };
        let charge = rules.charge(&situation);
        let (ruling, reveal) = match bench.wanted.is_empty() {
            true => (rules.judge(&subject, &statement.footprint, map, bench.catalog(), evidence), BTreeSet::new()),
            false => {
                let answer = rules.judge_unmasking(&situation, evidence, bench.wanted);
                (answer.ruling, answer.reveal)
            }
        };
        let wants_estimate = evidence == Evidence::default()
            && rules.needs_estimate(&statement.footprint, map, bench.catalog(), &subject);
        statements.push(Judgement {
            statement,
            ruling,
            evidence,
            wants_estimate,
            charge,
            reveal,
            normalised: OnceLock::new(),
            plans: Mutex::default(),
            counters: OnceLock::new(),
        });
    }
    let charged = statements.iter().any(|one| !one.charge.is_empty());
    Judged { text: Arc::from(text), world: bench.world.clone(), scope: bench.scope.clone(), statements, charged }
}

impl Bench<'_> {
    fn catalog(&self) -> &Catalog {
        &self.world.catalog
    }
}

fn is_transaction_end(footprint: &Footprint) -> bool {
    use crate::statement::footprint::{SessionEffect, TransactionVerb};
    footprint
        .session
        .iter()
        .any(|effect| matches!(effect, SessionEffect::Transaction(TransactionVerb::Commit | TransactionVerb::Rollback)))
}

/// After this statement, names may mean something else.
pub fn changes_reading(footprint: &Footprint) -> bool {
    use crate::statement::footprint::{Facet, SessionEffect};
    footprint.session.iter().any(|effect| matches!(effect, SessionEffect::ChangesReading { .. }))
        || !footprint.opaque.is_empty()
        || footprint
            .facets
            .iter()
            .any(|facet| matches!(facet, Facet::Defines | Facet::Privilege | Facet::Routine | Facet::Server))
}

fn make_opaque(statement: &mut Statement, why: &'static str) {
    let mut footprint = Footprint::clone(&statement.footprint);
    footprint.opaque.push(Opaque { what: Arc::from("names"), why: Arc::from(why) });
    for output in footprint.outputs.iter_mut().flatten() {
        output.unknown = true;
    }
    statement.footprint = Arc::new(footprint);
}
