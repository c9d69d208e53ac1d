//! Canonical JSON (RFC 8785) for what the log holds: strings, integers, booleans, null, arrays, objects.
//!
//! Without fractions the RFC comes down to: no blanks, members sorted by UTF-16 code units, strings escaped minimally (what
//! `serde_json` does), integers within ±(2^53 - 1). Everything else is an error, never a guess.
//!
//! Every statement costs one record, so no tree is built: `serde_json` writes into one buffer through a formatter that sorts.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::io;
use std::ops::Range;

use serde::Serialize;
use serde::ser::Error as _;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

const INTEGER_MAX: u64 = (1 << 53) - 1;
/// Most records of statements fit.
const USUAL: usize = 1024;

/// A value that has no canonical form here: a fraction, an integer beyond ±(2^53 - 1), two members of one name, or what cannot
/// be turned into JSON at all.
#[derive(Debug, thiserror::Error)]
#[error("no canonical JSON: {0}")]
pub struct CanonicalError(#[from] serde_json::Error);

/// The canonical JSON of anything that serializes.
///
/// # Errors
/// See [`CanonicalError`].
pub fn canonical<T: Serialize>(value: &T) -> Result<String, CanonicalError> {
    let text = RefCell::new(Text { out: Vec::with_capacity(USUAL), ..Text::default() });
    value.serialize(&mut Serializer::with_formatter(Shared(&text), Ordered(&text)))?;
    // What `serde_json` writes is UTF-8, and it is cut between its pieces only.
    String::from_utf8(text.into_inner().out).map_err(|error| CanonicalError(serde_json::Error::custom(error)))
}

/// What is written, and the objects that have not ended.
#[derive(Default)]
struct Text {
    out: Vec<u8>,
    /// Members of all open objects, those of the innermost last.
    members: Vec<Member>,
    /// For each open object: where it begins in `out`, and in `members`.
    open: Vec<(usize, usize)>,
    /// Where an object is put into order.
    sorted: Vec<u8>,
}

/// One member: its name as it is written, quotes included, and all of it.
struct Member {
    name: Range<usize>,
    all: Range<usize>,
    /// The name is ASCII without escapes: its bytes are compared as they are written.
    plain: bool,
    /// The first eight of them, or fewer and zeros, as one number: nearly all names differ here.
    begins: u64,
}

impl Text {
    fn begin_object(&mut self) {
        self.open.push((self.out.len(), self.members.len()));
    }

    fn begin_member(&mut self) {
        let start = self.out.len();
        self.members.push(Member { name: start..start, all: start..start, plain: false, begins: 0 });
    }

    fn end_name(&mut self) {
        let end = self.out.len();
        if let Some(member) = self.members.last_mut() {
            member.name.end = end;
            let written = self.out.get(member.name.clone()).unwrap_or_default();
            member.plain = written.iter().all(|byte| byte.is_ascii() && *byte != b'\\');
            let first = unquoted(&self.out, member).iter().take(8).chain(std::iter::repeat(&0)).take(8);
            member.begins = first.fold(0, |number, byte| number << 8 | u64::from(*byte));
        }
    }

    /// The innermost object's last member: those of its own value have been taken away.
    fn end_member(&mut self) {
        let end = self.out.len();
        if let Some(member) = self.members.last_mut() {
            member.all.end = end;
        }
    }

    /// Puts the members of the innermost object into order, and the object in place of them.
    fn end_object(&mut self) -> io::Result<()> {
        let Some((start, first)) = self.open.pop() else { return Err(wrong("an object ends that did not begin")) };
        let (out, own) = (&self.out, self.members.get_mut(first..).unwrap_or_default());
        if !in_order(out, own) {
            own.sort_by(|left, right| order(out, left, right));
            if !in_order(out, own) {
                return Err(wrong("two members have one name"));
            }
        }
        self.sorted.clear();
        self.sorted.push(b'{');
        for (index, member) in own.iter().enumerate() {
            if index > 0 {
                self.sorted.push(b',');
            }
            self.sorted.extend_from_slice(out.get(member.all.clone()).unwrap_or_default());
        }
        self.sorted.push(b'}');
        self.members.truncate(first);
        self.out.truncate(start);
        self.out.extend_from_slice(&self.sorted);
        Ok(())
    }
}

fn bounded(size: u64) -> io::Result<()> {
    if size > INTEGER_MAX { Err(wrong("an integer beyond 2^53 - 1")) } else { Ok(()) }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Is each name behind the one before it?
fn in_order(out: &[u8], members: &[Member]) -> bool {
    members.is_sorted_by(|left, right| order(out, left, right) == Ordering::Less)
}

/// RFC 8785, 3.2.3: by the UTF-16 code units of the names. Those of ASCII are its bytes.
fn order(out: &[u8], left: &Member, right: &Member) -> Ordering {
    if left.plain && right.plain {
        let begins = left.begins.cmp(&right.begins);
        return begins.then_with(|| unquoted(out, left).cmp(unquoted(out, right)));
    }
    name(out, left).encode_utf16().cmp(name(out, right).encode_utf16())
}

fn unquoted<'t>(out: &'t [u8], member: &Member) -> &'t [u8] {
    out.get(member.name.start + 1..member.name.end.saturating_sub(1)).unwrap_or_default()
}

