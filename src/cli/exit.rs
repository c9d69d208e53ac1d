//! How a command ends: 0 ok, 1 denied or something found, 2 wrong use, 3 unreachable, 4 still pending.

use std::process::ExitCode;

use crate::api::problem::{ProblemBody, TYPE_BASE};
use crate::gate::approval::visible;

/// The exit codes, all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Ok,
    /// 1: denied, refused, or something was found.
    Finding,
    /// 2: wrong arguments, wrong files.
    Usage,
    /// 3: the API, the store or an upstream does not answer.
    Unreachable,
    /// 4: nobody has decided yet.
    Pending,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Finding => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::Pending => 4,
        })
    }
}

/// Why a command could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Wrong arguments, wrong files.
    #[error("{0}")]
    Usage(String),
    /// Something that is needed does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// The API said no.
    #[error("{}: {}", visible::line(&.0.title), visible::line(&.0.detail))]
    Refused(Box<ProblemBody>),
    /// Something was found, or a person said no.
    #[error("{0}")]
    Finding(String),
}

impl Failure {
    /// The code to end with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Unreachable(_) => Exit::Unreachable,
            Self::Finding(_) => Exit::Finding,
            Self::Refused(problem) => match problem.kind.strip_prefix(TYPE_BASE).unwrap_or_default() {
                "bad-request" | "not-found" | "ambiguous-id" | "too-large" | "reason-required" => Exit::Usage,
                "unavailable" | "timeout" => Exit::Unreachable,
                _ => Exit::Finding,
            },
        }
    }
}
