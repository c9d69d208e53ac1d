//! Do the reviews fill the stages, and who may never fill one.
//!
//! A person has one seat, in one stage. Who sits where is an assignment (Kuhn's augmenting paths), so that a person in two
//! groups is not wasted on the stage that somebody else could fill. One deny ends it.

use std::collections::{BTreeSet, HashSet};

use crate::gate::approval::{Requester, Review, Verdict};
use crate::identity::agent::Agent;
use crate::identity::ids::PersonName;
use crate::policy::ruling::Stage;

/// Everyone who stands behind a request, and so never decides it: the agent, its owner, who issued its credential, the
/// person it claims to act for, and whoever issued the credentials of those, to the end of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain(BTreeSet<String>);

impl Chain {
    /// Collects the chain. `agent` is the agent as it is now, which may have another owner than when the request was made;
    /// `issuers` names who issued a person's credentials.
    ///
    /// # Errors
    /// Whatever `issuers` fails with: without the whole chain nobody may decide.
    pub fn of<E>(
        requester: &Requester,
        agent: Option<&Agent>,
        mut issuers: impl FnMut(&PersonName) -> Result<Vec<PersonName>, E>,
    ) -> Result<Self, E> {
        let mut open =
            vec![PersonName(requester.agent.0.clone()), requester.owner.clone(), requester.issued_by.clone()];
        open.extend(requester.claims.end_user.clone().map(PersonName));
        open.extend(agent.into_iter().flat_map(|agent| [agent.owner.clone(), agent.issued_by.clone()]));
        let mut found = BTreeSet::new();
        while let Some(person) = open.pop() {
            if found.insert(folded(&person)) {
                open.extend(issuers(&person)?);
            }
        }
        Ok(Self(found))
    }

    /// Is this person part of it? Names that differ in case or outer blanks only are the same person here.
    pub fn holds(&self, person: &PersonName) -> bool {
        self.0.contains(&folded(person))
    }
}

fn folded(person: &PersonName) -> String {
    person.0.trim().to_lowercase()
}

/// Where a request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Somebody said no.
    Denied,
    /// Every stage has its people.
    Filled,
    /// This many approvals are still missing.
    Open {
        /// Seats without a person.
        missing: usize,
    },
}

/// Counts the reviews. Those of the requester's chain and second ones of the same person do not count.
pub fn standing(stages: &[Stage], reviews: &[Review], chain: &Chain) -> Standing {
    let counted = || reviews.iter().filter(|review| !chain.holds(&review.person));
    if counted().any(|review| review.verdict == Verdict::Deny) {
        return Standing::Denied;
    }
    let mut seen = HashSet::new();
    let people: Vec<&Review> = counted().filter(|review| seen.insert(folded(&review.person))).collect();
    let mut table = Table { stages, people: &people, seated: vec![Vec::new(); stages.len()] };
    let seated = (0..people.len()).filter(|person| table.seat(*person, &mut HashSet::new())).count();
    let needed: usize = stages.iter().map(|stage| usize::from(stage.needed)).sum();
    // FAIL CLOSED: a request without any seat is one that nobody can approve, not one that everybody may.
    if needed == 0 || seated < needed {
        return Standing::Open { missing: needed.saturating_sub(seated).max(1) };
    }
    Standing::Filled
}

/// Can a person of these groups fill a seat of any stage?
pub fn is_approver(stages: &[Stage], groups: &[String]) -> bool {
    stages.iter().any(|stage| fits(stage, groups))
}

fn fits(stage: &Stage, groups: &[String]) -> bool {
    stage.needed > 0 && stage.groups.iter().any(|group| groups.contains(group))
}

struct Table<'a> {
    stages: &'a [Stage],
    people: &'a [&'a Review],
    seated: Vec<Vec<usize>>,
}

impl Table<'_> {
    /// Finds a seat for a person, moving others on if need be. `tried` keeps each stage from being asked twice.
    fn seat(&mut self, person: usize, tried: &mut HashSet<usize>) -> bool {
        let Some(review) = self.people.get(person) else { return false };
        for (index, stage) in self.stages.iter().enumerate() {
            if !fits(stage, &review.groups) || !tried.insert(index) {
                continue;
            }
            let Some(sitting) = self.seated.get(index).cloned() else { continue };
            if sitting.len() < usize::from(stage.needed) {
                self.sit(index, person, None);
                return true;
            }
            if let Some(moved) = sitting.into_iter().find(|other| self.seat(*other, tried)) {
                self.sit(index, person, Some(moved));
                return true;
            }
        }
        false
    }

    fn sit(&mut self, stage: usize, person: usize, instead_of: Option<usize>) {
        if let Some(seats) = self.seated.get_mut(stage) {
            seats.retain(|sitting| Some(*sitting) != instead_of);
            seats.push(person);
        }
    }
}

#[cfg(test)]
mod tests;
