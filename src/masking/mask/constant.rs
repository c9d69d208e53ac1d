//! Values that are the same in every row: the redaction token, fitted to a type.

use crate::masking::column::Format;
use crate::masking::kind::Kind;
use crate::masking::mask::Target;

/// A value together with its Int32 length, so that a row gets it in one copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::masking) struct Constant(Box<[u8]>);

impl Constant {
    /// `None` if the value is too long for a field.
    pub(in crate::masking) fn new(value: Vec<u8>) -> Option<Self> {
        let length = i32::try_from(value.len()).ok()?;
        Some(Self([&length.to_be_bytes()[..], &value].concat().into()))
    }

    /// Length and value.
    pub(in crate::masking) fn field(&self) -> &[u8] {
        &self.0
    }

    /// The value.
    pub(in crate::masking) fn value(&self) -> &[u8] {
        self.0.get(4..).unwrap_or_default()
    }
}

/// A token as a value of the type, or `None` where only NULL is legal. Tokens need no escaping (`token::of`).
pub(in crate::masking) fn redacted(token: &str, target: Target) -> Option<Vec<u8>> {
    match target.kind {
        Kind::Text | Kind::PaddedText | Kind::Name | Kind::Xml => Some(token.into()),
        Kind::Json | Kind::Jsonb => Some(json(&format!("\"{token}\""), target)),
        Kind::Bytea => Some(bytea(token.as_bytes(), target.format)),
        Kind::Bytes => Some(token.into()),
        Kind::TextArray { element } => Some(one_element_array(token, element, target.format)),
        _ => None,
    }
}

/// JSON text as a value of `json` or `jsonb`.
pub(in crate::masking) fn json(text: &str, target: Target) -> Vec<u8> {
    match target {
        Target { kind: Kind::Jsonb, format: Format::Binary } => [b"\x01", text.as_bytes()].concat(),
        _ => text.into(),
    }
}

/// Bytes as a `bytea`; its text form is `\x` and hex digits, which every driver reads whatever `bytea_output` says.
pub(in crate::masking) fn bytea(bytes: &[u8], format: Format) -> Vec<u8> {
    match format {
        Format::Binary | Format::MySqlBinary => bytes.to_vec(),
        Format::Text => format!("\\x{}", hex::encode(bytes)).into_bytes(),
    }
}

/// `{"text"}`, or its binary form: one dimension, no NULLs, element type, length 1, lower bound 1, the element.
pub(in crate::masking) fn one_element_array(text: &str, element: u32, format: Format) -> Vec<u8> {
    if format == Format::Text {
        return format!("{{\"{}\"}}", text.replace('\\', "\\\\").replace('"', "\\\"")).into_bytes();
    }
    let length = u32::try_from(text.len()).unwrap_or_default();
    let header = [1, 0, element, 1, 1, length];
    header.into_iter().flat_map(u32::to_be_bytes).chain(text.bytes()).collect()
}
