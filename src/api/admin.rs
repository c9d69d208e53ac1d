//! `/v1/agents`, `/v1/tokens`, `/v1/rules`, `/v1/audit`: what operators and auditors do. Every change is recorded before
//! it is made, every look at the audit log as well.

pub mod agents;
pub mod audit;
pub mod channels;
pub mod rules;
pub mod tokens;
