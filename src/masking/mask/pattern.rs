//! A text rebuilt from a template and what the groups of a regular expression matched: whatever lies outside them is gone.
//!
//! The engine takes time in proportion to the text. No match, no UTF-8 or too long a text: redacted.

use std::sync::Arc;

use bytes::BytesMut;
use regex::Regex;

use crate::masking::kind::Kind;
use crate::masking::mask::constant::Constant;
use crate::policy::class::PATTERN_BYTES_MAX;

/// Longest text that is looked at.
const VALUE_MAX: usize = 64 * 1024;
/// Longest `name`.
const NAME_MAX: usize = 63;

/// A class's pattern for one column.
#[derive(Clone, Debug)]
pub(in crate::masking) struct PatternMask {
    pattern: Regex,
    template: Arc<str>,
    most: usize,
    otherwise: Constant,
}

impl PatternMask {
    /// `None` if the pattern cannot be compiled, which the rules have checked.
    pub(in crate::masking) fn new(pattern: &str, template: &str, kind: Kind, otherwise: Constant) -> Option<Self> {
        let pattern = regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build().ok()?;
        let most = if kind == Kind::Name { NAME_MAX } else { VALUE_MAX };
        Some(Self { pattern, template: Arc::from(template), most, otherwise })
    }

    /// Appends the rebuilt text.
    pub(in crate::masking) fn apply(&self, value: &[u8], out: &mut BytesMut) {
        match self.rebuilt(value) {
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => out.extend_from_slice(self.otherwise.value()),
        }
    }

    fn rebuilt(&self, value: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(value).ok().filter(|text| text.len() <= VALUE_MAX)?;
        let mut rebuilt = String::new();
        self.pattern.captures(text)?.expand(&self.template, &mut rebuilt);
        (rebuilt.len() <= self.most).then_some(rebuilt)
    }
}
