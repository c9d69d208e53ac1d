//! A rules file as people write it, before anything is checked across files. The published JSON Schema comes from here.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::policy::action::Action;
use crate::policy::budget::BudgetRaw;
use crate::policy::class::{MaskSpec, ProbeSpec};
use crate::policy::detector::DetectRaw;
use crate::policy::rules::approval::ApprovalRaw;
use crate::policy::rules::mask::MaskRaw;
use crate::policy::rules::vouch::VouchRaw;
use crate::policy::ruling::Effect;
use crate::statement::footprint::Verb;

/// One `rules/*.yaml` file. All files of the directory are read as one.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RulesFile {
    /// Format version: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u16,
    /// How many rows make a read or a write a bulk one. In one file only.
    #[serde(default)]
    pub limits: Option<LimitsRaw>,
    /// What holds for rules that do not say it themselves. In one file only.
    #[serde(default)]
    pub defaults: Option<DefaultsRaw>,
    /// Classes by name, such as `pii.email`.
    #[serde(default)]
    pub classes: BTreeMap<String, ClassRaw>,
    /// Which columns carry which class.
    #[serde(default)]
    pub columns: Vec<ColumnRaw>,
    /// What to look for in values of columns without class. Default `off`. In one file only.
    #[serde(default)]
    pub detect: Option<DetectRaw>,
    /// Functions that somebody vouches for.
    #[serde(default)]
    pub functions: Vec<VouchRaw>,
    /// How much of a class an agent may have over time.
    #[serde(default)]
    pub budgets: Vec<BudgetRaw>,
    /// The rules.
    #[serde(default)]
    pub rules: Vec<RuleRaw>,
    /// Cases for `holdpoint rules test`.
    #[serde(default)]
    pub tests: Vec<TestRaw>,
    /// Tables for the tests, so that they run without a server. In one file only.
    #[serde(default)]
    pub catalog: Option<CatalogRaw>,
}

/// Row limits.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsRaw {
    /// More rows than this are bulk. Default 1000.
    #[serde(default)]
    pub bulk_rows: Option<u64>,
    /// Other limits for some agents; the first entry that names the agent counts. A class may lower them, never raise them.
    #[serde(default)]
    pub agents: Vec<AgentLimitRaw>,
}

/// A limit for some agents.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentLimitRaw {
    /// Agent names; `*` stands for anything.
    #[schemars(length(min = 1))]
    pub agents: Vec<String>,
    /// More rows than this are bulk.
    pub bulk_rows: u64,
}

/// Defaults.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DefaultsRaw {
    /// How approvals are to be had when a rule does not say. Default: one person of group `approvers`.
    pub approval: ApprovalRaw,
}

/// A class.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassRaw {
    /// What becomes of a value on its way back. Default `redact`.
    #[serde(default = "redact")]
    pub mask: MaskRaw,
    /// Another number gives the class another key for `hash`, `pseudonym` and `fpe`: what was masked before no longer matches.
    #[serde(default)]
    pub key: u32,
    /// What about predicates, joins, order and groups over it. Default `equality`.
    #[serde(default = "equality")]
    pub probe: ProbeSpec,
    /// `allow`: `sum` and `avg` come back as they are. Default `mask`.
    #[serde(default)]
    pub aggregates: AggregatesRaw,
    /// More rows than this are bulk when this class is among them; lowers the general limit, never raises it.
    #[serde(default)]
    pub bulk_rows: Option<u64>,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
}

fn redact() -> MaskRaw {
    MaskRaw(MaskSpec::Redact)
}

fn equality() -> ProbeSpec {
    ProbeSpec::Equality
}

/// What about sums and averages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AggregatesRaw {
    /// They come back as they are.
    Allow,
    /// They are redacted.
    #[default]
    Mask,
}

/// Which columns carry a class: by `match` or by `name`, one of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnRaw {
    /// `database.schema.table.column`; `*` stands for anything within a part, `**` for any parts.
    #[serde(default, rename = "match")]
    pub path: Option<String>,
    /// A regular expression on the column's name, in any user table.
    #[serde(default)]
    pub name: Option<String>,
    /// The class; `none` exempts the columns from `name` patterns.
    pub class: String,
    /// Where this entry comes from, for people and importers.
    #[serde(default)]
    pub source: Option<String>,
}

/// How bad it would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Little harm.
    Low,
    /// Some harm.
    #[default]
    Medium,
    /// Much harm.
    High,
    /// Drop everything.
    Critical,
}

/// Is a rule applied?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Applied.
    #[default]
    Enforce,
    /// Reported to people and to the agent, not applied.
    Warn,
    /// Reported to people, not applied.
    Shadow,
}

