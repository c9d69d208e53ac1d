//! One compiled mask: what a class asks for, fitted to one column's type and format, ready to run over its values.

mod bucket;
mod calendar;
pub(in crate::masking) mod constant;
mod date;
mod email;
mod fixed;
mod fpe;
mod hash;
mod mysql;
mod partial;
mod pattern;
mod pseudonym;

use std::sync::Arc;

use bytes::BytesMut;

use crate::masking::column::Format;
use crate::masking::detect::mask::DetectMask;
use crate::masking::keys::Keys;
use crate::masking::kind::Kind;
use crate::masking::mask::bucket::BucketMask;
use crate::masking::mask::constant::Constant;
use crate::masking::mask::date::DateMask;
use crate::masking::mask::fpe::FpeMask;
use crate::masking::mask::hash::HashMask;
use crate::masking::mask::partial::Partial;
use crate::masking::mask::pattern::PatternMask;
use crate::masking::mask::pseudonym::PseudonymMask;
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
    /// The value as it is unless something is found in it.
    Detect(DetectMask),
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
    /// The lower end of a bucket.
    Bucket(BucketMask),
    /// Rebuilt from what an expression matched.
    Pattern(PatternMask),
    /// Encrypted in its own form.
    Fpe(FpeMask),
    /// A made-up name.
    Pseudonym(PseudonymMask),
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
            MaskSpec::Bucket { ref buckets } => BucketMask::new(buckets, target).map_or_else(redact, Self::Bucket),
            MaskSpec::Fpe { alphabet, luhn } => {
                let otherwise = if let Self::Constant(otherwise) = redact() { Some(otherwise) } else { None };
                let mask = FpeMask::new(&keys.for_encryption(class), (alphabet, luhn), target, otherwise);
                mask.map_or_else(redact, Self::Fpe)
            }
            MaskSpec::Regex { ref pattern, ref replace } => match redact() {
                Self::Constant(otherwise) if target.kind.is_plain_text() => {
                    let mask = PatternMask::new(pattern, replace, target.kind, otherwise.clone());
                    mask.map_or(Self::Constant(otherwise), Self::Pattern)
                }
                other => other,
            },
            MaskSpec::Pseudonym => match redact() {
                Self::Constant(otherwise) => {
                    let mask = PseudonymMask::new(keys.of(class), target, otherwise.clone());
                    mask.map_or(Self::Constant(otherwise), Self::Pseudonym)
                }
                other => other,
            },
        }
    }

    /// Would this value come out as something else? NULLs never do.
    pub(in crate::masking) fn touches(&self, value: &[u8]) -> bool {
        match self {
            Self::Pass => false,
            Self::Detect(detect) => detect.finds(value),
            _ => true,
        }
    }

    /// The token where the type admits one, else NULL.
    pub(in crate::masking) fn redact(token: &Arc<str>, target: Target) -> Self {
        constant::redacted(token, target).map_or(Self::Null, Self::constant)
    }

    fn constant(value: Vec<u8>) -> Self {
        Constant::new(value).map_or(Self::Null, Self::Constant)
    }

    /// Appends the masked form of a value that is not NULL. Allocates nothing but `out`'s growth, but for encryption,
    /// patterns, and finds of detectors.
    pub(in crate::masking) fn apply(&self, value: &[u8], out: &mut BytesMut) -> Written {
        match self {
            Self::Pass => out.extend_from_slice(value),
            Self::Detect(detect) => return detect.apply(value, out),
            Self::Null => return Written::Null,
            Self::Constant(constant) => out.extend_from_slice(constant.value()),
            Self::Partial(partial) => partial.apply(value, out),
            Self::Email(otherwise) => email::apply(value, otherwise, out),
            Self::Hash(hash) => return hash.apply(value, out),
            Self::Date(date) => return date.apply(value, out),
            Self::Bucket(bucket) => return bucket.apply(value, out),
            Self::Pattern(pattern) => pattern.apply(value, out),
            Self::Fpe(fpe) => return fpe.apply(value, out),
            Self::Pseudonym(pseudonym) => return pseudonym.apply(value, out),
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
