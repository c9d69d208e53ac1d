//! One client connection from accept to close. Sockets, TLS and clocks live here; what bytes mean is `pg`'s matter.

pub mod accept;
pub mod cancel;
pub mod channel;
pub mod login;
pub mod shared;
pub mod stream;
pub mod tls;
pub mod upstream;
