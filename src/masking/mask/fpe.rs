//! Format-preserving encryption (FF1, NIST SP 800-38G): digits become other digits, separators stay where they are.
//!
//! Equal values of a class become equal values, so joins still match. With fewer than a million possible values the original
//! could be guessed by trying, so those are redacted; so is whatever is not of the form asked for.

use std::sync::Arc;

use aes::Aes256;
use bytes::BytesMut;
use fpe::ff1::{FF1, FlexibleNumeralString};
use zeroize::Zeroizing;

use crate::masking::detect::luhn;
use crate::masking::kind::Kind;
use crate::masking::mask::bucket::integer;
use crate::masking::mask::constant::Constant;
use crate::masking::mask::{Target, Written};
use crate::policy::class::FpeAlphabet;

/// Longest value, in characters that are encrypted: the cost grows with its square.
const LENGTH_MAX: usize = 64;
/// Fewest possible values (SP 800-38G revision 1).
const DOMAIN_MIN: f64 = 1_000_000.0;
/// How often an integer is encrypted again until it has as many digits as before and fits its type.
const WALK_MAX: usize = 2000;

/// A class's encryption for one column.
#[derive(Clone)]
pub(in crate::masking) struct FpeMask {
    cipher: Arc<FF1<Aes256>>,
    alphabet: FpeAlphabet,
    luhn: bool,
    target: Target,
    /// For texts that cannot be encrypted; `None`: NULL.
    otherwise: Option<Constant>,
}

impl FpeMask {
    /// `None` for types that have no digits to encrypt. Integers take digits only, and no check digit.
    pub(in crate::masking) fn new(
        key: &Zeroizing<[u8; 32]>,
        (alphabet, luhn): (FpeAlphabet, bool),
        target: Target,
        otherwise: Option<Constant>,
    ) -> Option<Self> {
        let integer = matches!(target.kind, Kind::Int4 | Kind::Int8 | Kind::Whole(3 | 4 | 8));
        let fits = target.kind.is_plain_text() || (integer && alphabet == FpeAlphabet::Digits);
        let cipher = FF1::<Aes256>::new(key.as_slice(), radix(alphabet)).ok().filter(|_| fits)?;
        Some(Self { cipher: Arc::new(cipher), alphabet, luhn, target, otherwise })
    }

    /// Appends the encrypted value.
    pub(in crate::masking) fn apply(&self, value: &[u8], out: &mut BytesMut) -> Written {
        let start = out.len();
        let done = match self.target.kind.is_plain_text() {
            true => self.text(value, out),
            false => self.integer(value, out),
        };
        if done.is_some() {
            return Written::Value;
        }
        out.truncate(start);
        match &self.otherwise {
            Some(constant) => out.extend_from_slice(constant.value()),
            None => return Written::Null,
        }
        Written::Value
    }

    fn text(&self, value: &[u8], out: &mut BytesMut) -> Option<()> {
        let value = if self.target.kind == Kind::PaddedText { value.trim_ascii_end() } else { value };
        let numerals: Vec<u16> = value.iter().filter_map(|byte| self.numeral(*byte)).collect();
        // What is not encrypted would come back as it is: only separators may.
        let plain = value.iter().filter(|byte| self.numeral(**byte).is_none());
        if !plain.clone().all(|byte| b" -./()+_:".contains(byte)) {
            return None;
        }
        let mut changed = self.encrypt(numerals)?.into_iter();
        for byte in value {
            let next = if self.numeral(*byte).is_some() { self.letter(changed.next()?)? } else { *byte };
            out.extend_from_slice(&[next]);
        }
        Some(())
    }

