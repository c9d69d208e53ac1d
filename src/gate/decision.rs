//! What a person says about an approval, and why it may not count.

use crate::gate::approval::{State, Verdict};
use crate::identity::assurance::Assurance;
use crate::identity::ids::PersonName;
use crate::identity::person::Person;

/// One decision, as a surface (API, CLI, chat) hands it in. The person comes from the credential, never from the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who, with the groups the person is in now.
    pub person: Person,
    /// Yes or no.
    pub verdict: Verdict,
    /// In the person's words; control characters are dropped and at most 1000 characters kept.
    pub reason: Option<String>,
    /// The surface: `api`, `cli`, …
    pub via: String,
    /// How sure we are who it was: `token`, …
    pub assurance: String,
    /// The digest the person was shown; must be the approval's if given.
    pub digest: Option<String>,
    /// The version the person was shown; must be the current one if given.
    pub if_version: Option<u64>,
}

/// Why a decision does not count. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// No such approval.
    #[error("there is no such approval")]
    NotFound,
    /// The person is in none of the groups that the stages name.
    #[error("you are in none of the groups that may decide this")]
    NotAnApprover,
    /// A yes has to come from somebody who proved better who they are.
    #[error("a yes to this needs a sign-in by {needed} or better")]
    AssuranceTooLow {
        /// What the rules demand.
        needed: Assurance,
    },
    /// The person stands behind the request: owner, issuer, end user, or in their chain.
    #[error("you stand behind this request, so somebody else has to decide it")]
    SelfApproval,
    /// It has been decided, or ended otherwise.
    #[error("it is already {}{}", state.as_str(), by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default())]
    AlreadyDecided {
        /// Where it stands.
        state: State,
        /// Who decided last, if a person did.
        by: Option<PersonName>,
    },
    /// `if_version` is not the current version.
    #[error("it has changed since you looked: the version is {current}")]
    StaleVersion {
        /// The version now.
        current: u64,
    },
    /// The digest that was shown is not the approval's.
    #[error("what you were shown is not what would run")]
    DigestMismatch,
    /// Too late.
    #[error("it has expired")]
    Expired,
    /// A reason has to be given.
    #[error("a reason is required")]
    ReasonRequired,
    /// The request has as many remarks as it can hold.
    #[error("there are too many comments on it already")]
    TooManyComments,
    /// The gate cannot keep the decision safe; try again.
    #[error("the decision could not be recorded: {0}")]
    Store(String),
}
