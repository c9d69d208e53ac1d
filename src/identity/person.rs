//! A person who may decide, from `people:` in `holdpoint.yaml`.

use crate::identity::ids::PersonName;

/// One approver, auditor or operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The stable name.
    pub name: PersonName,
    /// The groups that approval stages name.
    pub groups: Vec<String>,
}
