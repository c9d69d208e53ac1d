//! Calls of functions that somebody vouches for, in both dialects.

use std::sync::Arc;

use super::{catalog, mysql_catalog};
use crate::catalog::Catalog;
use crate::catalog::vouched::{Reveals, Vouched};
use crate::statement::footprint::{Flow, Footprint, Position};
use crate::statement::read::{Known, read};
use crate::statement::scope::Scope;

/// The catalog with one answer for every function in it.
fn vouched(catalog: Catalog, reveals: Reveals) -> Catalog {
    let mut word = Vouched::default();
    catalog.functions().for_each(|function| word.add(function, reveals));
    Catalog::clone(&Arc::new(catalog).with_vouched(word))
}

fn postgres(sql: &str, reveals: Option<Reveals>) -> Arc<Footprint> {
    let plain = catalog::shop();
    let catalog = reveals.map_or(plain.clone(), |reveals| vouched(plain, reveals));
    read(sql, &Scope::default(), &catalog, &Known::default()).statements[0].footprint.clone()
}

/// Every flow once: `customers` has children, which are sources of their own.
fn flows(footprint: &Footprint) -> Vec<Flow> {
    let sources = footprint.outputs.iter().flatten().flat_map(|output| &output.sources);
    sources.map(|source| source.flow).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

#[test]
fn a_vouched_function_reveals_its_arguments_and_nothing_else() {
    let sql = "SELECT f_definer(1), id FROM customers WHERE id = 1";
    assert!(!postgres(sql, None).opaque.is_empty());
    let vouched = postgres(sql, Some(Reveals::Arguments));
    assert!(vouched.opaque.is_empty() && vouched.facets.len() == 1, "{vouched:?}");
    assert_eq!(flows(&vouched), [Flow::Plain]);
    assert_eq!(&*vouched.functions[0], "public.f_definer");
}

#[test]
fn arguments_shape_rows_unless_nothing_is_revealed() {
    let sql = "SELECT f_definer(length(ssn)) FROM customers WHERE id = 1";
    let told = postgres(sql, Some(Reveals::Arguments));
    assert_eq!(flows(&told), [Flow::Derived]);
    assert!(told.probes.iter().any(|probe| probe.position == Position::Fallible));
    let silent = postgres("SELECT public.f_definer(length(ssn)) FROM customers WHERE id = 1", Some(Reveals::Nothing));
    assert_eq!((flows(&silent).len(), silent.opaque.len()), (0, 0));
    assert!(!silent.probes.iter().any(|probe| probe.position == Position::Fallible), "{:?}", silent.probes);
}

#[test]
fn a_vouched_value_is_no_constant_that_bounds_rows() {
    let sql = "SELECT name FROM customers WHERE id = f_definer(balance::int)";
    let footprint = postgres(sql, Some(Reveals::Nothing));
    assert!(footprint.opaque.is_empty(), "{footprint:?}");
    assert_eq!(footprint.returned, crate::statement::footprint::RowBound::Unbounded);
}

#[test]
fn mysql_functions_are_vouched_for_alike() {
    let sql = "SELECT f_ssn(ssn) FROM customers WHERE id = 1";
    let footprint = |catalog: &Catalog| super::lowering::footprint_in(sql, catalog);
    assert!(!footprint(&mysql_catalog::shop()).opaque.is_empty());
    let told = footprint(&vouched(mysql_catalog::shop(), Reveals::Arguments));
    assert!(told.opaque.is_empty(), "{told:?}");
    assert_eq!(flows(&told), [Flow::Derived]);
    let silent = footprint(&vouched(mysql_catalog::shop(), Reveals::Nothing));
    assert_eq!((flows(&silent).len(), silent.opaque.len()), (0, 0));
}
