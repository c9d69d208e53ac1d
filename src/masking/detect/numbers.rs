//! Numbers written in groups: payment cards and US social security numbers.

use std::ops::Range;

use crate::masking::detect::scan::Scan;
use crate::masking::detect::{Found, before, context, is_word};
use crate::policy::detector::Detector;

/// Groups looked at together; a longer row of numbers is taken in pieces that overlap.
const GROUPS_MAX: usize = 24;
const OVERLAP: usize = 5;
const CARD_DIGITS: Range<usize> = 13..20;

/// Digits, and the separator that stands between them and the group before.
#[derive(Clone, Copy, Default)]
struct Group {
    start: usize,
    end: usize,
    /// Space, `-` or `.`; 0: none, the first.
    gap: u8,
}

impl Group {
    fn len(self) -> usize {
        self.end - self.start
    }
}

/// Groups of digits, each one separator from the next.
pub(super) struct Run {
    groups: [Group; GROUPS_MAX],
    count: usize,
    digits: usize,
    /// Where to go on if nothing is found.
    pub(super) next: usize,
}

impl Run {
    /// Reads the groups that begin here.
    pub(super) fn read(text: &[u8], at: usize) -> Self {
        let mut run = Self { groups: [Group::default(); GROUPS_MAX], count: 0, digits: 0, next: at };
        let (mut place, mut gap) = (at, 0);
        while let Some(slot) = run.groups.get_mut(run.count) {
            let length = super::count(text, place, usize::MAX, |byte| byte.is_ascii_digit());
            if length == 0 {
                return run;
            }
            *slot = Group { start: place, end: place + length, gap };
            run.count += 1;
            run.digits += length;
            run.next = place + length;
            let Some((separator, width)) = separator(text, run.next) else { return run };
            gap = separator;
            place = run.next + width;
        }
        run.next = run.groups().iter().rev().nth(OVERLAP).map_or(run.next, |group| group.start);
        run
    }

    fn groups(&self) -> &[Group] {
        self.groups.get(..self.count).unwrap_or_default()
    }

    /// Every row of groups with one kind of separator, with those before and behind it.
    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let groups = self.groups();
        (0..groups.len()).flat_map(move |from| {
            let rest = groups.get(from..).unwrap_or_default();
            let gap = rest.get(1).map_or(0, |group| group.gap);
            let alike = 1 + rest.iter().skip(1).take_while(|group| group.gap == gap).count();
            (1..=alike.min(7)).filter_map(move |length| {
                let around = (from.checked_sub(1).and_then(|at| groups.get(at)), groups.get(from + length));
                Some(Row { groups: groups.get(from..from + length)?, around })
            })
        })
    }
}

/// Some neighbouring groups.
struct Row<'a> {
    groups: &'a [Group],
    around: (Option<&'a Group>, Option<&'a Group>),
}

impl Row<'_> {
    fn span(&self) -> Option<Range<usize>> {
        Some(self.groups.first()?.start..self.groups.last()?.end)
    }

    fn lengths(&self) -> impl Iterator<Item = usize> {
        self.groups.iter().map(|group| group.len())
    }

    /// Nothing touches it that makes it a part of something else: letters, decimals, more groups of the same kind.
    fn stands_alone(&self, text: &[u8]) -> bool {
        let Some(span) = self.span() else { return false };
        let (Some(first), gap) = (self.groups.first(), self.groups.get(1).map(|group| group.gap)) else { return false };
        let part = |gap_there: u8, length: usize| gap_there == b'.' || (gap == Some(gap_there) && length >= 4);
        let before_ok = match self.around.0 {
            Some(group) => !part(first.gap, group.len()),
            None => before(text, span.start).is_none_or(|byte| !is_word(byte) && byte != b'.'),
        };
        let behind_ok = match self.around.1 {
            Some(group) => !part(group.gap, group.len()),
            None => text.get(span.end).is_none_or(|byte| !is_word(*byte)),
        };
        before_ok && behind_ok
    }
}

fn separator(text: &[u8], at: usize) -> Option<(u8, usize)> {
    let (separator, width) = match text.get(at..)? {
        [byte @ (b' ' | b'-' | b'.'), ..] => (*byte, 1),
        // No-break space.
        [0xc2, 0xa0, ..] => (b' ', 2),
        _ => return None,
    };
    text.get(at + width).is_some_and(u8::is_ascii_digit).then_some((separator, width))
}

