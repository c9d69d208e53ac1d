//! Statements other than queries and changes of rows.

use pg_query::NodeEnum;

use crate::catalog::Catalog;
use crate::statement::footprint::Footprint;
use crate::statement::scope::Scope;

/// Classifies a utility statement; `query` analyses a query inside it. `None`: not known.
pub fn footprint(
    _node: &NodeEnum,
    _query: &mut dyn FnMut(&NodeEnum) -> Footprint,
    _catalog: &Catalog,
    _scope: &Scope,
) -> Option<Footprint> {
    None
}
