//! `Ruling` -> `Release`, hold or `Refusal`. Approvals and their life, quorum, the desk where statements wait.

pub mod approval;
pub mod refusal;
