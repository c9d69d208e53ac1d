//! Comments: skipped, or executed where the server executes them (sql_lex.cc of both servers; MariaDB: "Comment Syntax").

use super::{Doubt, Lexer};
use crate::statement::mysql::kinds::settings;
use crate::statement::scope::Flavour;

/// MariaDB leaves executable comments alone that are meant for these versions of MySQL, unless they are its own (`/*M!`).
const OTHERS_VERSIONS: std::ops::RangeInclusive<u32> = 50_700..=99_999;

impl Lexer<'_> {
    /// `--` opens a comment only in front of white space, a control character or the end.
    pub(super) fn opens_line_comment(&self) -> bool {
        let next = self.peek(2);
        self.peek(1) == b'-' && (next == b' ' || next.is_ascii_control())
    }

    pub(super) fn line_comment(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        self.at += length;
    }

    /// A comment in `/* */`, of whatever kind.
    pub(super) fn comment(&mut self) -> Result<(), Doubt> {
        let own = self.peek(2) == b'M' && self.peek(3) == b'!' && self.reading.flavour == Flavour::MariaDb;
        if self.peek(2) == b'!' || own {
            return self.executable_comment(own);
        }
        let opened = self.at;
        self.at += 2;
        self.skip_comment(false)?;
        let text = self.text.get(opened + 2..self.at.saturating_sub(2)).unwrap_or_default();
        match text.strip_prefix('+') {
            Some(hint) if !is_harmless_hint(hint) => Err(Doubt("an optimizer hint changes settings or is not plain")),
            _ => Ok(()),
        }
    }

    fn executable_comment(&mut self, own: bool) -> Result<(), Doubt> {
        if self.executing {
            return Err(Doubt("executable comments stand inside one another"));
        }
        self.at += if own { 4 } else { 3 };
        let digits = (0..7).take_while(|ahead| self.peek(*ahead).is_ascii_digit()).count();
        let length = match (digits, self.reading.flavour) {
            // Not a version: the digits are part of what is executed.
            (0..5, _) => {
                self.executing = true;
                return Ok(());
            }
            (5, _) => 5,
            (_, Flavour::MariaDb) => 6,
            (_, Flavour::MySql) => return Err(Doubt("versions of six digits are not read alike by all servers")),
        };
        let version: u32 = self
            .text
            .get(self.at..self.at + length)
            .and_then(|digits| digits.parse().ok())
            .ok_or(Doubt("an executable comment's version is not a number"))?;
        let for_others = self.reading.flavour == Flavour::MariaDb && OTHERS_VERSIONS.contains(&version) && !own;
        if version <= self.reading.version && !for_others {
            self.at += length;
            self.executing = true;
            return Ok(());
        }
        self.skip_comment(true)
    }

    /// Goes behind the end of a comment that is skipped. `nested`: ordinary comments may stand in it, one level deep.
    fn skip_comment(&mut self, nested: bool) -> Result<(), Doubt> {
        let mut inside = false;
        loop {
            match (self.peek(0), self.peek(1)) {
                (0, _) => return Err(Doubt("a comment is not closed")),
                (b'*', b'/') => {
                    self.at += 2;
                    if !inside {
                        return Ok(());
                    }
                    inside = false;
                }
                (b'/', b'*') if nested && !inside => {
                    self.at += 2;
                    inside = true;
                }
                _ => self.at += 1,
            }
        }
    }
}

/// Hints steer the optimizer; SET_VAR sets a setting, RESOURCE_GROUP binds threads. Quotes could hide the comment's end.
fn is_harmless_hint(hint: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || "_@$,().=#%-".contains(c);
    let upper = hint.to_ascii_uppercase();
    if !hint.chars().all(plain) || upper.contains("RESOURCE_GROUP") {
        return false;
    }
    upper.split("SET_VAR").skip(1).all(|set| {
        let name = set.trim_start().strip_prefix('(').and_then(|inside| inside.split_once('='));
        name.is_some_and(|(name, _)| settings::is_harmless(&name.trim().to_ascii_lowercase()))
    })
}
