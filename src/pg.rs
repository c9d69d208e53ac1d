//! The PostgreSQL wire protocol without sockets: bytes in, values and bytes out (manual: "Frontend/Backend Protocol").

pub mod compose;
pub mod diagnostics;
pub mod frame;
pub mod ledger;
pub mod messages;
pub mod planner;
pub mod reader;
pub mod refusal;
pub mod results;
pub mod scram;
pub mod startup;
