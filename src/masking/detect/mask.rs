//! The mask of a column without class: its values pass unless something is found in them.

use std::sync::Arc;

use bytes::BytesMut;

use crate::masking::column::Format;
use crate::masking::detect::json::{Members, members};
use crate::masking::detect::scan::Scan;
use crate::masking::detect::{Found, find, replace, token};
use crate::masking::kind::Kind;
use crate::masking::mask::constant::redacted;
use crate::masking::mask::{Target, Written};
use crate::policy::detector::{Detector, DetectorSet};

/// The version byte before binary `jsonb`.
const JSONB_VERSION: u8 = 1;

/// Looks into values of one column.
#[derive(Clone, Debug)]
pub(in crate::masking) struct DetectMask {
    set: DetectorSet,
    /// What the column is called: by the result, and where it comes from.
    name: Arc<str>,
    target: Target,
}

/// How finds are replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Within the text.
    Text,
    /// Member by member.
    Json,
    /// Not at all: the value goes.
    Closed,
}

impl DetectMask {
    /// `None` for types whose values are no text: numbers, dates, truth values, UUIDs.
    pub(in crate::masking) fn new(set: DetectorSet, name: Arc<str>, target: Target) -> Option<Self> {
        (!set.is_empty() && holds_text(target)).then_some(Self { set, name, target })
    }

    /// Something is to be redacted. Most values are decided here, without a copy.
    pub(in crate::masking) fn finds(&self, value: &[u8]) -> bool {
        let (text, form) = self.text(value);
        match form {
            Form::Json => !matches!(members(text, &self.name, self.set), Members::Clean),
            Form::Text | Form::Closed => Scan::new(text, &self.name, self.set).next().is_some(),
        }
    }

    /// Appends the value with its finds redacted.
    pub(in crate::masking) fn apply(&self, value: &[u8], out: &mut BytesMut) -> Written {
        let (text, form) = self.text(value);
        let before = value.get(..value.len() - text.len()).unwrap_or_default();
        let mut put = |text: &[u8]| {
            out.extend_from_slice(before);
            out.extend_from_slice(text);
            Written::Value
        };
        if form == Form::Json {
            return match members(text, &self.name, self.set) {
                Members::Clean => put(text),
                Members::Replaced(document) => put(&document),
                Members::Whole(detector) => self.whole(detector, out),
            };
        }
        let found = find(text, &self.name, self.set);
        match (found.first(), super::whole(&found)) {
            (None, _) => put(text),
            (Some(Found { .. }), None) if form == Form::Text => {
                let mut replaced = Vec::new();
                replace(text, &found, &mut replaced);
                put(&replaced)
            }
            (Some(first), whole) => self.whole(whole.unwrap_or(first.detector), out),
        }
    }

    /// The token as a value of the column's type; NULL where there is none.
    fn whole(&self, detector: Detector, out: &mut BytesMut) -> Written {
        let token = String::from_utf8_lossy(&token(detector)).into_owned();
        let Some(value) = redacted(&token, self.target) else { return Written::Null };
        out.extend_from_slice(&value);
        Written::Value
    }

    /// The text to look at, and how finds in it are replaced.
    fn text<'a>(&self, value: &'a [u8]) -> (&'a [u8], Form) {
        match (self.target.kind, self.target.format) {
            (Kind::Jsonb, Format::Binary) => match value.split_first() {
                Some((&JSONB_VERSION, text)) => (text, Form::Json),
                _ => (value, Form::Closed),
            },
            (Kind::Json | Kind::Jsonb, _) => (value, Form::Json),
            (Kind::Text | Kind::PaddedText | Kind::Xml, _) if is_json(value) => (value, Form::Json),
            (Kind::Text | Kind::PaddedText | Kind::Xml, _) => (value, Form::Text),
            _ => (value, Form::Closed),
        }
    }
}

/// Values may be text, or have text inside.
fn holds_text(target: Target) -> bool {
    match target.kind {
        Kind::Text | Kind::PaddedText | Kind::Name | Kind::Xml | Kind::Json | Kind::Jsonb => true,
        Kind::TextArray { .. } | Kind::Bytes | Kind::Other => true,
        Kind::Bytea => target.format == Format::Binary,
        _ => false,
    }
}

/// A text that is a JSON document: escapes in it hide nothing then.
fn is_json(value: &[u8]) -> bool {
    let text = value.trim_ascii();
    matches!((text.first(), text.last()), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')))
        && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}
