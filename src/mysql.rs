//! The MySQL wire protocol without sockets: bytes in, values and bytes out (MySQL internals: "Client/Server Protocol").

pub mod command;
pub mod compose;
pub mod diagnostics;
pub mod frame;
pub mod handshake;
pub mod ledger;
pub mod packets;
pub mod planner;
pub mod reader;
pub mod refusal;
pub mod results;
