//! Why a real database could not be reached, in two wordings: all of it for the log, little of it for the agent.

use std::io;

use crate::mysql;
use crate::mysql::handshake::auth::client::AuthError;
use crate::mysql::packets::error::ErrPacket;
use crate::mysql::refusal::OwnError;
use crate::pg::frame::{WireError, kind_name};
use crate::pg::messages::report::{Fields, Report, Severity};
use crate::pg::scram::ScramError;
use crate::session::stream::channel::ReadError;
use crate::session::stream::packets::PacketError;

/// Why there is no upstream session. `Display` is for logs: it may name hosts and roles, never passwords.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No connection.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The connection broke.
    #[error("connection failed: {0}")]
    Io(#[from] io::Error),
    /// The server broke the protocol or left.
    #[error("login broke off: {0}")]
    Read(ReadError),
    /// A message could not be read.
    #[error("server broke the protocol: {0}")]
    Wire(#[from] WireError),
    /// The same, of MySQL's protocol.
    #[error("server broke the protocol: {0}")]
    Packet(#[from] mysql::frame::WireError),
    /// A MySQL server's way of logging in does not work.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// A MySQL server that does not say its version, or not the same twice.
    #[error("server's version cannot be trusted: {0}")]
    Version(String),
    /// TLS is required and not offered.
    #[error("server offers no TLS, and sslmode demands it")]
    NoTls,
    /// The TLS handshake failed, which includes certificates that do not verify.
    #[error("TLS handshake failed: {0}")]
    Tls(io::Error),
    /// Bytes in the clear behind the answer to SSLRequest.
    #[error("server sent {0} unencrypted bytes before TLS was up")]
    EarlyBytes(usize),
    /// The server wants a password and none is set.
    #[error("server asks for a password, and none is configured")]
    NoPassword,
    /// The server wants the password in the clear, over a connection that others can read.
    #[error("server asks for the password in the clear over an unencrypted connection")]
    Cleartext,
    /// A way of logging in that is not supported.
    #[error("server asks for authentication method {0}, which is not supported")]
    Method(String),
    /// The SCRAM exchange failed, or the server did not prove itself.
    #[error("SCRAM: {0}")]
    Scram(#[from] ScramError),
    /// A MySQL server said no.
    #[error("server refused ({code}): {message}")]
    Denied {
        /// Its error number.
        code: u16,
        /// Its message.
        message: String,
    },
    /// The server said no.
    #[error("server refused the session ({code}): {message}")]
    Rejected {
        /// SQLSTATE.
        code: String,
        /// Its primary message.
        message: String,
    },
    /// The server talks and never gets ready.
    #[error("server sent too much before it was ready")]
    Endless,
    /// It took too long.
    #[error("login took too long")]
    TimedOut,
    /// All `connections_max` places are taken.
    #[error("all places are taken")]
    Full,
}

impl From<ReadError> for UpstreamError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => Self::Io(error),
            ReadError::Wire(error) => Self::Wire(error),
            other => Self::Read(other),
        }
    }
}

impl From<PacketError> for UpstreamError {
    fn from(error: PacketError) -> Self {
        match error {
            PacketError::Read(error) => error.into(),
            PacketError::Wire(error) => Self::Packet(error),
        }
    }
}

impl UpstreamError {
    /// What a MySQL server answered in place of OK.
    pub(crate) fn denied(payload: &[u8]) -> Self {
        match ErrPacket::decode(payload) {
            Ok(error) => {
                Self::Denied { code: error.code, message: String::from_utf8_lossy(error.message).into_owned() }
            }
            Err(error) => Self::Packet(error),
        }
    }

    /// What a MySQL client may read; as [`UpstreamError::report`].
    pub fn own_error(&self, database: &str) -> OwnError {
        let report = self.report(database);
        match (self, report.code) {
            // Too many connections, here and there.
            (Self::Full, _) | (Self::Denied { code: 1040 | 1203 | 1226, .. }, _) => {
                OwnError::new(1040, "08004", report.message)
            }
            _ => OwnError::new(1105, "HY000", report.message),
        }
    }

    pub(crate) fn unexpected(expected: &'static str, found: u8) -> Self {
        Self::Wire(WireError::Unexpected { expected, found: kind_name(found) })
    }

    pub(crate) fn rejected(fields: &Fields<'_>) -> Self {
        let message = String::from_utf8_lossy(fields.get(b'M').unwrap_or_default()).into_owned();
        Self::Rejected { code: fields.code().to_owned(), message }
    }

    /// What the client may read: which database, what to do; no host, no role, no words of the server, except about settings
    /// that the client chose itself.
    pub fn report(&self, database: &str) -> Report {
        let fatal = |code, text: String| Report::new(Severity::Fatal, code, text);
        match self {
            Self::Full => {
                fatal("53300", format!("all connections to database `{database}` are in use; try again later"))
            }
            Self::TimedOut => fatal("08006", format!("database `{database}` did not answer in time; try again later")),
            Self::Rejected { code, message } => match code.as_str() {
                "22023" => fatal("22023", message.clone()),
                "53300" => fatal("53300", format!("database `{database}` has no connections left; try again later")),
                "57P03" => {
                    fatal("57P03", format!("database `{database}` is starting up or shutting down; try again later"))
                }
                _ => fatal(
                    "08006",
                    format!("database `{database}` refused Holdpoint's login; tell whoever runs Holdpoint"),
                ),
            },
            Self::Denied { code: 1040 | 1203 | 1226, .. } => {
                fatal("53300", format!("database `{database}` has no connections left; try again later"))
            }
            Self::Denied { code: 1053, .. } => {
                fatal("57P03", format!("database `{database}` is shutting down; try again later"))
            }
            Self::Denied { .. } => {
                fatal("08006", format!("database `{database}` refused Holdpoint's login; tell whoever runs Holdpoint"))
            }
            Self::Connect { .. } | Self::Io(_) => {
                fatal("08006", format!("database `{database}` cannot be reached; try again later"))
            }
            _ => {
                fatal("08006", format!("Holdpoint cannot log in to database `{database}`; tell whoever runs Holdpoint"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_reads_neither_role_nor_host() {
        let errors = [
            UpstreamError::Rejected {
                code: "28P01".into(),
                message: "password authentication failed for user \"app\"".into(),
            },
            UpstreamError::Connect { address: "db.internal:5432".into(), source: io::Error::other("refused by app") },
            UpstreamError::Method("7 for app".into()),
            UpstreamError::Denied { code: 1045, message: "Access denied for user 'app'@'db.internal'".into() },
            UpstreamError::Version("8.4.3 on db.internal".into()),
        ];
        for error in errors {
            let text = error.report("shop").message;
            assert_eq!(error.own_error("shop").message, text);
            assert!(text.contains("`shop`") && !text.contains("app") && !text.contains("db.internal"), "{text}");
        }
    }

    #[test]
    fn client_reads_what_is_wrong_with_its_own_setting() {
        let message = "invalid value for parameter \"TimeZone\": \"Mars\"".to_owned();
        let report = UpstreamError::Rejected { code: "22023".into(), message: message.clone() }.report("shop");
        assert_eq!((report.code, report.message), ("22023", message));
    }
}
