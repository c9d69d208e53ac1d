//! Finds in JSON text, member by member: the rest of the document stays as it is.
//!
//! The text must be JSON already; of a document that is none, or that has a find outside its values, nothing is kept.

use crate::masking::detect::scan::Scan;
use crate::masking::detect::{Found, find, replace};
use crate::policy::detector::{Detector, DetectorSet};

/// Fewest digits of a number worth a look: those of a card.
const DIGITS_MIN: usize = 13;

/// What became of a document.
pub(super) enum Members {
    /// Nothing was found.
    Clean,
    /// The document with its finds replaced.
    Replaced(Vec<u8>),
    /// Something was found where it cannot be replaced.
    Whole(Detector),
}

/// Looks through a document.
pub(super) fn members(text: &[u8], name: &str, set: DetectorSet) -> Members {
    let raw = Scan::new(text, name, set).next();
    if raw.is_none() && !text.contains(&b'\\') {
        return Members::Clean;
    }
    let mut walk = Walk { text, at: 0, copied: 0, out: Vec::new(), key: name.to_owned(), set, key_found: None };
    let replaced = walk.run();
    match (replaced, walk.key_found, raw) {
        (_, Some(detector), _) => Members::Whole(detector),
        (Some(true), None, _) => Members::Replaced(walk.out),
        // FAIL CLOSED: it is there, but not in a value, or this is no JSON.
        (_, None, Some(found)) => Members::Whole(found.detector),
        (_, None, None) => Members::Clean,
    }
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    /// How much of the text is in `out`.
    copied: usize,
    out: Vec<u8>,
    /// The member that the values at hand belong to.
    key: String,
    set: DetectorSet,
    /// A find in a member's name.
    key_found: Option<Detector>,
}

impl Walk<'_> {
    /// Something was replaced; `None`: this is no JSON.
    fn run(&mut self) -> Option<bool> {
        while let Some(byte) = self.text.get(self.at).copied() {
            match byte {
                b'"' => self.string()?,
                b'0'..=b'9' => self.number(),
                _ => self.at += 1,
            }
        }
        let replaced = self.copied > 0;
        self.out.extend_from_slice(self.text.get(self.copied..)?);
        Some(replaced)
    }

    fn string(&mut self) -> Option<()> {
        let (start, end) = (self.at, self.end_of_string()?);
        self.at = end;
        let quoted = self.text.get(start..end)?;
        let inside = quoted.get(1..quoted.len() - 1)?;
        let unescaped = inside.contains(&b'\\').then(|| serde_json::from_slice::<String>(quoted)).transpose().ok()?;
        let plain = unescaped.as_deref().map_or(inside, str::as_bytes);
        let behind = self.text.get(end..)?.iter().find(|byte| !byte.is_ascii_whitespace());
        if behind == Some(&b':') {
            self.key = String::from_utf8_lossy(plain).into_owned();
            self.key_found = self.key_found.or(find(plain, "", self.set).first().map(|found| found.detector));
            return Some(());
        }
        let found = find(plain, &self.key, self.set);
        if !found.is_empty() {
            let mut value = Vec::new();
            replace(plain, &found, &mut value);
            let value = serde_json::to_vec(&String::from_utf8_lossy(&value)).ok()?;
            self.put(start, &value)?;
        }
        Some(())
    }

    /// Behind the closing quote of the string that begins here.
    fn end_of_string(&self) -> Option<usize> {
        let mut at = self.at + 1;
        loop {
            match self.text.get(at)? {
                b'"' => return Some(at + 1),
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
    }

    /// A number as long as a card's becomes a text if it is one.
    fn number(&mut self) {
        let start = self.at;
        self.at += super::count(self.text, start, usize::MAX, |byte| byte.is_ascii_digit());
        let digits = self.text.get(start..self.at).unwrap_or_default();
        let part = super::before(self.text, start).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
            || self.text.get(self.at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'.');
        if digits.len() < DIGITS_MIN || part {
            return;
        }
        if let Some(Found { detector, .. }) = find(digits, &self.key, self.set).first() {
            let value = [b"\"".as_slice(), &super::token(*detector), b"\""].concat();
            let _kept = self.put(start, &value);
        }
    }

    /// Appends what stands before `start`, and this instead of what stands up to `self.at`.
    fn put(&mut self, start: usize, value: &[u8]) -> Option<()> {
        self.out.extend_from_slice(self.text.get(self.copied..start)?);
        self.out.extend_from_slice(value);
        self.copied = self.at;
        Some(())
    }
}
