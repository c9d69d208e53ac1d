//! One rule against one statement: does it match, and why, in words.

use crate::catalog::{Relation, RelationKey};
use crate::policy::action::Action;
use crate::policy::judge::Situation;
use crate::policy::judge::builtin::opaque_words;
use crate::policy::judge::facts::Facts;
use crate::policy::judge::words;
use crate::policy::rules::file::verb_name;
use crate::policy::rules::glob::PathPattern;
use crate::policy::rules::{Rule, When, glob};
use crate::statement::footprint::RelationUse;

/// Does the rule match?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes, because of this.
    Match(String),
    /// No: this condition is not met.
    Miss(String),
}

/// Asks one rule.
pub fn answer(rule: &Rule, situation: &Situation<'_>, facts: &Facts) -> Answer {
    let mut reasons = Vec::new();
    let checks = [who(&rule.when, situation), what(&rule.when, situation), rows(&rule.when, facts)];
    for check in checks {
        match check {
            Ok(found) => reasons.extend(found),
            Err(missing) => return Answer::Miss(missing),
        }
    }
    match actions_and_classes(&rule.when, situation, facts) {
        Ok(found) => {
            reasons.splice(0..0, found);
        }
        Err(missing) => return Answer::Miss(missing),
    }
    match reasons.is_empty() {
        true => Answer::Match("matches every statement".to_owned()),
        false => Answer::Match(reasons.join(", ")),
    }
}

type Check = Result<Vec<String>, String>;

fn who(when: &When, situation: &Situation<'_>) -> Check {
    let subject = situation.subject;
    let mut reasons = Vec::new();
    if let Some(agents) = &when.agents {
        if !glob::any(agents, &subject.agent.0) {
            return Err(format!("agent {} is none of {}", subject.agent, agents.join(", ")));
        }
        reasons.push(format!("agent {}", subject.agent));
    }
    if let Some(groups) = &when.groups {
        match subject.groups.iter().find(|group| groups.contains(group)) {
            Some(group) => reasons.push(format!("group {group}")),
            None => return Err(format!("agent is in no group of {}", groups.join(", "))),
        }
    }
    if let Some(databases) = &when.databases {
        if !glob::any(databases, subject.database) {
            return Err(format!("database {} is none of {}", subject.database, databases.join(", ")));
        }
        reasons.push(format!("database {}", subject.database));
    }
    Ok(reasons)
}

fn what(when: &When, situation: &Situation<'_>) -> Check {
    let footprint = situation.footprint;
    let mut reasons = Vec::new();
    if let Some(verbs) = &when.verbs {
        let verb = verb_name(footprint.verb);
        if !verbs.contains(&footprint.verb) {
            return Err(format!("verb {verb} is not listed"));
        }
        reasons.push(format!("verb {verb}"));
    }
    if let Some(objects) = &when.objects {
        match footprint.object_kind.as_deref().filter(|kind| objects.iter().any(|wanted| wanted == kind)) {
            Some(kind) => reasons.push(format!("object {kind}")),
            None => return Err(format!("no object of kind {}", objects.join(", "))),
        }
    }
    if let Some(patterns) = &when.relations {
        match footprint.relations.iter().find(|used| relation_fits(used, patterns, situation)) {
            Some(used) => reasons.push(format!("relation {}", used.name)),
            None => return Err("touches no relation listed".to_owned()),
        }
    }
    Ok(reasons)
}

fn rows(when: &When, facts: &Facts) -> Check {
    let Some(over) = when.rows_over else { return Ok(Vec::new()) };
    let measure = facts.measure;
    match measure.returned.may_exceed(over) || measure.changed.may_exceed(over) {
        true => Ok(vec![format!("may exceed {} rows", words::number(over))]),
        false => Err(format!("at most {} rows", words::number(over))),
    }
}

/// A partition is read through its parents and a parent through its partitions, so kin count as the relation itself.
fn relation_fits(used: &RelationUse, patterns: &[PathPattern], situation: &Situation<'_>) -> bool {
    let fits = |name: &str| {
        let parts: Vec<&str> = std::iter::once(situation.subject.database).chain(name.split('.')).collect();
        patterns.iter().any(|pattern| pattern.fits_end(&parts))
    };
    let catalog = situation.catalog;
    let kin = |pick: fn(&Relation) -> &[RelationKey]| {
        let mut found: Vec<RelationKey> = Vec::new();
        let mut open: Vec<RelationKey> = used.key.into_iter().collect();
        while let Some(key) = open.pop() {
            let Some(relation) = catalog.relation(key) else { continue };
            let fresh: Vec<RelationKey> = pick(relation).iter().filter(|key| !found.contains(key)).copied().collect();
            found.extend(&fresh);
            open.extend(fresh);
        }
        found.into_iter().filter_map(|key| catalog.relation(key)).any(|relation| fits(&relation.qualified()))
    };
    fits(&used.name) || kin(|relation| &relation.parents) || kin(|relation| &relation.children)
}

/// Does this word of a rule mean this action of a statement? A bulk read is a read and a bulk write a write: a rule
/// against reads that let go of the large ones would be a trap.
pub fn means(wanted: Action, action: Action) -> bool {
    wanted == action
        || matches!((wanted, action), (Action::Read, Action::BulkRead) | (Action::Write, Action::BulkWrite))
}

/// A bulk read, and whether a budget makes it one.
fn bulk_words(facts: &Facts) -> String {
    let word = words::action(Action::BulkRead);
    match facts.measure.allowance.rows {
        Some(left) if left == facts.read_limit => format!("{word} ({} rows left of the budget)", words::number(left)),
        _ => word.to_owned(),
    }
}

/// With both keys given, one action must touch one of the classes: a probe of one column does not make the output of
/// another one match.
fn actions_and_classes(when: &When, situation: &Situation<'_>, facts: &Facts) -> Check {
    let meant = |wanted: &Vec<Action>, action: &Action| wanted.iter().any(|wanted| means(*wanted, *action));
    let listed = |action: &Action| when.actions.as_ref().is_none_or(|wanted| meant(wanted, action));
    let present: Vec<Action> = facts.actions.keys().copied().filter(listed).collect();
    if present.is_empty() {
        let have: Vec<&str> = facts.actions.keys().map(|action| words::action(*action)).collect();
        return Err(format!("actions are {}", have.join(", ")));
    }
    let mut reasons = Vec::new();
    if when.actions.is_some() {
        reasons.extend(present.iter().map(|action| match action {
            Action::Opaque => opaque_words(situation.footprint),
            Action::BulkRead => bulk_words(facts),
            action => words::action(*action).to_owned(),
        }));
    }
    let Some(patterns) = &when.classes else { return Ok(reasons) };
    let found: Vec<&str> = match when.actions {
        Some(_) => {
            present.iter().filter_map(|action| facts.actions.get(action)).flatten().map(|name| &**name).collect()
        }
        None => facts.touched.iter().map(|name| &**name).collect(),
    };
    let mut fitting: Vec<&str> = found.into_iter().filter(|name| glob::any(patterns, name)).collect();
    fitting.sort_unstable();
    fitting.dedup();
    match fitting.is_empty() {
        true => Err(format!("touches no class of {}", patterns.join(", "))),
        false => {
            reasons.push(format!("class {}", fitting.join(", ")));
            Ok(reasons)
        }
    }
}
