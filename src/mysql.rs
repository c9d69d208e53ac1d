//! The MySQL wire protocol without sockets: bytes in, values and bytes out (MySQL internals: "Client/Server Protocol").
