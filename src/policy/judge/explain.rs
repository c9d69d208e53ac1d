//! Why a statement gets its verdict: what was read, which rules were asked, what each answered, what comes of it.

use crate::policy::judge::facts::{Facts, Measure, Rows};
use crate::policy::judge::matching::{Answer, answer};
use crate::policy::judge::{Evidence, Situation, words};
use crate::policy::rules::file::{Mode, verb_name};
use crate::policy::rules::{Rule, RuleSet};
use crate::policy::ruling::{ApprovalPolicy, Effect, Ruling};
use crate::policy::span;
use crate::statement::footprint::RowBound;

/// One rule's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleLine {
    /// The rule's id; built-in ones are `class:<name>/probe`, `class:<name>/write`, `default:opaque`.
    pub rule: String,
    /// What it asks for.
    pub effect: Effect,
    /// Is it applied?
    pub enforced: bool,
    /// Did it match?
    pub matched: bool,
    /// Why, or why not.
    pub why: String,
}

/// Everything that led to one statement's verdict.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Verb and kind of object.
    pub verb: String,
    /// Relations and how they are used.
    pub objects: Vec<String>,
    /// Functions called.
    pub functions: Vec<String>,
    /// Where each result column comes from.
    pub lineage: Vec<String>,
    /// Columns that shape rows.
    pub probes: Vec<String>,
    /// Columns that are written.
    pub writes: Vec<String>,
    /// What could not be understood.
    pub opaque: Vec<String>,
    /// Rows to be expected.
    pub rows: String,
    /// Every rule, in the order of the files, built-in ones first.
    pub rules: Vec<RuleLine>,
    /// Result columns that come back masked, and the class.
    pub masked: Vec<(String, String)>,
    /// The ruling.
    pub ruling: Ruling,
}

impl RuleSet {
    /// Explains one statement; the ruling in it is what [`RuleSet::judge`] gives for the same arguments.
    pub fn explain(&self, situation: &Situation<'_>, evidence: Evidence) -> Explanation {
        let Situation { subject, footprint, map, catalog } = *situation;
        let measure = Measure::of(footprint, evidence);
        let facts = Facts::of(self, situation, measure);
        let ruling = self.judge(subject, footprint, map, catalog, evidence);
        let kind = footprint.object_kind.as_deref().unwrap_or_default();
        let object = |used: &crate::statement::footprint::RelationUse| {
            let known = if used.key.is_some() { "" } else { ", not in the catalog" };
            format!("{} ({}{known})", used.name, access(used.access))
        };
        let probe = |probe: &crate::statement::footprint::Probe| {
            let classes: Vec<&str> = map.of(probe.column).map(|class| &*class.name).collect();
            let column = words::column(catalog, probe.column);
            let class = if classes.is_empty() { String::new() } else { format!(" ({})", classes.join(" and ")) };
            format!("{column} in {}{class}", words::position(probe.position))
        };
        Explanation {
            verb: format!("{} {kind}", verb_name(footprint.verb)).trim_end().to_owned(),
            objects: footprint.relations.iter().map(object).collect(),
            functions: footprint.functions.iter().map(ToString::to_string).collect(),
            lineage: words::lineage_words(footprint, catalog, map),
            probes: footprint.probes.iter().map(probe).collect(),
            writes: footprint.writes.iter().map(|write| words::column(catalog, write.target)).collect(),
            opaque: footprint.opaque.iter().map(|part| format!("{}: {}", part.what, part.why)).collect(),
            rows: rows_words(measure),
            rules: self.lines(situation, &facts, &ruling),
            masked: words::masked_outputs(footprint, map),
            ruling,
        }
    }

    fn lines(&self, situation: &Situation<'_>, facts: &Facts, ruling: &Ruling) -> Vec<RuleLine> {
        let own = |hit: &&crate::policy::ruling::RuleHit| !self.rules.iter().any(|rule| rule.id == hit.rule);
        let builtin = ruling.hits.iter().filter(own).map(|hit| RuleLine {
            rule: hit.rule.0.clone(),
            effect: hit.effect,
            enforced: hit.enforced,
            matched: true,
            why: hit.because.clone(),
        });
        let line = |rule: &Rule| {
            let (matched, why) = match answer(rule, situation, facts) {
                Answer::Match(why) => (true, why),
                Answer::Miss(why) => (false, why),
            };
            let enforced = rule.mode == Mode::Enforce;
            RuleLine { rule: rule.id.0.clone(), effect: rule.then, enforced, matched, why }
        };
        builtin.chain(self.rules.iter().map(line)).collect()
    }
}

fn access(access: crate::statement::footprint::Access) -> &'static str {
    match access {
        crate::statement::footprint::Access::Read => "read",
        crate::statement::footprint::Access::Write => "written",
        crate::statement::footprint::Access::Define => "definition changed",
    }
}

fn rows_words(measure: Measure) -> String {
    let part = |name: &str, rows: Rows| (rows.bound != RowBound::None).then(|| format!("{name} {}", words::rows(rows)));
    let parts = [part("returns", measure.returned), part("changes", measure.changed)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "no rows".to_owned() } else { parts.join(", ") }
}

