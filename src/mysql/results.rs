//! Result headers: what a column definition says of a column's type and origin.

use crate::catalog::mysql_type::MySqlType;
use crate::catalog::{self, Catalog};
use crate::masking::column::{Format, ResultColumn};
use crate::mysql::packets::column::ColumnDefinition;

/// The column as masks see it. Its origin is the server's word, which a client can forge: it may only add to what lineage
/// says, and a table that the catalog does not know is no word at all.
pub fn result_column(column: &ColumnDefinition<'_>, format: Format, known: &Catalog) -> ResultColumn {
    let name = String::from_utf8_lossy(column.name);
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let origin = match (text(column.schema), text(column.org_table), text(column.org_name)) {
        (Some(schema), Some(table), Some(name)) => catalog::origin(known, schema, table, name),
        _ => None,
    };
    let kind = MySqlType::described(column.kind, column.flags, column.collation);
    ResultColumn { name: name.as_ref().into(), origin, type_oid: kind.oid(), format }
}
