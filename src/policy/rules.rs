//! `rules/*.yaml`, compiled: classes, columns, rules, limits. Immutable, versioned by content.

pub mod approval;
pub mod cases;
pub mod classify;
pub mod compile;
pub mod file;
pub mod glob;
pub mod lint;
pub mod mask;
pub mod shape;
pub mod vouch;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use crate::identity::assurance::Assurance;
use crate::identity::ids::RuleId;
use crate::policy::action::Action;
use crate::policy::budget::Budget;
use crate::policy::class::Class;
use crate::policy::detector::DetectorSet;
use crate::policy::rules::file::{CatalogRaw, Mode, Severity, TestRaw};
use crate::policy::rules::glob::PathPattern;
use crate::policy::rules::vouch::Vouch;
use crate::policy::ruling::{Effect, Stage};
use crate::policy::yaml::tree::Place;
use crate::statement::footprint::Verb;

/// What is wrong with rules, and where.
pub type RuleError = crate::policy::yaml::Fault;

/// More rows than this are bulk, unless the rules say otherwise.
pub const BULK_ROWS: u64 = 1000;

/// The group that approves when no rule names one.
pub const APPROVERS: &str = "approvers";

/// All rules that are in force together.
#[derive(Clone, Debug)]
pub struct RuleSet {
    pub(crate) version: String,
    pub(crate) classes: Vec<Arc<Class>>,
    pub(crate) class_origins: Vec<Origin>,
    pub(crate) columns: Vec<ColumnRule>,
    pub(crate) detect: DetectorSet,
    pub(crate) detect_except: Vec<PathPattern>,
    pub(crate) vouches: Vec<Vouch>,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) bulk_rows: u64,
    pub(crate) agent_limits: Vec<(Vec<String>, u64)>,
    pub(crate) defaults: Approval,
    pub(crate) times: Times,
    pub(crate) tests: Vec<Case>,
    pub(crate) catalog: Option<CatalogRaw>,
}

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// File.
    pub file: String,
    /// Place in it.
    pub place: Place,
}

/// Which columns a class stands on.
#[derive(Clone, Debug)]
pub struct ColumnRule {
    /// How they are found.
    pub by: ColumnPattern,
    /// Index into the classes; `None` exempts from name patterns (`class: none`).
    pub class: Option<usize>,
    /// Where it was written.
    pub origin: Origin,
}

/// How columns are found.
#[derive(Clone, Debug)]
pub enum ColumnPattern {
    /// By path: `database.schema.table.column`.
    Path(PathPattern),
    /// By name, in user tables.
    Name(Regex),
}

/// How approval is to be had, as far as it was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approval {
    /// Stages.
    pub stages: Vec<Stage>,
    /// How long people may decide.
    pub expires: Option<Duration>,
    /// How long the client is held.
    pub hold: Option<Duration>,
    /// How long an approval may be used.
    pub use_within: Option<Duration>,
    /// The requester must say why.
    pub reason_required: bool,
    /// How sure it must be who approves.
    pub assurance: Option<Assurance>,
}

/// Times that count when no rule says otherwise; `holdpoint.yaml` sets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How long people may decide.
    pub expires: Duration,
    /// How long the client is held.
    pub hold: Duration,
    /// How long an approval may be used.
    pub use_within: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            expires: Duration::from_secs(3600),
            hold: Duration::from_secs(300),
            use_within: Duration::from_secs(900),
        }
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub id: RuleId,
    /// How bad it would be.
    pub severity: Severity,
    /// Is it applied?
    pub mode: Mode,
    /// When it matches.
    pub when: When,
    /// What it asks for.
    pub then: Effect,
    /// How approval is to be had.
    pub approval: Option<Approval>,
    /// What the agent is told.
    pub message: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// A link.
    pub docs: Option<String>,
    /// Where it was written.
    pub origin: Origin,
}

/// Conditions; `None` was not given and matches everything.
#[derive(Clone, Debug, Default)]
pub struct When {
    /// Actions.
    pub actions: Option<Vec<Action>>,
    /// Class patterns.
    pub classes: Option<Vec<String>>,
    /// Agent patterns.
    pub agents: Option<Vec<String>>,
    /// Agent groups.
    pub groups: Option<Vec<String>>,
    /// Database patterns.
    pub databases: Option<Vec<String>>,
    /// Relation patterns.
    pub relations: Option<Vec<PathPattern>>,
    /// Object kinds.
    pub objects: Option<Vec<String>>,
    /// Verbs.
    pub verbs: Option<Vec<Verb>>,
    /// More rows than this.
    pub rows_over: Option<u64>,
}

/// One case of `tests:`.
#[derive(Clone, Debug)]
pub struct Case {
    /// As written.
    pub raw: TestRaw,
    /// Where.
    pub origin: Origin,
}

/// The JSON Schema of a rules file, pretty-printed, with a final newline.
pub fn schema() -> String {
    format!("{:#}\n", crate::policy::yaml::schema::of::<file::RulesFile>())
}

impl RuleSet {
    /// Hex SHA-256 over the sorted contents of the files.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Every rule, in the order of the files.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Every class.
    pub fn classes(&self) -> &[Arc<Class>] {
        &self.classes
    }

    /// The cases of `tests:`.
    pub fn tests(&self) -> &[Case] {
        &self.tests
    }

    /// The tables of `catalog:`, for tests without a server.
    pub fn catalog(&self) -> Option<&CatalogRaw> {
        self.catalog.as_ref()
    }

    /// The same rules with other times where no rule says any.
    pub fn with_times(mut self, times: Times) -> Self {
        self.times = times;
        self
    }

    /// Rows that make a read or write of this agent a bulk one, before classes lower it.
    pub fn agent_limit(&self, agent: &str) -> u64 {
        let own = self.agent_limits.iter().find(|(agents, _)| glob::any(agents, agent));
        own.map_or(self.bulk_rows, |(_, rows)| *rows)
    }
}
