//! Numbers for relations, which MySQL does not number: made of schema and name, so that other relations change none.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::{Named, is_system};
use crate::catalog::RelationKey;

/// Users' relations are numbered from here, the server's own below, as PostgreSQL's are.
const FIRST_USER_NUMBER: u32 = 16_384;
/// Past the last number of users' relations.
const END: u32 = 1 << 31;

/// The number of every relation of one snapshot.
pub(super) struct Numbers(HashMap<Named, RelationKey>);

impl Numbers {
    /// Two names that hash alike are told apart in the order of their names: then, and only then, another relation matters.
    pub(super) fn new(names: &[Named]) -> Self {
        let mut sorted: Vec<_> = names.iter().collect();
        sorted.sort();
        let mut taken = HashSet::new();
        let mut numbers = HashMap::new();
        for name in sorted {
            let (first, end) = if is_system(&name.0) { (1, FIRST_USER_NUMBER) } else { (FIRST_USER_NUMBER, END) };
            let room = end - first;
            let start = hash(name) % room;
            let free =
                (0..room).map(|step| first + start.wrapping_add(step) % room).find(|number| taken.insert(*number));
            // More relations than numbers cannot be: the answer would not fit into memory.
            numbers.insert(name.clone(), RelationKey(free.unwrap_or_default()));
        }
        Self(numbers)
    }

    /// The number of a relation; 0, which no relation has, for one that is not in the snapshot.
    pub(super) fn of(&self, name: &Named) -> RelationKey {
        self.0.get(name).copied().unwrap_or(RelationKey(0))
    }
}

fn hash(name: &Named) -> u32 {
    let mut hash = Sha256::new();
    hash.update(name.0.as_bytes());
    hash.update([0]);
    hash.update(name.1.as_bytes());
    hash.finalize().iter().take(4).fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(schema: &str, name: &str) -> Named {
        (schema.into(), name.into())
    }

    #[test]
    fn a_relation_keeps_its_number_whatever_else_there_is() {
        let many: Vec<_> = (0..20_000).map(|at| named("shop", &format!("t{at}"))).collect();
        let (few, all) = (Numbers::new(&many[..10]), Numbers::new(&many));
        assert!(many[..10].iter().all(|name| few.of(name) == all.of(name) && all.of(name).0 >= FIRST_USER_NUMBER));
        let distinct: HashSet<_> = many.iter().map(|name| all.of(name)).collect();
        assert_eq!(distinct.len(), many.len());
    }

    #[test]
    fn the_servers_own_relations_are_below_and_differ() {
        let system: Vec<_> = (0..2000).map(|at| named("information_schema", &format!("V{at}"))).collect();
        let numbers = Numbers::new(&system);
        let distinct: HashSet<_> = system.iter().map(|name| numbers.of(name).0).collect();
        assert_eq!(distinct.len(), system.len());
        assert!(distinct.iter().all(|number| (1..FIRST_USER_NUMBER).contains(number)));
        assert_eq!(numbers.of(&named("shop", "t")).0, 0);
    }
}
