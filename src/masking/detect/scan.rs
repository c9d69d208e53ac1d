//! The one pass: skips words and punctuation, stops where a value may stand, and asks whoever knows that kind.

use crate::masking::detect::{Found, before, count, email, iban, ip, is_word, numbers, phone, secrets, url};
use crate::policy::detector::{Detector, DetectorSet};

/// Finds in order.
pub(super) struct Scan<'a> {
    pub(super) text: &'a [u8],
    /// What the text is called.
    pub(super) name: &'a str,
    pub(super) set: DetectorSet,
    at: usize,
    /// Where the last find ended: nothing looks back behind it.
    pub(super) floor: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a [u8], name: &'a str, set: DetectorSet) -> Self {
        Self { text, name, set, at: 0, floor: 0 }
    }

    /// A word begins here.
    fn starts_word(&self) -> bool {
        before(self.text, self.at).is_none_or(|byte| !is_word(byte))
    }

    fn word(&mut self) -> Option<Found> {
        if self.starts_word() {
            let found = secrets::at(self, self.at).or_else(|| iban::at(self, self.at));
            let found = found.or_else(|| self.has(Detector::Ip).then(|| ip::at(self.text, self.at)).flatten());
            if found.is_some() {
                return found;
            }
        }
        self.at += count(self.text, self.at, usize::MAX, is_word).max(1);
        None
    }

    /// Digits at the start of a word; inside one they are part of a name, a hash or an id.
    fn digits(&mut self) -> Option<Found> {
        if !self.starts_word() {
            self.at += count(self.text, self.at, usize::MAX, |byte| byte.is_ascii_digit());
            return None;
        }
        let address = self.has(Detector::Ip).then(|| ip::at(self.text, self.at)).flatten();
        if address.is_some() {
            return address;
        }
        let run = numbers::Run::read(self.text, self.at);
        let found = numbers::card(self, &run).or_else(|| numbers::ssn(self, &run));
        let found = found.or_else(|| phone::in_context(self, self.at));
        if found.is_none() {
            self.at = run.next;
        }
        found
    }

    pub(super) fn has(&self, detector: Detector) -> bool {
        self.set.has(detector)
    }
}

impl Iterator for Scan<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        while let Some(byte) = self.text.get(self.at).copied() {
            let found = match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => match self.word() {
                    None => continue,
                    found => found,
                },
                b'0'..=b'9' => match self.digits() {
                    None => continue,
                    found => found,
                },
                b'@' => email::at(self, self.at).or_else(|| url::driver_name(self, self.at)),
                b':' => url::at(self, self.at)
                    .or_else(|| self.has(Detector::Ip).then(|| ip::at(self.text, self.at)).flatten()),
                b'=' => url::assignment(self, self.at),
                b'-' => secrets::armour(self, self.at),
                b'+' => phone::international(self, self.at),
                _ => None,
            };
            match found {
                Some(found) => {
                    self.at = found.span.end.max(self.at + 1);
                    self.floor = found.span.end;
                    return Some(found);
                }
                None => self.at += 1,
            }
        }
        None
    }
}
