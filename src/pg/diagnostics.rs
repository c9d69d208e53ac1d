//! ErrorResponse and NoticeResponse as whole frames: their SQLSTATE, and how they read when classified columns were touched.

use bytes::{BufMut, Bytes, BytesMut};

use crate::masking::diagnostics::scrub;
use crate::pg::messages::message;
use crate::pg::messages::report::Fields;

fn body(frame: &[u8]) -> &[u8] {
    frame.get(5..).unwrap_or_default()
}

/// The SQLSTATE, or `XX000` if the message cannot be read.
pub fn sqlstate(frame: &[u8]) -> String {
    Fields::decode(body(frame)).map_or_else(|_| "XX000".to_owned(), |fields| fields.code().to_owned())
}

/// The same message with only severity, SQLSTATE and position kept and the text replaced by the code's canonical wording.
///
/// A message that cannot be read becomes a bare error: nothing of it is passed on.
pub fn scrubbed(frame: &[u8]) -> Bytes {
    let kind = frame.first().copied().unwrap_or(b'E');
    let mut out = BytesMut::new();
    let fields = Fields::decode(body(frame)).map(|fields| {
        let kept: Vec<(u8, &[u8])> = fields.iter().collect();
        scrub(&kept)
    });
    let fields = fields.unwrap_or_else(|_| scrub(&[(b'S', b"ERROR"), (b'V', b"ERROR"), (b'C', b"XX000")]));
    message(&mut out, kind, |out| {
        for (field, value) in &fields {
            out.put_u8(*field);
            out.put_slice(value);
            out.put_u8(0);
        }
        out.put_u8(0);
    });
    out.freeze()
}
