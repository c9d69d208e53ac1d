//! `Ruling` -> `Release`, hold or `Refusal`. Approvals and their life, quorum, the desk where statements wait.

pub mod approval;
pub mod budget;
pub mod decision;
pub mod desk;
pub mod digest;
pub mod inherit;
pub mod life;
pub mod quorum;
pub mod refusal;
pub mod release;
#[cfg(test)]
pub(crate) mod sample;
pub mod verdict;
