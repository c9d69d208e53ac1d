//! `holdpoint.yaml`, checked. `config/file` reads the raw form and turns it into these types; nothing else sees raw settings.

pub mod file;
pub mod notify;
pub mod oidc;
pub mod raw;
pub mod render;
pub mod rules_dir;
pub mod sign_in;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::oidc::OidcConfig;
use crate::config::sign_in::SignInConfig;
use crate::identity::person::Person;
use crate::identity::secret::Secret;
use crate::policy::action::Action;

/// Everything the operator sets.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where PostgreSQL clients connect.
    pub postgres: Listener,
    /// Where MySQL clients connect; `None`: nobody does, since no database speaks MySQL and no listener is asked for.
    pub mysql: Option<Listener>,
    /// Where the HTTP API, `/metrics`, `/healthz` and `/readyz` are served.
    pub api: ApiConfig,
    /// Directory of the RocksDB store.
    pub store: PathBuf,
    /// Directory of `*.yaml` rules; `None`: the built-in baseline.
    pub rules: Option<PathBuf>,
    /// Databases by the name clients ask for.
    pub databases: BTreeMap<String, Upstream>,
    /// People who may decide.
    pub people: Vec<Person>,
    /// Signing in at the page.
    pub sign_in: SignInConfig,
    /// The identity provider, if there is one.
    pub oidc: Option<OidcConfig>,
    /// Times and limits of holds.
    pub hold: HoldConfig,
    /// Bounds that keep memory and time finite.
    pub limits: Limits,
    /// Audit settings.
    pub audit: AuditConfig,
    /// How often an agent may ask people.
    pub pace: PaceConfig,
    /// Who is told what becomes of approvals.
    pub notify: notify::NotifyConfig,
}

/// A client-facing listener.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Address and port.
    pub listen: SocketAddr,
    /// TLS towards clients.
    pub tls: ClientTls,
}

/// TLS towards clients.
#[derive(Clone, Debug)]
pub enum ClientTls {
    /// Not offered; SSLRequest is answered `N`.
    Off,
    /// Offered, plain connections are served too.
    Optional(Certificate),
    /// Plain connections are refused.
    Required(Certificate),
}

/// A certificate chain and its key, PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// PEM chain, leaf first.
    pub chain: PathBuf,
    /// PEM key.
    pub key: PathBuf,
}

/// The HTTP side.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// What links in messages begin with, without a trailing slash.
    pub public_url: String,
    /// HTTPS, if set.
    pub tls: Option<Certificate>,
}

/// libpq's `sslmode`, less `allow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS if the server has it; nothing is verified.
    Prefer,
    /// TLS or nothing; nothing is verified unless a CA is given.
    Require,
    /// TLS, certificate verified against the CA.
    VerifyCa,
    /// TLS, certificate and host name verified.
    VerifyFull,
}

/// What a database speaks, and so on which listener it is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// PostgreSQL.
    #[default]
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
}

impl Protocol {
    /// How people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL",
        }
    }

    /// The port that servers listen on.
    pub fn port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::Mysql => 3306,
        }
    }
}

/// What only MySQL upstreams have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MysqlLogin {
    /// PEM file: the server's RSA key, to encrypt the password to where there is no TLS.
    pub public_key: Option<PathBuf>,
    /// The server may be asked for its RSA key, over a connection without TLS.
    pub public_key_retrieval: bool,
    /// The password may be sent in the clear, over TLS or a Unix socket, if the server wants it so.
    pub cleartext_password: bool,
}

/// One real database.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// What it speaks.
    pub protocol: Protocol,
    /// Host name, address, or directory of a Unix socket; for MySQL the socket's file.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The server's name of the database.
    pub database: String,
    /// The upstream role.
    pub user: String,
    /// Its password, if it has one.
    pub password: Option<Secret>,
    /// TLS towards it.
    pub ssl_mode: SslMode,
    /// CA file for `verify-*`.
    pub ca: Option<PathBuf>,
    /// Client certificate for certificate login.
    pub client_certificate: Option<Certificate>,
    /// What only MySQL has.
    pub mysql: MysqlLogin,
    /// Most sessions at once.
    pub connections_max: u32,
    /// Roles that a released statement is run in, by what it does.
    pub elevate: BTreeMap<Action, Arc<str>>,
}

/// Times of holds.
#[derive(Clone, Copy, Debug)]
pub struct HoldConfig {
    /// How long a client is held outside a transaction before the *pending* error. Default 5 min.
    pub hold: Duration,
    /// The same inside a transaction, and in mid-result. Default 60 s.
    pub hold_in_transaction: Duration,
    /// Most that `SET holdpoint.hold` may ask for. Default 24 h.
    pub hold_max: Duration,
    /// Heartbeat towards client and upstream. Default 20 s.
    pub heartbeat: Duration,
    /// How long people may decide, unless a rule says otherwise. Default 1 h.
    pub expires: Duration,
    /// How long an approval may be used. Default 15 min.
    pub use_within: Duration,
    /// Most holds waiting at once per agent. Default 20.
    pub waiting_max_per_agent: u32,
    /// Most holds waiting at once in all. Default 1000.
    pub waiting_max: u32,
}

/// How often an agent may ask people. The default sets no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct PaceConfig {
    /// New approvals of one agent per minute.
    pub asks_per_minute: Option<u32>,
    /// A pause after this many denials within its own length.
    pub denials: Option<u32>,
    /// How long that pause is. Default 10 min.
    pub pause: Duration,
}

/// Bounds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most client connections. Default 2000.
    pub clients_max: u32,
    /// Most connections that have not logged in yet. Default 500.
    pub half_open_max: u32,
    /// Time from accept to login. Default 10 s.
    pub login_timeout: Duration,
    /// Largest message from a client, in bytes. Default 64 MiB.
    pub message_bytes_max: usize,
    /// Longest statement text that is read; longer is opaque. Default 1 MiB.
    pub statement_bytes_max: usize,
    /// Prepared statements and portals per session. Default 5000.
    pub prepared_max: usize,
    /// How often the catalog is read again. Default 60 s.
    pub catalog_refresh: Duration,
    /// How long a shutdown waits for busy sessions. Default 30 s.
    pub drain_timeout: Duration,
}

/// Audit settings.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// Sign a checkpoint at least this often. Default 60 s.
    pub checkpoint_every: Duration,
    /// Write each checkpoint to this file too (JSON Lines).
    pub checkpoint_file: Option<PathBuf>,
    /// Ordinary records may stay unsynced for at most this long. Default 50 ms.
    pub sync_every: Duration,
}

impl From<&HoldConfig> for crate::policy::rules::Times {
    fn from(hold: &HoldConfig) -> Self {
        Self { expires: hold.expires, hold: hold.hold, use_within: hold.use_within }
    }
}

/// The JSON Schema of `holdpoint.yaml`, pretty-printed, with a final newline.
pub fn config_schema() -> String {
    format!("{:#}\n", crate::policy::yaml::schema::of::<raw::ConfigFile>())
}
