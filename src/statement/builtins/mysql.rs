//! MySQL's and MariaDB's built-ins: operators, casts, system relations; the lists of names are in the folder of the same name.

pub(super) mod functions;
mod system;

use super::{CastKind, OperatorKind};
use crate::statement::footprint::Facet;

/// What an operator does. Computing with text warns about what is no number.
pub(super) fn operator(name: &str) -> Option<OperatorKind> {
    Some(match name {
        "=" | "<>" | "<" | "<=" | ">" | ">=" | "<=>" | "like" => OperatorKind::Comparison,
        "||" => OperatorKind::Concat,
        "->" | "->>" | "member of" => OperatorKind::JsonPath,
        "+" | "-" | "*" | "/" | "%" | "div" | "&" | "|" | "^" | "~" | "<<" | ">>" | "regexp" => OperatorKind::Fallible,
        _ => return None,
    })
}

/// What a cast does. `char(n)` stands for text and bytes of limited length: what is cut off is told in a warning.
pub(super) fn cast(type_name: &str) -> CastKind {
    match type_name {
        "char" | "binary" | "nchar" | "varchar" | "varbinary" => CastKind::Total,
        "char(n)" | "date" | "datetime" | "dec" | "decimal" | "double" | "float" | "inet4" | "inet6" | "int"
        | "integer" | "json" | "numeric" | "real" | "signed" | "time" | "timestamp" | "unsigned" | "uuid" | "year" => {
            CastKind::Fallible
        }
        _ => CastKind::Unknown,
    }
}

/// May this system relation be read? Names of these schemas are compared without regard to case.
pub(super) fn system_relation(schema: &str, name: &str) -> bool {
    let list = match schema.to_ascii_lowercase().as_str() {
        "information_schema" => system::INFORMATION_SCHEMA,
        "performance_schema" => system::PERFORMANCE_SCHEMA,
        "mysql" => system::MYSQL,
        _ => return false,
    };
    list.split_ascii_whitespace().any(|known| known.eq_ignore_ascii_case(name))
}

/// The action that a dangerous function amounts to.
pub(super) fn danger(name: &str) -> Option<Facet> {
    functions::DANGERS_SERVER.split_ascii_whitespace().any(|known| known == name).then_some(Facet::Server)
}

#[cfg(test)]
#[path = "mysql/tests.rs"]
mod tests;
