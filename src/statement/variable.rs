//! User variables of a session, as far as what was kept in them matters to what reads them later.

use std::collections::HashMap;
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

/// The variables that the session has set, by name in lower case. One that is not here is NULL.
pub type Variables = HashMap<Arc<str>, Arc<Variable>>;
