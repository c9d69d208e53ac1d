//! One client connection from accept to close: login, relay, holds, upstream, cancel.

pub mod cancel;
mod core;
pub mod judge;
pub mod keeper;
pub mod login;
pub mod mysql;
pub mod postgres;
pub mod services;
pub mod shared;
pub mod stream;
pub mod tls;
pub mod upstream;
