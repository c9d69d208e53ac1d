//! Functions that an operator vouches for: what they reveal of their arguments, whatever their code is.

use std::collections::HashMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, Function};

/// What a function's result, its failing and its duration tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reveals {
    /// Neither its arguments nor anything stored.
    Nothing,
    /// Its arguments, and nothing stored.
    Arguments,
}

/// A function's identity within one snapshot: schema, name, argument types.
type Signature = (Arc<str>, Arc<str>, Vec<u32>);

/// Which functions of one catalog are vouched for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vouched(HashMap<Signature, Reveals>);

impl Vouched {
    /// Vouches for a function; of two answers the one that reveals more counts.
    pub fn add(&mut self, function: &Function, reveals: Reveals) {
        let known = self.0.entry(signature(function)).or_insert(reveals);
        *known = reveals.max(*known);
    }

    /// What a function reveals; `None`: nobody vouches for it.
    pub fn of(&self, function: &Function) -> Option<Reveals> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&signature(function)).copied()
    }
}

fn signature(function: &Function) -> Signature {
    (function.schema.clone(), function.name.clone(), function.arguments.iter().map(|(_, oid)| *oid).collect())
}

impl Catalog {
    /// The same snapshot, with the word of those who vouch for some of its functions in place of any word before.
    pub fn with_vouched(self: &Arc<Self>, vouched: Vouched) -> Arc<Self> {
        match self.vouched == vouched {
            true => self.clone(),
            false => Arc::new(Self { vouched, ..Self::clone(self) }),
        }
    }

    /// What a function reveals; `None`: nobody vouches for it.
    pub fn reveals(&self, function: &Function) -> Option<Reveals> {
        self.vouched.of(function)
    }
}
