//! Names of the core's enums and small structs, as OpenAPI is told about them. `api/openapi/tests` holds them to the core.

use serde::{Deserialize, Serialize};

/// Where an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = State)]
pub enum StateName {
    /// People may decide.
    Pending,
    /// Enough people said yes; not used yet.
    Approved,
    /// Spent; its end is not known yet.
    Executing,
    /// It ran.
    Executed,
    /// It ran and the server said no.
    Failed,
    /// It may have run.
    Unknown,
    /// Somebody said no.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// The client cancelled.
    Withdrawn,
    /// Taken back.
    Revoked,
    /// Not used in time.
    Lapsed,
}

/// What a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Verdict)]
pub enum VerdictName {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// What a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Effect)]
pub enum EffectName {
    /// Let it run, masked.
    Allow,
    /// Hold it until people approve.
    Hold,
    /// Refuse it.
    Deny,
}

/// What a statement amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Action)]
pub enum ActionName {
    /// A result bounded below the bulk limit.
    Read,
    /// A result that may exceed it.
    BulkRead,
    /// Data leaving the row stream.
    Export,
    /// Classified columns written to another place.
    CopyClassified,
    /// DML.
    Write,
    /// DML on many rows.
    BulkWrite,
    /// Definitions.
    Ddl,
    /// Who may do what.
    Privilege,
    /// Routines and dynamic SQL.
    Routine,
    /// Data coming in.
    Import,
    /// The server itself.
    Server,
    /// A classified column where it shapes rows.
    Probe,
    /// Session settings and transactions.
    Session,
    /// Not understood.
    Opaque,
}

/// `needed` distinct people out of these groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Stage)]
pub struct StageShape {
    /// Any of these groups.
    pub groups: Vec<String>,
    /// How many distinct people.
    pub needed: u16,
}