impl Explanation {
    /// What the agent would be told if nobody decided at once; `None` if it would just run.
    pub fn told(&self) -> Option<String> {
        let first = self.ruling.hits.iter().find(|hit| hit.enforced && hit.effect == self.ruling.effect)?;
        let message = first.message.as_deref().map(|text| format!(" {text}")).unwrap_or_default();
        match (self.ruling.effect, &self.ruling.approval) {
            (Effect::Hold, Some(approval)) => {
                Some(format!("held by rule {}: needs {}.{message}", first.rule, needs(approval)))
            }
            (Effect::Deny, _) => {
                Some(format!("blocked by rule {}: {}. Nobody is asked.{message}", first.rule, first.because))
            }
            _ => None,
        }
    }
}

/// `1 approval from group dba, then 2 from group a or b`.
pub fn needs(approval: &ApprovalPolicy) -> String {
    let stage = |stage: &crate::policy::ruling::Stage| {
        let plural = if stage.needed == 1 { "approval" } else { "approvals" };
        format!("{} {plural} from group {}", stage.needed, stage.groups.join(" or "))
    };
    approval.stages.iter().map(stage).collect::<Vec<_>>().join(" and ")
}

impl std::fmt::Display for Explanation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let actions: Vec<&str> = self.ruling.actions.iter().map(|action| words::action(*action)).collect();
        writeln!(f, "statement  {}", self.verb)?;
        writeln!(f, "actions    {}", actions.join(", "))?;
        section(f, "objects", &self.objects)?;
        section(f, "functions", &self.functions)?;
        section(f, "lineage", &self.lineage)?;
        section(f, "probes", &self.probes)?;
        section(f, "writes", &self.writes)?;
        section(f, "opaque", &self.opaque)?;
        writeln!(f, "rows       {}", self.rows)?;
        let rules: Vec<String> = self.rules.iter().map(ToString::to_string).collect();
        section(f, "rules", &rules)?;
        let masked: Vec<String> = self.masked.iter().map(|(column, class)| format!("{column} ({class})")).collect();
        section(f, "masked", &masked)?;
        if let Some(rows) = self.ruling.ceiling {
            writeln!(f, "ceiling    asked again behind {} rows", words::number(rows))?;
        }
        writeln!(f, "verdict    {}", words::effect(self.ruling.effect))?;
        if let Some(approval) = &self.ruling.approval {
            let reason = if approval.reason_required { ", a reason is required" } else { "" };
            let [expires, hold, used] = [approval.expires, approval.hold, approval.use_within].map(span::format);
            let sure = approval.assurance.map(|least| format!(", by {least} or better")).unwrap_or_default();
            writeln!(f, "approval   {}{reason}{sure}", needs(approval))?;
            writeln!(f, "           decided within {expires}, held for {hold}, used within {used}")?;
        }
        match self.told() {
            Some(told) => writeln!(f, "told       {told}"),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for RuleLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.matched { "match" } else { "-" };
        let mode = if self.enforced { "" } else { ", not enforced" };
        write!(f, "{sign:<5} {} ({}{mode}): {}", self.rule, words::effect(self.effect), self.why)
    }
}

fn section(f: &mut std::fmt::Formatter<'_>, title: &str, lines: &[String]) -> std::fmt::Result {
    for (index, line) in lines.iter().enumerate() {
        writeln!(f, "{:<10} {line}", if index == 0 { title } else { "" })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::identity::ids::AgentName;
    use crate::policy::judge::tests::Bench;
    use crate::policy::judge::{Evidence, Situation, Subject};
    use crate::statement::footprint::{Position, RowBound};

    #[test]
    fn explanation_names_every_rule_and_why() {
        let bench = Bench::rules(
            "classes: { pii.email: { mask: email } }
columns: [{ match: '**.email', class: pii.email }]
rules:
  - { id: bulk-pii, when: { actions: [bulk_read], classes: ['pii.*'] }, then: hold, message: Ask for less., approval: { stages: [{ groups: [dba, dpo], needed: 2 }], reason: required } }
  - { id: ddl, when: { actions: [ddl] }, then: deny }
  - { id: robots, mode: shadow, when: { agents: ['bot*'] }, then: deny }",
        );
        let mut footprint = bench.select(&["customers.id", "customers.email"], RowBound::Unbounded);
        footprint.probes = vec![bench.probe("customers.email", Position::Order)];
        let agent = AgentName("bot".to_owned());
        let subject = Subject { agent: &agent, groups: &[], database: "shop", has_reason: false };
        let situation =
            Situation { subject: &subject, footprint: &footprint, map: &bench.map, catalog: &bench.catalog };
        let text = bench.rules.explain(&situation, Evidence::rows(84_000)).to_string();
        let expected = "\
statement  select
actions    bulk_read, probe
objects    public.customers (read)
lineage    id: public.customers.id (plain)
           email: public.customers.email (plain, pii.email)
probes     public.customers.email in an order (pii.email)
rows       returns about 84 000 rows
rules      match class:pii.email/probe (hold): class pii.email shapes rows: public.customers.email in an order
           match bulk-pii (hold): bulk_read, class pii.email
           -     ddl (deny): actions are bulk_read, probe
           match robots (deny, not enforced): agent bot
masked     email (pii.email)
verdict    hold
approval   2 approvals from group dba or dpo, a reason is required
           decided within 1h, held for 5m, used within 15m
told       held by rule class:pii.email/probe: needs 2 approvals from group dba or dpo. Columns of class pii.email may be selected, and compared with = to a value; not filtered, joined, sorted or grouped otherwise.
";
        assert_eq!(text, expected);
    }
}
