//! ErrorResponse and NoticeResponse: read field by field, or written anew (manual: "Error and Notice Message Fields").

use bytes::{BufMut, BytesMut};

use crate::pg::frame::WireError;
use crate::pg::messages::{message, put_text};
use crate::pg::reader::Reader;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed.
    Error,
    /// The session ends.
    Fatal,
    /// For information.
    Notice,
    /// Something to look at.
    Warning,
}

impl Severity {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
        }
    }
}

/// A report in our own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Severity.
    pub severity: Severity,
    /// SQLSTATE, five characters.
    pub code: &'static str,
    /// The primary line.
    pub message: String,
    /// More.
    pub detail: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// Field `n`: the approval's id, for machines.
    pub constraint: Option<String>,
    /// Field `R`: `holdpoint_pending` and the like, for machines.
    pub routine: Option<String>,
}

impl Report {
    /// A report with nothing but its primary line.
    pub fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), detail: None, hint: None, constraint: None, routine: None }
    }

    /// Adds what to do next.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Appends the message: `E`, or `N` for notices and warnings.
    pub fn encode(&self, out: &mut BytesMut) {
        let kind = if matches!(self.severity, Severity::Error | Severity::Fatal) { b'E' } else { b'N' };
        let fields = [
            (b'S', Some(self.severity.word())),
            (b'V', Some(self.severity.word())),
            (b'C', Some(self.code)),
            (b'M', Some(self.message.as_str())),
            (b'D', self.detail.as_deref()),
            (b'H', self.hint.as_deref()),
            (b'n', self.constraint.as_deref()),
            (b'R', self.routine.as_deref()),
        ];
        message(out, kind, |body| {
            for (field, text) in fields.into_iter().filter_map(|(field, text)| Some((field, text?))) {
                body.put_u8(field);
                put_text(body, text);
            }
            body.put_u8(0);
        });
    }
}

/// A report as a server sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields<'a> {
    fields: Vec<(u8, &'a [u8])>,
}

impl<'a> Fields<'a> {
    /// Reads the body of a message `E` or `N` from a server.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("ErrorResponse or NoticeResponse", body);
        let mut fields = Vec::with_capacity(8);
        loop {
            match reader.byte()? {
                0 => break,
                field => fields.push((field, reader.cstr()?)),
            }
        }
        reader.finish()?;
        Ok(Self { fields })
    }

    /// The text of a field, such as `M`.
    pub fn get(&self, field: u8) -> Option<&'a [u8]> {
        self.fields.iter().find(|(name, _)| *name == field).map(|(_, text)| *text)
    }

    /// SQLSTATE; empty if the server sent none.
    pub fn code(&self) -> &'a str {
        self.get(b'C').and_then(|code| std::str::from_utf8(code).ok()).unwrap_or_default()
    }

    /// Field by field, in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> + '_ {
        self.fields.iter().copied()
    }

    /// Appends a message of `kind` with the fields that `keep` answers for: it gets field and text, and gives the text to send.
    pub fn encode_with<'b>(
        &'b self,
        out: &mut BytesMut,
        kind: u8,
        mut keep: impl FnMut(u8, &'b [u8]) -> Option<&'b [u8]>,
    ) {
        message(out, kind, |body| {
            for (field, text) in self.iter() {
                if let Some(text) = keep(field, text) {
                    body.put_u8(field);
                    put_text(body, text);
                }
            }
            body.put_u8(0);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_is_read_as_it_was_written() {
        let report = Report::new(Severity::Fatal, "28P01", "no").with_hint("try again");
        let mut out = BytesMut::new();
        report.encode(&mut out);
        assert_eq!(out[0], b'E');
        let fields = Fields::decode(&out[5..]).unwrap();
        assert_eq!(
            (fields.code(), fields.get(b'M'), fields.get(b'H')),
            ("28P01", Some(&b"no"[..]), Some(&b"try again"[..]))
        );
        assert_eq!(fields.get(b'D'), None);
    }

    #[test]
    fn notices_have_their_own_type_byte() {
        let mut out = BytesMut::new();
        Report::new(Severity::Notice, "01000", "held").encode(&mut out);
        assert_eq!(out[0], b'N');
    }

    #[test]
    fn fields_can_be_dropped_on_the_way() {
        let mut out = BytesMut::new();
        let fields = Fields::decode(b"Mtext\0Dsecret\0\0").unwrap();
        fields.encode_with(&mut out, b'E', |field, text| (field != b'D').then_some(text));
        assert_eq!(&out[5..], b"Mtext\0\0");
    }

    proptest::proptest! {
        #[test]
        fn anything_can_be_read_without_a_panic(bytes: Vec<u8>) {
            let _ = Fields::decode(&bytes);
        }
    }
}
