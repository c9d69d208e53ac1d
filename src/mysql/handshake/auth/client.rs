//! The client's side: showing the real database that Holdpoint knows the password, by the plugin that it asks for.
//!
//! The password itself is sent only where nobody else can read it, and in the clear only if the operator allowed that for
//! this database: a server that merely asks for it does not get it.

use mysql_common::auth::plugins::caching_sha2_password::scramble_sha256;
use mysql_common::auth::plugins::client_ed25519::ClientEd25519;
use mysql_common::auth::plugins::mysql_native_password::scramble_native;
use mysql_common::auth::plugins::{ChallengeResponsePlugin, Context};

use crate::identity::secret::Secret;
use crate::mysql::frame::WireError;
use crate::mysql::handshake::Nonce;
use crate::mysql::handshake::auth::rsa::{RsaError, seal};
use crate::mysql::handshake::auth::{
    CACHING_SHA2, CLEAR, ED25519, FAST_OK, FULL, KEY_WANTED, MORE, NATIVE, SHA256, SHA256_KEY_WANTED, SWITCH, switch,
};
use crate::mysql::packets::error::ERR;
use crate::mysql::packets::ok::OK;

/// Why there is no login.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The server broke the protocol.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The server wants a password and none is set.
    #[error("server asks for a password, and none is configured")]
    NoPassword,
    /// The server wants the password in the clear, and that was not allowed.
    #[error("server asks for the password in the clear, which `cleartext_password` does not allow")]
    Clear,
    /// The server wants the password itself, over a connection that others can read.
    #[error(
        "server asks for the password over an unencrypted connection: use TLS, or give its `server_public_key`, or set \
         `sslmode: disable` and `allow_public_key_retrieval: true`"
    )]
    Unprotected,
    /// A plugin that is not supported.
    #[error("server asks for authentication plugin `{0}`, which is not supported")]
    Plugin(String),
    /// The server asks for one plugin after another.
    #[error("server asks for another plugin twice")]
    Restless,
    /// Its public key does not work.
    #[error(transparent)]
    Rsa(#[from] RsaError),
}

/// Where the key comes from that the password may be encrypted to without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// There is none: the password is not sent.
    Never,
    /// The server is asked, although somebody in between could answer.
    Ask,
    /// The operator gave it, in PEM form.
    Pinned(String),
}

/// What a connection runs over, and so who can read along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Anybody in between.
    Open,
    /// Nobody: a Unix socket.
    Socket,
    /// Nobody.
    Tls,
}

/// What the operator allows.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The password, if there is one.
    pub password: Option<Secret>,
    /// What the connection runs over.
    pub transport: Transport,
    /// The password may be sent in the clear, where nobody in between can read along.
    pub clear: bool,
    /// See [`KeySource`].
    pub key: KeySource,
}

/// What follows a packet of the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Send this payload.
    Send(Vec<u8>),
    /// Nothing; wait for the next packet.
    Wait,
    /// The server says OK.
    Accepted,
    /// The server says ERR.
    Rejected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plugin {
    Native,
    CachingSha2,
    Sha256,
    Clear,
    Ed25519,
}

impl Plugin {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            NATIVE => Self::Native,
            CACHING_SHA2 => Self::CachingSha2,
            SHA256 => Self::Sha256,
            CLEAR => Self::Clear,
            ED25519 => Self::Ed25519,
            _ => return None,
        })
    }
}

/// One login.
#[derive(Debug)]
pub struct Client {
    terms: Terms,
    plugin: Plugin,
    nonce: Nonce,
    key_asked: bool,
    switched: bool,
}

impl Client {
    /// A login with the greeting's challenge.
    pub fn new(terms: Terms, nonce: Nonce) -> Self {
        Self { terms, plugin: Plugin::Native, nonce, key_asked: false, switched: false }
    }

    /// The plugin and the proof for the response. A plugin that cannot be begun with is not contradicted: the server may
    /// want another one for this user anyway, and says so.
    ///
    /// # Errors
    /// No password.
    pub fn first(&mut self, plugin: &str) -> Result<(&'static str, Vec<u8>), AuthError> {
        let (plugin, name) = match Plugin::of(plugin) {
            Some(Plugin::CachingSha2) => (Plugin::CachingSha2, CACHING_SHA2),
            _ => (Plugin::Native, NATIVE),
        };
        self.plugin = plugin;
        let nonce = self.nonce;
        // An empty proof is an empty password: the server decides, and may ask for something else.
        let proof = if self.terms.password.is_some() { self.proof(&nonce)? } else { Vec::new() };
        Ok((name, proof))
    }

