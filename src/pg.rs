//! The PostgreSQL wire protocol without sockets: bytes in, values and bytes out (manual: "Frontend/Backend Protocol").

pub mod frame;
pub mod messages;
pub mod reader;
pub mod scram;
pub mod startup;