    /// Encrypts numerals; with Luhn all but the last, which becomes the check digit. A number whose check digit is wrong would
    /// share its result with the right one.
    fn encrypt(&self, mut numerals: Vec<u16>) -> Option<Vec<u16>> {
        if self.luhn {
            let digits: Option<Vec<u8>> = numerals.iter().map(|numeral| u8::try_from(*numeral).ok()).collect();
            if self.alphabet != FpeAlphabet::Digits || !luhn(&digits?) {
                return None;
            }
            numerals.pop();
        }
        let length = numerals.len();
        let domain = f64::from(radix(self.alphabet)).powi(i32::try_from(length).ok()?);
        if length > LENGTH_MAX || domain < DOMAIN_MIN {
            return None;
        }
        let encrypted = self.cipher.encrypt(&[], &FlexibleNumeralString::from(numerals)).ok()?;
        let mut numerals: Vec<u16> = encrypted.into();
        if self.luhn {
            let digits: Option<Vec<u8>> = numerals.iter().map(|numeral| u8::try_from(*numeral).ok()).collect();
            let body = digits?;
            let check = (0..10).find(|check| luhn(&[body.as_slice(), &[*check]].concat()))?;
            numerals.push(check.into());
        }
        Some(numerals)
    }

    /// A positive integer of as many digits, by walking the cycle until it fits.
    fn integer(&self, value: &[u8], out: &mut BytesMut) -> Option<()> {
        let number = integer::read(value, self.target).filter(|number| *number > 0)?;
        let mut numerals: Vec<u16> = number.to_string().bytes().map(|byte| u16::from(byte - b'0')).collect();
        for _ in 0..WALK_MAX {
            numerals = self.encrypt(numerals)?;
            let text: String =
                numerals.iter().filter_map(|numeral| char::from_digit(u32::from(*numeral), 10)).collect();
            let fitting = text.parse::<i64>().ok().filter(|_| !text.starts_with('0'));
            if let Some(done) = fitting.filter(|number| integer::fits(*number, self.target)) {
                return integer::put(done, self.target, out);
            }
        }
        None
    }

    fn numeral(&self, byte: u8) -> Option<u16> {
        match (self.alphabet, byte) {
            (_, b'0'..=b'9') => Some(u16::from(byte - b'0')),
            (FpeAlphabet::Alnum, b'A'..=b'Z') => Some(u16::from(byte - b'A') + 10),
            (FpeAlphabet::Alnum, b'a'..=b'z') => Some(u16::from(byte - b'a') + 36),
            _ => None,
        }
    }

    fn letter(&self, numeral: u16) -> Option<u8> {
        let numeral = u8::try_from(numeral).ok()?;
        Some(match numeral {
            0..=9 => b'0' + numeral,
            10..=35 => b'A' + numeral - 10,
            36..=61 => b'a' + numeral - 36,
            _ => return None,
        })
    }
}

impl std::fmt::Debug for FpeMask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FpeMask")
            .field("alphabet", &self.alphabet)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

fn radix(alphabet: FpeAlphabet) -> u32 {
    match alphabet {
        FpeAlphabet::Digits => 10,
        FpeAlphabet::Alnum => 62,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ff1(key: &str, tweak: &str, radix: u32, plain: &str) -> String {
        let digit = |c: char| u16::try_from(c.to_digit(36).unwrap()).unwrap();
        let numerals: Vec<u16> = plain.chars().map(digit).collect();
        let cipher = FF1::<Aes256>::new(&hex::decode(key).unwrap(), radix).unwrap();
        let done = cipher.encrypt(&hex::decode(tweak).unwrap(), &FlexibleNumeralString::from(numerals)).unwrap();
        let numerals: Vec<u16> = done.into();
        numerals.into_iter().map(|numeral| char::from_digit(numeral.into(), 36).unwrap()).collect()
    }

    /// NIST's sample values for FF1 with AES-256 (samples 7 to 9).
    #[test]
    fn the_cipher_is_ff1() {
        let key = "2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94";
        assert_eq!(ff1(key, "", 10, "0123456789"), "6657667009");
        assert_eq!(ff1(key, "39383736353433323130", 10, "0123456789"), "1001623463");
        assert_eq!(ff1(key, "3737373770717273373737", 36, "0123456789abcdefghi"), "xs8a0azh2avyalyzuwd");
    }
}
