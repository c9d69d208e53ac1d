//! Result columns -> `Plan` -> `MaskedCell`. Pure; one file per kind of mask.
//!
//! `plan` joins lineage and the server's word into one mask per column; `row`, `mysql_row` and `copy` put it over rows, `detect`
//! looks into values without class, `diagnostics` rewords errors, `token` recognises a masked value that comes back.
//! Invariant: a mask keeps the column's type and format, and gives NULL where the type admits nothing else.

pub mod cell;
pub mod column;
pub mod copy;
pub mod detect;
pub mod diagnostics;
pub mod keys;
mod kind;
mod mask;
pub mod mysql_row;
pub mod plan;
pub mod row;
pub mod token;
