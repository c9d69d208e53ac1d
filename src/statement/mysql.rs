//! MySQL's and MariaDB's text -> tree.

pub mod lower;
