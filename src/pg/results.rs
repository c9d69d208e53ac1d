//! Headers and tags of results, in the words of `masking`.

use std::sync::Arc;

use crate::catalog::{ColumnKey, RelationKey};
use crate::masking::column::{Format, ResultColumn};
use crate::pg::frame::{HEAD_BYTES, WireError};
use crate::pg::messages::backend::CommandTag;
use crate::pg::messages::{extended, rows};
use crate::pg::reader::Reader;

fn body(message: &[u8]) -> &[u8] {
    message.get(HEAD_BYTES..).unwrap_or_default()
}

/// The columns of a RowDescription frame. Table OID 0 is no origin; attribute 0 of a table is its whole row.
///
/// # Errors
/// A malformed message.
pub fn result_columns(message: &[u8]) -> Result<Vec<ResultColumn>, WireError> {
    let fields = rows::describe(body(message))?;
    let columns = fields.iter().map(|field| ResultColumn {
        name: Arc::from(String::from_utf8_lossy(field.name).as_ref()),
        origin: (field.table_oid != 0)
            .then_some(ColumnKey { relation: RelationKey(field.table_oid), number: field.attnum }),
        type_oid: field.type_oid,
        format: match field.format {
            extended::Format::Text => Format::Text,
            extended::Format::Binary => Format::Binary,
        },
    });
    Ok(columns.collect())
}

/// The type OIDs of a ParameterDescription frame.
///
/// # Errors
/// A malformed message.
pub fn parameter_types(message: &[u8]) -> Result<Vec<u32>, WireError> {
    let mut reader = Reader::new("ParameterDescription", body(message));
    let count = reader.count()?;
    let mut types = Vec::with_capacity(count.min(reader.remaining() / 4));
    for _ in 0..count {
        types.push(reader.u32()?);
    }
    reader.finish()?;
    Ok(types)
}

/// The number of rows in a CommandComplete frame's tag.
pub fn tag_rows(message: &[u8]) -> Option<u64> {
    CommandTag::decode(body(message)).ok()?.rows()
}
