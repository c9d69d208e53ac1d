//! The first packets of a client, and what of their wishes is granted (manual: "Start-up", "StartupMessage").

use crate::pg::frame::WireError;
use crate::pg::messages::backend::CancelKey;
use crate::pg::reader::Reader;

mod options;
mod settings;

/// The newest protocol 3.x spoken with clients.
pub const MINOR_NEWEST: u16 = 2;

const PROTOCOL_MAJOR: u32 = 3;
const SPECIAL_MAJOR: u32 = 1234;
const CANCEL_MINOR: u32 = 5678;
const SSL_MINOR: u32 = 5679;
const GSS_MINOR: u32 = 5680;

/// A packet without a type byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// SSLRequest.
    Ssl,
    /// GSSENCRequest.
    GssEnc,
    /// CancelRequest.
    Cancel(CancelKey),
    /// StartupMessage.
    Startup(Startup),
}

/// A StartupMessage as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Startup {
    /// The 3.x that is asked for; may be newer than anything known.
    pub minor: u16,
    /// Names and values, in order.
    pub parameters: Vec<(String, String)>,
}

/// Why a start-up is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartupError {
    /// The packet is broken.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Not protocol 3.
    #[error("unsupported frontend protocol {major}.{minor}: 3.0 to 3.{MINOR_NEWEST} are spoken here")]
    Version {
        /// Major.
        major: u32,
        /// Minor.
        minor: u32,
    },
    /// No `user`.
    #[error("no user name in the start-up packet")]
    NoUser,
    /// Replication was asked for.
    #[error("replication connections are not served: Holdpoint judges statements, and a replication stream has none")]
    Replication,
    /// A setting that may not be chosen here.
    #[error("parameter `{0}` cannot be set while connecting through Holdpoint; remove it from the connection string")]
    Setting(String),
    /// A setting whose value is not accepted.
    #[error("parameter `{name}` cannot have the value `{value}` here: {expected}")]
    Value {
        /// Name.
        name: String,
        /// Value, at most 64 characters.
        value: String,
        /// What is accepted.
        expected: &'static str,
    },
    /// Something in `options` that is not `-c name=value`.
    #[error("`options` holds `{0}`: only `-c name=value` is understood")]
    Option(String),
}

impl StartupError {
    /// SQLSTATE.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Wire(_) => "08P01",
            Self::Version { .. } | Self::Replication => "0A000",
            Self::NoUser => "28000",
            Self::Setting(_) => "42501",
            Self::Value { .. } => "22023",
            Self::Option(_) => "42601",
        }
    }
}

impl Packet {
    /// Reads a whole packet, length word included, as [`crate::pg::frame::cut_startup`] cuts it.
    ///
    /// # Errors
    /// Broken packets, and any major version but 3.
    pub fn decode(packet: &[u8]) -> Result<Self, StartupError> {
        let mut reader = Reader::new("start-up packet", packet);
        reader.i32()?;
        let code = reader.u32()?;
        let (major, minor) = (code >> 16, code & 0xffff);
        let packet = match (major, minor) {
            (SPECIAL_MAJOR, SSL_MINOR) => Self::Ssl,
            (SPECIAL_MAJOR, GSS_MINOR) => Self::GssEnc,
            (SPECIAL_MAJOR, CANCEL_MINOR) => Self::Cancel(CancelKey::decode(reader.rest())?),
            (PROTOCOL_MAJOR, _) => {
                let parameters = parameters(&mut reader)?;
                Self::Startup(Startup { minor: u16::try_from(minor).unwrap_or(u16::MAX), parameters })
            }
            _ => return Err(StartupError::Version { major, minor }),
        };
        reader.finish()?;
        Ok(packet)
    }
}

fn parameters(reader: &mut Reader<'_>) -> Result<Vec<(String, String)>, WireError> {
    let mut parameters = Vec::new();
    loop {
        let name = reader.text()?;
        if name.is_empty() {
            return Ok(parameters);
        }
        parameters.push((name.to_owned(), reader.text()?.to_owned()));
    }
}

/// What a client asks for, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The 3.x both sides speak.
    pub minor: u16,
    /// Whether NegotiateProtocolVersion must be sent, and the `_pq_.` options it has to name.
    pub negotiate: Option<Vec<String>>,
    /// The agent's name.
    pub user: String,
    /// The database's name; the user's if none was given.
    pub database: String,
    /// What the client calls itself (claimed).
    pub application_name: Option<String>,
    /// Harmless settings to pass on, names in lower case, in order. Without `application_name` and `client_encoding`.
    pub settings: Vec<(String, String)>,
    /// `holdpoint.*` settings, names without that prefix, in lower case and in order (claimed).
    pub claims: Vec<(String, String)>,
}

impl Request {
    /// Checks a StartupMessage: every parameter is understood, or the start-up is refused.
    ///
    /// # Errors
    /// No user, replication, and any setting that is not on the list of harmless ones.
    pub fn check(startup: Startup) -> Result<Self, StartupError> {
        let mut request = Self { minor: startup.minor.min(MINOR_NEWEST), ..Self::default() };
        let mut unrecognised = Vec::new();
        let mut database = None;
        for (name, value) in startup.parameters {
            match name.as_str() {
                "user" => request.user = value,
                "database" => database = Some(value),
                "replication" if settings::is_off(&value) => {}
                "replication" => return Err(StartupError::Replication),
                "options" => {
                    for (name, value) in options::split(&value)? {
                        settings::admit(&mut request, &name, value)?;
                    }
                }
                extension if extension.starts_with("_pq_.") => unrecognised.push(name),
                _ => settings::admit(&mut request, &name, value)?,
            }
        }
        if request.user.is_empty() {
            return Err(StartupError::NoUser);
        }
        request.database = database.filter(|name| !name.is_empty()).unwrap_or_else(|| request.user.clone());
        if startup.minor > MINOR_NEWEST || !unrecognised.is_empty() {
            request.negotiate = Some(unrecognised);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests;