    /// Takes the server's next packet.
    ///
    /// # Errors
    /// What the server asks for is not supported, not allowed or broken.
    pub fn answer(&mut self, payload: &[u8]) -> Result<Reply, AuthError> {
        match payload.first() {
            Some(&OK) => Ok(Reply::Accepted),
            Some(&ERR) => Ok(Reply::Rejected),
            Some(&SWITCH) => {
                let (name, data) = switch(payload)?;
                if std::mem::replace(&mut self.switched, true) {
                    return Err(AuthError::Restless);
                }
                self.plugin = Plugin::of(name).ok_or_else(|| AuthError::Plugin(shown(name)))?;
                self.key_asked = false;
                if let Ok(nonce) = Nonce::try_from(data) {
                    self.nonce = nonce;
                }
                self.proof(data).map(Reply::Send)
            }
            Some(&MORE) => self.more(payload.get(1..).unwrap_or_default()),
            _ => Err(WireError::unexpected("OK, ERR or a question about the login", payload).into()),
        }
    }

    fn password(&self) -> Result<&Secret, AuthError> {
        self.terms.password.as_ref().ok_or(AuthError::NoPassword)
    }

    fn proof(&mut self, challenge: &[u8]) -> Result<Vec<u8>, AuthError> {
        let wrong = || AuthError::Wire(WireError::Unsupported { what: "a challenge of this length" });
        let password = self.password()?.expose().as_bytes();
        match self.plugin {
            Plugin::Native => {
                Nonce::try_from(challenge).map_err(|_| wrong())?;
                Ok(scramble_native(challenge, password).map(Vec::from).unwrap_or_default())
            }
            Plugin::CachingSha2 => {
                let nonce = Nonce::try_from(challenge).map_err(|_| wrong())?;
                Ok(scramble_sha256(&nonce, password).map(Vec::from).unwrap_or_default())
            }
            Plugin::Ed25519 => {
                let signed = ClientEd25519::default().run(Ed25519(password), challenge).map_err(|_| wrong())?;
                Ok(signed.data().unwrap_or_default().to_vec())
            }
            Plugin::Clear if self.terms.clear && self.terms.transport != Transport::Open => Ok(closed(password)),
            Plugin::Clear => Err(AuthError::Clear),
            Plugin::Sha256 => self.full(SHA256_KEY_WANTED),
        }
    }

    /// The password itself, as well protected as it can be.
    fn full(&mut self, key_wanted: u8) -> Result<Vec<u8>, AuthError> {
        let password = self.password()?.expose().as_bytes();
        match (self.terms.transport, self.plugin, &self.terms.key) {
            (Transport::Tls, ..) | (Transport::Socket, Plugin::CachingSha2, _) => Ok(closed(password)),
            (_, _, KeySource::Pinned(pem)) => Ok(seal(password, &self.nonce, pem)?),
            (Transport::Open, _, KeySource::Never) => Err(AuthError::Unprotected),
            // `sha256_password` wants RSA over a Unix socket, too; there nobody else can answer.
            _ => {
                self.key_asked = true;
                Ok(vec![key_wanted])
            }
        }
    }

    fn more(&mut self, data: &[u8]) -> Result<Reply, AuthError> {
        if std::mem::take(&mut self.key_asked) {
            let pem = std::str::from_utf8(data).map_err(|_| WireError::NotUtf8 { what: "public key" })?;
            return Ok(Reply::Send(seal(self.password()?.expose().as_bytes(), &self.nonce, pem)?));
        }
        match (self.plugin, data) {
            (Plugin::CachingSha2, [FAST_OK]) => Ok(Reply::Wait),
            (Plugin::CachingSha2, [FULL]) => self.full(KEY_WANTED).map(Reply::Send),
            _ => Err(WireError::unexpected("what the plugin goes on with", data).into()),
        }
    }
}

/// A password with its closing zero byte.
fn closed(password: &[u8]) -> Vec<u8> {
    [password, &[0]].concat()
}

fn shown(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(64).collect()
}

/// What the library asks of whoever signs.
struct Ed25519<'a>(&'a [u8]);

impl Context for Ed25519<'_> {
    fn pass(&self) -> &[u8] {
        self.0
    }

    fn is_ipc_transport(&self) -> bool {
        false
    }

    fn is_tls_transport(&self) -> bool {
        false
    }

    fn scramble(&self) -> &[u8] {
        &[]
    }

    fn server_key_pem(&self) -> Option<&[u8]> {
        None
    }
}