/// A payment card among these groups.
pub(super) fn card(scan: &Scan<'_>, run: &Run) -> Option<Found> {
    if run.digits < CARD_DIGITS.start || !scan.has(Detector::Card) {
        return None;
    }
    let found = run.rows().find(|row| is_card(scan, row))?;
    Some(Found { detector: Detector::Card, span: found.span()?, exact: true })
}

fn is_card(scan: &Scan<'_>, row: &Row<'_>) -> bool {
    let total: usize = row.lengths().sum();
    if !CARD_DIGITS.contains(&total) || !row.stands_alone(scan.text) {
        return false;
    }
    let mut digits = [0u8; 19];
    let values = row.groups.iter().flat_map(|group| scan.text.get(group.start..group.end).unwrap_or_default());
    digits.iter_mut().zip(values).for_each(|(slot, byte)| *slot = byte - b'0');
    let Some(digits) = digits.get(..total) else { return false };
    if !is_issued(digits) || !luhn(digits) {
        return false;
    }
    let mut lengths = [0usize; 5];
    lengths.iter_mut().zip(row.lengths()).for_each(|(slot, length)| *slot = length);
    let usual = match lengths {
        [15 | 16, 0, ..] | [4, 4, 4, 4, 0] | [4, 6, 5, 0, 0] | [4, 6, 4, 0, 0] => row.groups.len() <= 5,
        [4, 4, 4, 4, 1..=3] => row.groups.len() == 5,
        _ => false,
    };
    // Item numbers have 13 digits, ids of other systems 17 to 19: those need a word that says "card".
    let Some(span) = row.span() else { return false };
    usual || context::near(scan.text, span.start, span.end, scan.name, context::CARD)
}

/// The ranges and lengths that issuers use (ISO/IEC 7812).
fn is_issued(digits: &[u8]) -> bool {
    let head = digits.iter().take(6).fold(0u32, |sum, digit| sum * 10 + u32::from(*digit));
    let length = digits.len();
    match head {
        400_000..=499_999 => matches!(length, 13 | 16 | 19),
        510_000..=559_999 | 222_100..=272_099 | 220_000..=220_499 => length == 16,
        340_000..=349_999 | 370_000..=379_999 => length == 15,
        300_000..=305_999 | 360_000..=369_999 | 380_000..=399_999 => (14..=19).contains(&length) && length != 15,
        352_800..=358_999 | 601_100..=601_199 | 620_000..=629_999 | 644_000..=659_999 => (16..=19).contains(&length),
        501_800..=501_899 | 502_000..=502_099 | 503_800..=503_899 | 589_300..=589_399 => (16..=19).contains(&length),
        630_400..=630_499 | 675_900..=675_999 | 676_100..=676_399 => (16..=19).contains(&length),
        _ => false,
    }
}

/// Luhn's check digit (ISO/IEC 7812-1, annex B); all zeros would pass, but no issuer has them.
pub(in crate::masking) fn luhn(digits: &[u8]) -> bool {
    let sum = digits.iter().rev().enumerate().fold(0u32, |sum, (index, digit)| {
        let value = u32::from(*digit) << (index % 2);
        sum + if value > 9 { value - 9 } else { value }
    });
    sum % 10 == 0
}

/// A US social security number among these groups: `123-45-6789` alone in the text, or near its name.
pub(super) fn ssn(scan: &Scan<'_>, run: &Run) -> Option<Found> {
    if run.digits < 9 || !scan.has(Detector::Ssn) {
        return None;
    }
    let found = run.rows().find(|row| is_ssn(scan, row))?;
    Some(Found { detector: Detector::Ssn, span: found.span()?, exact: true })
}

fn is_ssn(scan: &Scan<'_>, row: &Row<'_>) -> bool {
    let grouped = row.lengths().eq([3, 2, 4]);
    if !(grouped || row.lengths().eq([9])) || !row.stands_alone(scan.text) {
        return false;
    }
    let Some(span) = row.span() else { return false };
    let digits = row.groups.iter().flat_map(|group| scan.text.get(group.start..group.end).unwrap_or_default());
    let number = digits.fold(0u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
    if area == 0 || area == 666 || group == 0 || serial == 0 {
        return false;
    }
    let dashed = row.groups.get(1).is_some_and(|group| group.gap == b'-');
    let alone = scan.text.trim_ascii().len() == span.len();
    let named = || context::near(scan.text, span.start, span.end, scan.name, context::SSN);
    (dashed && alone && area < 900) || named()
}
