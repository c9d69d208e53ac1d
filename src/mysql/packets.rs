//! The packets of a session after login, one file per group: decode beside encode.

pub mod change_user;
pub mod column;
pub mod error;
pub mod execute;
pub mod ok;
pub mod prepare;
pub mod progress;
pub mod query;
pub mod requests;
pub mod text_row;
pub mod value;
