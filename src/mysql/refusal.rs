//! A refusal, or a proxy's own error, as MySQL clients read it. Numbers: manual, "Server Error Message Reference".

use bytes::BytesMut;

use crate::gate::refusal::{Refusal, RefusalKind};
use crate::mysql::command::Unserved;
use crate::mysql::compose;
use crate::mysql::frame::{Sequence, packet};
use crate::mysql::packets::error::ErrPacket;

/// Longest message, in bytes: libmariadb keeps 512 with the closing zero byte.
pub const MESSAGE_BYTES_MAX: usize = 511;

/// What a client is told when it sends a masked value back.
pub const TOKEN_WRITTEN_BACK: &str = "the statement carries a mask token such as [masked:...]: masked values are not data, \
do not write them back or search for them";

/// An error of the proxy's own: number, SQLSTATE, text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnError {
    /// Its number.
    pub code: u16,
    /// Its SQLSTATE.
    pub sqlstate: &'static str,
    /// Its text.
    pub message: String,
}

impl OwnError {
    /// An error of this number.
    pub fn new(code: u16, sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self { code, sqlstate, message: message.into() }
    }

    /// `ER_UNKNOWN_ERROR`: nothing more special fits.
    pub fn general(message: impl Into<String>) -> Self {
        Self::new(1105, "HY000", message)
    }

    /// `ER_ACCESS_DENIED_ERROR`, in the words of every server.
    pub fn access_denied(user: &str, host: &str, with_password: bool) -> Self {
        let used = if with_password { "YES" } else { "NO" };
        Self::new(1045, "28000", format!("Access denied for user '{user}'@'{host}' (using password: {used})"))
    }

    /// `ER_HANDSHAKE_ERROR`.
    pub fn handshake(message: impl Into<String>) -> Self {
        Self::new(1043, "08S01", message)
    }

    /// `ER_MALFORMED_PACKET`.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(1835, "HY000", message)
    }

    /// Writes it as one packet, its text cut to [`MESSAGE_BYTES_MAX`] bytes at a character's border.
    pub fn put(&self, out: &mut BytesMut, sequence: &mut Sequence) {
        compose::error(out, sequence, &self.packet());
    }

    /// Writes it in place of a greeting, where errors have no SQLSTATE yet.
    pub fn put_early(&self, out: &mut BytesMut) {
        packet(out, &mut Sequence::default(), |out| self.packet().encode_early(out));
    }

    fn packet(&self) -> ErrPacket<'_> {
        let mut sqlstate = *b"HY000";
        for (place, byte) in sqlstate.iter_mut().zip(self.sqlstate.bytes()) {
            *place = byte;
        }
        ErrPacket { code: self.code, sqlstate, message: clipped(&self.message).as_bytes() }
    }
}

/// Number and SQLSTATE of each kind. They leave retry helpers and pools of the usual drivers alone.
pub fn code(kind: RefusalKind) -> (u16, &'static str) {
    match kind {
        RefusalKind::Pending
        | RefusalKind::Denied
        | RefusalKind::Forbidden
        | RefusalKind::Expired
        | RefusalKind::ReasonMissing
        | RefusalKind::Superseded
        | RefusalKind::Revoked
        | RefusalKind::Disabled
        | RefusalKind::Changed
        | RefusalKind::Unavailable => (1644, "45000"),
        RefusalKind::Cancelled => (1317, "70100"),
        RefusalKind::Draining => (1053, "08S01"),
    }
}

/// A refusal as an error. Detail and hint have no place in the protocol: the one line says it all.
pub fn of(refusal: &Refusal) -> OwnError {
    let (code, sqlstate) = code(refusal.kind);
    OwnError::new(code, sqlstate, refusal.message.clone())
}

/// A command that is not served: `ER_NOT_SUPPORTED_YET`, or `ER_UNKNOWN_COM_ERROR` if nobody knows it.
pub fn unserved(command: Unserved) -> OwnError {
    match command {
        Unserved::Named(_) => OwnError::new(1235, "42000", command.to_string()),
        Unserved::Unknown(_) | Unserved::Empty => OwnError::new(1047, "08S01", command.to_string()),
    }
}

fn clipped(text: &str) -> &str {
    if text.len() <= MESSAGE_BYTES_MAX {
        return text;
    }
    let end = (0..=MESSAGE_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::refusal::MESSAGE_BYTES_MAX as REFUSAL_BYTES_MAX;
    use crate::mysql::command::Command;

    const KINDS: [RefusalKind; 12] = [
        RefusalKind::Pending,
        RefusalKind::Denied,
        RefusalKind::Forbidden,
        RefusalKind::Expired,
        RefusalKind::ReasonMissing,
        RefusalKind::Cancelled,
        RefusalKind::Superseded,
        RefusalKind::Revoked,
        RefusalKind::Disabled,
        RefusalKind::Changed,
        RefusalKind::Unavailable,
        RefusalKind::Draining,
    ];

    fn decoded(error: &OwnError) -> (u16, String, String) {
        let mut out = BytesMut::new();
        error.put(&mut out, &mut Sequence(1));
        let read = ErrPacket::decode(&out[4..]).unwrap();
        (read.code, read.sqlstate_text().to_owned(), String::from_utf8(read.message.to_vec()).unwrap())
    }

    #[test]
    fn every_kind_has_its_agreed_number_and_state() {
        for kind in KINDS {
            let wanted = match kind {
                RefusalKind::Cancelled => (1317, "70100"),
                RefusalKind::Draining => (1053, "08S01"),
                _ => (1644, "45000"),
            };
            let refusal = Refusal { kind, approval: None, message: "why".into(), detail: None, hint: None };
            assert_eq!(decoded(&of(&refusal)), (wanted.0, wanted.1.to_owned(), "why".to_owned()), "{kind:?}");
        }
    }

    #[test]
    fn no_number_is_one_that_clients_try_again_by_themselves() {
        // Lock wait time-out, deadlock, and the one that has SQLAlchemy throw its connection away.
        for kind in KINDS {
            assert!(![1205, 1213, 4031].contains(&code(kind).0), "{kind:?}");
        }
    }

    #[test]
    fn whole_messages_fit_and_longer_ones_are_cut_between_letters() {
        const { assert!(REFUSAL_BYTES_MAX < MESSAGE_BYTES_MAX) };
        let (_, _, message) = decoded(&OwnError::general("ä".repeat(400)));
        assert_eq!(message, "ä".repeat(255));
        let exact = "x".repeat(511);
        assert_eq!(decoded(&OwnError::general(exact.clone())).2, exact);
    }

    #[test]
    fn own_errors_read_like_a_servers() {
        let denied = OwnError::access_denied("bot", "10.0.0.7", true);
        let text = "Access denied for user 'bot'@'10.0.0.7' (using password: YES)";
        assert_eq!(decoded(&denied), (1045, "28000".into(), text.into()));
        let dump = unserved(Command::of(&[0x12]).unwrap_err());
        assert_eq!((dump.code, dump.sqlstate), (1235, "42000"));
        assert_eq!(unserved(Command::of(&[0x99]).unwrap_err()).code, 1047);
    }
}
