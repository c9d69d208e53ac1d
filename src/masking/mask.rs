//! One compiled mask: what a class asks for, fitted to one column's type and format, ready to run over its values.

mod calendar;
mod constant;
mod date;
mod email;
mod fixed;
mod hash;
mod mysql;
mod partial;

use std::sync::Arc;

use bytes::BytesMut;

use crate::masking::column::Format;
use crate::masking::keys::Keys;
use crate::masking::kind::Kind;
use crate::masking::mask::constant::Constant;
use crate::masking::mask::date::DateMask;
use crate::masking::mask::hash::HashMask;
use crate::masking::mask::partial::Partial;
use crate::policy::class::MaskSpec;

/// What a mask made of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::masking) enum Written {
    /// NULL; whatever was appended is to be taken back.
    Null,
    /// A value, appended whole.
    Value,
}

/// A mask for one column.
#[derive(Clone, Debug)]
pub(in crate::masking) enum Mask {
    /// The value as it is.
    Pass,
    /// NULL.
    Null,
    /// The same for every value.
    Constant(Constant),
    /// Some characters kept.
    Partial(Partial),
    /// First character and domain of an e-mail address kept; anything else is redacted.
    Email(Constant),
    /// Keyed hash.
    Hash(HashMask),
    /// Truncated date.
    Date(DateMask),
}

impl Mask {
    /// Fits a class's mask to a column. What the type does not admit becomes a redaction, and that NULL where it must.
    pub(in crate::masking) fn of_class(spec: &MaskSpec, class: &str, target: Target, keys: &Keys) -> Self {
        let redact = || Self::redact(&crate::masking::token::of(class), target);
        match *spec {
            MaskSpec::Null => Self::Null,
            MaskSpec::Redact => redact(),
            MaskSpec::Fixed { ref value } => fixed::encode(value, target).map_or(Self::Null, Self::constant),
            MaskSpec::Partial { keep_first, keep_last, hide_min } => match redact() {
                Self::Constant(otherwise) if target.kind.is_plain_text() => {
                    Self::Partial(Partial::new(keep_first, keep_last, hide_min, target.kind, otherwise))
                }
                other => other,
            },
            MaskSpec::Email => match redact() {
                Self::Constant(otherwise) if target.kind.is_plain_text() => Self::Email(otherwise),
                other => other,
            },
            MaskSpec::Hash => HashMask::new(keys.of(class), target).map_or_else(redact, Self::Hash),
            MaskSpec::Date { unit } => DateMask::new(unit, target).map_or_else(redact, Self::Date),
        }
    }

    /// The token where the type admits one, else NULL.
    pub(in crate::masking) fn redact(token: &Arc<str>, target: Target) -> Self {
        constant::redacted(token, target).map_or(Self::Null, Self::constant)
    }

    fn constant(value: Vec<u8>) -> Self {
        Constant::new(value).map_or(Self::Null, Self::Constant)
    }

    /// Appends the masked form of a value that is not NULL. Allocates nothing but `out`'s growth.
    pub(in crate::masking) fn apply(&self, value: &[u8], out: &mut BytesMut) -> Written {
        match self {
            Self::Pass => out.extend_from_slice(value),
            Self::Null => return Written::Null,
            Self::Constant(constant) => out.extend_from_slice(constant.value()),
            Self::Partial(partial) => partial.apply(value, out),
            Self::Email(otherwise) => email::apply(value, otherwise, out),
            Self::Hash(hash) => return hash.apply(value, out),
            Self::Date(date) => return date.apply(value, out),
        }
        Written::Value
    }
}

/// What values a mask must write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::masking) struct Target {
    /// Their type.
    pub(in crate::masking) kind: Kind,
    /// Their format.
    pub(in crate::masking) format: Format,
}

#[cfg(test)]
mod tests;
