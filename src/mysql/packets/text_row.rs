//! Rows in text: one length-encoded value per column, or NULL (manual: "Text Resultset Row").

use bytes::BytesMut;

use crate::mysql::frame::WireError;
use crate::mysql::reader::{NULL, Reader, put_bytes};

/// The cells of a row of `columns` columns.
///
/// # Errors
/// A row of another width, lengths that lie.
pub fn cells(payload: &[u8], columns: usize) -> Result<Vec<Option<&[u8]>>, WireError> {
    let mut reader = Reader::new("text row", payload);
    let mut cells = Vec::with_capacity(columns.min(payload.len()));
    for _ in 0..columns {
        cells.push(reader.cell()?);
    }
    reader.finish()?;
    Ok(cells)
}

/// Writes one cell.
pub fn put_cell(out: &mut BytesMut, cell: Option<&[u8]>) {
    match cell {
        Some(bytes) => put_bytes(out, bytes),
        None => out.extend_from_slice(&[NULL]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_nulls_read() {
        assert_eq!(cells(b"\x01a\xfb\0", 3), Ok(vec![Some(&b"a"[..]), None, Some(b"")]));
        for (bytes, columns) in [(&b"\x01a"[..], 2), (b"\x01a\xfb", 1), (b"\x05a", 1), (b"", 1), (b"\xff", 1)] {
            assert!(cells(bytes, columns).is_err(), "{bytes:?} as {columns}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(row: Vec<Option<Vec<u8>>>) {
            let mut out = BytesMut::new();
            row.iter().for_each(|cell| put_cell(&mut out, cell.as_deref()));
            let wanted: Vec<Option<&[u8]>> = row.iter().map(Option::as_deref).collect();
            assert_eq!(cells(&out, row.len()), Ok(wanted));
        }
    }
}
