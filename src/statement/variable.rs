//! User variables of a session, as far as what was kept in them matters to what reads them later.

use std::collections::HashMap;
use std::collections::hash_map;
use std::sync::Arc;

use crate::statement::footprint::Source;

/// What a user variable holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    /// Where its value comes from; empty for constants and parameters.
    pub sources: Vec<Source>,
    /// Something flowed in that could not be followed.
    pub unknown: bool,
}

/// The variables that the session has set, by name in lower case. One that is not here is NULL, unless code ran that nobody
/// followed.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    by_name: HashMap<Arc<str>, Arc<Variable>>,
    others_unknown: bool,
}

impl Variables {
    /// What is known of those that were set.
    pub fn iter(&self) -> hash_map::Iter<'_, Arc<str>, Arc<Variable>> {
        self.by_name.iter()
    }

    /// Any other may hold anything.
    pub fn others_unknown(&self) -> bool {
        self.others_unknown
    }

    /// A variable was set, or may have been: what flowed into it adds to what is known of it.
    pub fn add(&mut self, name: &Arc<str>, sources: &[Source], unknown: bool) {
        let before = self
            .by_name
            .get(name)
            .cloned()
            .unwrap_or_else(|| Arc::new(Variable { sources: Vec::new(), unknown: self.others_unknown }));
        let mut kept = Variable { sources: sources.to_vec(), unknown: unknown || before.unknown };
        kept.sources.extend(before.sources.iter().filter(|source| !sources.contains(source)));
        self.by_name.insert(name.clone(), Arc::new(kept));
    }

    /// A variable was set for certain: nothing of what it held before is left.
    pub fn replace(&mut self, name: &Arc<str>, sources: &[Source], unknown: bool) {
        self.by_name.insert(name.clone(), Arc::new(Variable { sources: sources.to_vec(), unknown }));
    }

    /// Code ran that nobody followed: any variable may hold anything now.
    pub fn distrust(&mut self) {
        self.by_name.clear();
        self.others_unknown = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(variables: &Variables, name: &str) -> Option<bool> {
        variables.iter().find(|(known, _)| &***known == name).map(|(_, variable)| variable.unknown)
    }

    #[test]
    fn after_unfollowed_code_only_what_is_set_for_certain_is_known() {
        let (a, b) = (Arc::from("a"), Arc::from("b"));
        let mut variables = Variables::default();
        variables.add(&a, &[], false);
        assert_eq!((unknown(&variables, "a"), variables.others_unknown()), (Some(false), false));
        variables.distrust();
        assert_eq!((unknown(&variables, "a"), variables.others_unknown()), (None, true));
        variables.add(&a, &[], false);
        variables.replace(&b, &[], false);
        assert_eq!((unknown(&variables, "a"), unknown(&variables, "b")), (Some(true), Some(false)));
    }
}
