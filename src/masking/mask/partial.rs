//! Keeps some characters at either end of a text and hides the rest.

use bytes::BytesMut;

use crate::masking::kind::Kind;
use crate::masking::mask::constant::Constant;

/// What stands for hidden characters. More hidden ones than this look the same, so that a long text does not tell its
/// length and costs nothing.
const STARS: &[u8; 16] = b"****************";

/// Which characters stay.
#[derive(Clone, Debug)]
pub(in crate::masking) struct Partial {
    keep_first: usize,
    keep_last: usize,
    /// Shorter texts are redacted: kept and hidden characters together.
    least: usize,
    padded: bool,
    otherwise: Constant,
}

impl Partial {
    /// At least one character is always hidden, whatever `hide_min` says.
    pub(in crate::masking) fn new(first: u16, last: u16, hide_min: u16, kind: Kind, otherwise: Constant) -> Self {
        let (keep_first, keep_last) = (usize::from(first), usize::from(last));
        let least = keep_first.saturating_add(keep_last).saturating_add(usize::from(hide_min.max(1)));
        Self { keep_first, keep_last, least, padded: kind == Kind::PaddedText, otherwise }
    }

    /// Appends the masked text. Counts Unicode characters, not bytes; what is not UTF-8 is redacted.
    pub(in crate::masking) fn apply(&self, value: &[u8], out: &mut BytesMut) {
        let value = if self.padded { value.trim_ascii_end() } else { value };
        match self.cut(value) {
            Some((first, hidden, last)) => {
                out.extend_from_slice(first);
                out.extend_from_slice(STARS.get(..hidden).unwrap_or(STARS));
                out.extend_from_slice(last);
            }
            None => out.extend_from_slice(self.otherwise.value()),
        }
    }

    /// First kept part, number of hidden characters, last kept part.
    fn cut<'a>(&self, value: &'a [u8]) -> Option<(&'a [u8], usize, &'a [u8])> {
        if value.is_ascii() {
            let hidden = hidden(value.len(), self)?;
            let (first, rest) = value.split_at_checked(self.keep_first)?;
            return Some((first, hidden, rest.get(hidden..)?));
        }
        let text = std::str::from_utf8(value).ok()?;
        let hidden = hidden(text.chars().count(), self)?;
        let (hidden_at, _) = text.char_indices().nth(self.keep_first)?;
        let last_at = match self.keep_last {
            0 => text.len(),
            last => text.char_indices().rev().nth(last.saturating_sub(1))?.0,
        };
        Some((value.get(..hidden_at)?, hidden, value.get(last_at..)?))
    }
}

/// How many of so many characters are hidden; `None` if there are too few to keep any.
fn hidden(characters: usize, partial: &Partial) -> Option<usize> {
    (characters >= partial.least)
        .then(|| characters.saturating_sub(partial.keep_first.saturating_add(partial.keep_last)))
}
