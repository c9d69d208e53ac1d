//! MySQL's and MariaDB's text: read by a lexer of our own as the server reads it, then by sqlparser from our tokens.

pub mod batch;
pub mod kinds;
pub mod lex;
pub mod lower;
pub mod parse;