/// One rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleRaw {
    /// Its name: unique over all files; letters, digits, `-`, `_`, `.`.
    pub id: String,
    /// How bad it would be.
    #[serde(default)]
    pub severity: Severity,
    /// Is it applied?
    #[serde(default)]
    pub mode: Mode,
    /// When it matches: all keys given must match, any word of a key's list is enough. Nothing given matches everything.
    #[serde(default)]
    pub when: WhenRaw,
    /// What it asks for.
    pub then: Effect,
    /// How approval is to be had; for `then: hold`.
    #[serde(default)]
    pub approval: Option<ApprovalRaw>,
    /// What the agent is told: one line.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub message: Option<String>,
    /// Who answers for the rule.
    #[serde(default)]
    pub owner: Option<String>,
    /// A link to more.
    #[serde(default)]
    pub docs: Option<String>,
}

/// Conditions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhenRaw {
    /// The statement amounts to one of these; `read` means `bulk_read` too, and `write` means `bulk_write` too.
    #[serde(default)]
    pub actions: Option<Vec<Action>>,
    /// It touches one of these classes (with `actions`: in that way); `*` stands for anything.
    #[serde(default)]
    pub classes: Option<Vec<String>>,
    /// The agent is one of these; `*` stands for anything.
    #[serde(default)]
    pub agents: Option<Vec<String>>,
    /// The agent is in one of these groups.
    #[serde(default)]
    pub groups: Option<Vec<String>>,
    /// The database (key under `databases:`) is one of these; `*` stands for anything.
    #[serde(default)]
    pub databases: Option<Vec<String>>,
    /// It touches one of these relations: `table`, `schema.table` or `database.schema.table`; `*` stands for anything within a part.
    #[serde(default)]
    pub relations: Option<Vec<String>>,
    /// It is about an object of one of these kinds: `table`, `view`, `index`, `database`, `role` …
    #[serde(default)]
    pub objects: Option<Vec<String>>,
    /// Its verb is one of these.
    #[serde(default)]
    #[schemars(schema_with = "verbs_schema")]
    pub verbs: Option<Vec<Verb>>,
    /// It may return or change more rows than this.
    #[serde(default)]
    pub rows_over: Option<u64>,
}

/// Every verb, for the schema.
pub const VERBS: [Verb; 37] = [
    Verb::Alter,
    Verb::Maintain,
    Verb::Call,
    Verb::Close,
    Verb::Comment,
    Verb::CopyFrom,
    Verb::CopyTo,
    Verb::Create,
    Verb::Deallocate,
    Verb::Declare,
    Verb::Delete,
    Verb::Discard,
    Verb::Do,
    Verb::Drop,
    Verb::Empty,
    Verb::Execute,
    Verb::Explain,
    Verb::Fetch,
    Verb::Grant,
    Verb::Insert,
    Verb::Listen,
    Verb::Lock,
    Verb::Merge,
    Verb::Notify,
    Verb::Prepare,
    Verb::Refresh,
    Verb::Reindex,
    Verb::Reset,
    Verb::Revoke,
    Verb::Select,
    Verb::Set,
    Verb::Show,
    Verb::Transaction,
    Verb::Truncate,
    Verb::Update,
    Verb::Other,
    Verb::Unreadable,
];

/// A verb as rules write it.
pub fn verb_name(verb: Verb) -> String {
    serde_json::to_value(verb).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn verbs_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let mut names: Vec<String> = VERBS.iter().map(|verb| verb_name(*verb)).collect();
    names.sort();
    names.dedup();
    schemars::json_schema!({ "type": ["array", "null"], "items": { "enum": names } })
}

/// One case for `holdpoint rules test`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestRaw {
    /// For people.
    #[serde(default)]
    pub name: Option<String>,
    /// Who asks.
    pub agent: String,
    /// The agent's groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The database (key under `databases:`); default the catalog's.
    #[serde(default)]
    pub database: Option<String>,
    /// One or more statements; each must meet the expectation that the strongest verdict of them does.
    pub sql: String,
    /// What the planner would say: rows returned or changed. Left out: it says nothing.
    #[serde(default)]
    pub rows: Option<u64>,
    /// The verdict.
    pub expect: Effect,
    /// A rule that must be among those that matched.
    #[serde(default)]
    pub rule: Option<String>,
    /// Exactly these result columns come back masked.
    #[serde(default)]
    pub masked: Option<Vec<String>>,
}

/// Tables for tests, and the form of a catalog snapshot file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogRaw {
    /// The database's name, as under `databases:`.
    pub database: String,
    /// Whose server it is: how statements are read, which types there are.
    #[serde(default, skip_serializing_if = "DialectRaw::is_usual")]
    pub dialect: DialectRaw,
    /// Tables by `schema.name`.
    pub tables: BTreeMap<String, TableRaw>,
}

/// The kind of server that a catalog was made up for, or read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DialectRaw {
    /// PostgreSQL.
    #[default]
    Postgres,
    /// MySQL 8.4.
    MySql,
    /// MariaDB 10.11.
    MariaDb,
}

impl DialectRaw {
    fn is_usual(&self) -> bool {
        *self == Self::Postgres
    }
}

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableRaw {
    /// `name type`, in order, and `not null` where it is.
    pub columns: Vec<String>,
    /// Unique keys, the primary key first: lists of column names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Vec<String>>,
    /// Rows as the server estimates them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Partition or inheritance parents, `schema.name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    /// The definition, if it is a view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
}
