//! Just enough privilege (DESIGN §8): a session lives in a weak role, and what a person or a grant let through runs in the role
//! that the upstream names for its action. Each protocol changes the role and takes it back before anything else is sent.

use std::sync::Arc;

use crate::session::core::Core;
use crate::session::judge::Judged;

impl Core {
    /// The role that this is to run in once it is released. `None`: the session's own, as for every text of several
    /// statements, and where the actions of one name several roles.
    pub fn role_for(&self, judged: &Judged) -> Option<Arc<str>> {
        let elevate = &self.services.config.databases.get(&self.database)?.elevate;
        let [one] = judged.statements.as_slice() else { return None };
        let mut roles = one.ruling.actions.iter().filter_map(|action| elevate.get(action));
        let role = roles.next()?;
        roles.all(|other| other == role).then(|| role.clone())
    }
}

/// A session in another role than its own.
#[derive(Debug)]
pub(in crate::session) struct Elevated {
    /// The statement that brings the session's own role back.
    pub back: String,
    /// What may run in it was sent.
    pub used: bool,
}
