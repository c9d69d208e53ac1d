//! How PostgreSQL names a result column that has no AS (`FigureColname` in `parse_target.c`).

use std::sync::Arc;

use crate::statement::tree::{Body, Expr, Name, Query, SubqueryKind};

/// The name; `None` when only the star of a subquery could tell.
pub(super) fn label(expr: &Expr) -> Option<Name> {
    strong(expr).map(|(name, _)| name)
}

/// The name and whether a cast around it keeps it (2) or prefers the type's (0, 1).
fn strong(expr: &Expr) -> Option<(Name, u8)> {
    let (name, strength) = match expr {
        Expr::Column(path) => (path.last()?.clone(), 2),
        Expr::Field(_, name) => (name.clone(), 2),
        Expr::Call(call) => (call.name.last()?.clone(), 2),
        Expr::Choice(name, _) | Expr::Session(name) | Expr::Marker(name) | Expr::Construct(name, _) => {
            (name.clone(), 2)
        }
        Expr::NullIf(..) => (Arc::from("nullif"), 2),
        Expr::Array(_) | Expr::Subquery(SubqueryKind::Array, ..) => (Arc::from("array"), 2),
        Expr::Row(_) => (Arc::from("row"), 2),
        Expr::Subquery(SubqueryKind::Exists, ..) => (Arc::from("exists"), 2),
        Expr::Subquery(SubqueryKind::Scalar, _, query) => (first_column(query)?, 2),
        Expr::Collate(inner) => return strong(inner),
        Expr::Subscript(inner, _) => return strong(inner),
        Expr::Cast(inner, type_name) => match strong(inner)? {
            (name, 2) => (name, 2),
            _ => (type_name.name.clone(), 1),
        },
        Expr::Case(_, results) => match results.last().map(strong) {
            Some(Some((name, 2))) => (name, 2),
            Some(None) => return None,
            _ => (Arc::from("case"), 1),
        },
        // What is not understood might be named anything.
        Expr::Opaque(..) | Expr::Star(_) | Expr::FieldStar(_) => return None,
        _ => (Arc::from("?column?"), 0),
    };
    Some((name, strength))
}

fn first_column(query: &Query) -> Option<Name> {
    match &query.body {
        Body::Set { left, .. } => first_column(left),
        Body::Values(_) => Some(Arc::from("column1")),
        Body::Select(select) => {
            let first = select.items.first()?;
            match &first.alias {
                Some(alias) => Some(alias.clone()),
                None => label(&first.value),
            }
        }
    }
}