/// A name without its escapes.
fn name(out: &[u8], member: &Member) -> String {
    serde_json::from_slice(out.get(member.name.clone()).unwrap_or_default()).unwrap_or_default()
}

/// What the serializer writes to, and where its formatter works.
struct Shared<'t>(&'t RefCell<Text>);

impl io::Write for Shared<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Objects in order, integers within their bounds, no fractions. All else is as `serde_json` writes it without blanks.
struct Ordered<'t>(&'t RefCell<Text>);

impl Formatter for Ordered<'_> {
    fn write_i64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        bounded(value.unsigned_abs())?;
        CompactFormatter.write_i64(writer, value)
    }

    fn write_u64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        bounded(value)?;
        CompactFormatter.write_u64(writer, value)
    }

    fn write_i128<W: ?Sized + io::Write>(&mut self, _writer: &mut W, _value: i128) -> io::Result<()> {
        bounded(u64::MAX)
    }

    fn write_u128<W: ?Sized + io::Write>(&mut self, _writer: &mut W, _value: u128) -> io::Result<()> {
        bounded(u64::MAX)
    }

    fn write_f32<W: ?Sized + io::Write>(&mut self, _writer: &mut W, _value: f32) -> io::Result<()> {
        Err(wrong("a fraction"))
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, _writer: &mut W, _value: f64) -> io::Result<()> {
        Err(wrong("a fraction"))
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.0.borrow_mut().begin_object();
        Ok(())
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.0.borrow_mut().end_object()
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, _writer: &mut W, _first: bool) -> io::Result<()> {
        self.0.borrow_mut().begin_member();
        Ok(())
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.0.borrow_mut().end_name();
        Ok(())
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.0.borrow_mut().end_member();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_sorted_by_utf16_and_strings_escaped_minimally() {
        // Names and order from the RFC's own example (3.2.3): U+1F600 sorts before U+FB33 in UTF-16.
        let value = json!({
            "\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7,
            "s": "a\"\\/\u{8}\u{1f}\u{7f}é", "n": [null, true, -7]
        });
        let expected = "{\"\\r\":2,\"1\":4,\"n\":[null,true,-7],\"s\":\"a\\\"\\\\/\\b\\u001f\u{7f}é\",\"\u{80}\":6,\
                        \"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
        assert_eq!(canonical(&value).unwrap(), expected);
    }

    #[test]
    fn names_with_escapes_are_sorted_by_what_they_are() {
        // Written, `\\n` begins with a backslash, which sorts behind letters in upper case; it is U+000A, which sorts before.
        let value = json!({ "A": { "b": 1, "a": {} }, "\n": [{ "y": null, "x": [] }], "\"": "" });
        assert_eq!(canonical(&value).unwrap(), r#"{"\n":[{"x":[],"y":null}],"\"":"","A":{"a":{},"b":1}}"#);
    }

    #[test]
    fn two_members_of_one_name_are_refused() {
        struct Twice;
        impl Serialize for Twice {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([("a", 1), ("b", 2), ("a", 1)])
            }
        }
        assert!(canonical(&Twice).is_err());
    }

    #[test]
    fn members_are_in_order_whatever_order_they_come_in() {
        let mut runner = proptest::test_runner::TestRunner::default();
        let names = proptest::collection::btree_map(".{0,4}", 0u32..9, 0..12);
        let shuffled =
            proptest::strategy::Strategy::prop_shuffle(proptest::strategy::Strategy::prop_map(names, |map| {
                map.into_iter().collect::<Vec<_>>()
            }));
        runner
            .run(&shuffled, |members| {
                struct Members<'m>(&'m [(String, u32)]);
                impl Serialize for Members<'_> {
                    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
                    }
                }
                let text = canonical(&Members(&members)).unwrap();
                let mut sorted = members.clone();
                sorted.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<_>>());
                let parts =
                    sorted.iter().map(|(name, value)| format!("{}:{value}", serde_json::to_string(name).unwrap()));
                assert_eq!(text, format!("{{{}}}", parts.collect::<Vec<_>>().join(",")));
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn fractions_and_huge_integers_are_refused() {
        for value in [json!(1.5), json!(1u64 << 53), json!(-(1i64 << 53))] {
            assert!(canonical(&value).is_err(), "{value}");
        }
        assert_eq!(canonical(&json!(INTEGER_MAX)).unwrap(), "9007199254740991");
    }
}
