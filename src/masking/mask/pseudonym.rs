//! Made-up names, the same for equal values of a class: short enough to talk about, and told from real ones by their marks.

use bytes::BytesMut;

use crate::masking::keys::ClassKey;
use crate::masking::kind::Kind;
use crate::masking::mask::constant::Constant;
use crate::masking::mask::{Target, Written};
use crate::masking::token;

/// Keeps pseudonyms apart from hashes of the same class.
const DOMAIN: u8 = b'p';

/// A class's names for one column.
#[derive(Clone, Debug)]
pub(in crate::masking) struct PseudonymMask {
    key: ClassKey,
    target: Target,
    otherwise: Constant,
}

impl PseudonymMask {
    /// `None` for types that hold no text.
    pub(in crate::masking) fn new(key: ClassKey, target: Target, otherwise: Constant) -> Option<Self> {
        let room = target.kind.is_plain_text() || matches!(target.kind, Kind::Json | Kind::Jsonb);
        room.then_some(Self { key, target, otherwise })
    }

    /// Appends the name; a JSON text for JSON.
    pub(in crate::masking) fn apply(&self, value: &[u8], out: &mut BytesMut) -> Written {
        let (head, value, quote): (&[u8], &[u8], &[u8]) = match (self.target.kind, value) {
            (Kind::Jsonb, [version @ 1, text @ ..]) => (std::slice::from_ref(version), text, b"\""),
            (Kind::Json | Kind::Jsonb, text) => (b"", text, b"\""),
            (Kind::PaddedText, text) => (b"", text.trim_ascii_end(), b""),
            (_, text) => (b"", text, b""),
        };
        match token::pseudonym(self.key.digest(DOMAIN, value)) {
            Some(name) => {
                [head, quote, name.as_bytes(), quote].into_iter().for_each(|part| out.extend_from_slice(part))
            }
            None => out.extend_from_slice(self.otherwise.value()),
        }
        Written::Value
    }
}
