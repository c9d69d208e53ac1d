//! `holdpoint.yaml` as people write it. The published JSON Schema comes from here; nothing but `config/file` reads it.

pub mod notify;
pub mod oidc;
pub mod sign_in;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::raw::oidc::OidcRaw;
use crate::config::raw::sign_in::SignInRaw;
use crate::config::{Protocol, SslMode};
use crate::policy::action::Action;
use crate::policy::span::Span;

/// The whole file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// Format version: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u16,
    /// Where PostgreSQL clients connect.
    #[serde(default)]
    pub postgres: PostgresRaw,
    /// Where MySQL clients connect. Left out: at its default address if a database speaks MySQL.
    #[serde(default)]
    pub mysql: Option<MysqlRaw>,
    /// Where the HTTP API is served.
    #[serde(default)]
    pub api: ApiRaw,
    /// Directory of the store. Default `./data`.
    #[serde(default)]
    pub store: Option<String>,
    /// Directory of `*.yaml` rules. Left out: the built-in baseline.
    #[serde(default)]
    pub rules: Option<String>,
    /// Databases by the name that clients ask for.
    pub databases: BTreeMap<String, DatabaseRaw>,
    /// People who may decide.
    #[serde(default)]
    pub people: Vec<PersonRaw>,
    /// Signing in at the page.
    #[serde(default)]
    pub sign_in: SignInRaw,
    /// The identity provider by which people sign in.
    #[serde(default)]
    pub oidc: Option<OidcRaw>,
    /// Times and limits of holds.
    #[serde(default)]
    pub hold: HoldRaw,
    /// Bounds on memory and time.
    #[serde(default)]
    pub limits: LimitsRaw,
    /// Audit settings.
    #[serde(default)]
    pub audit: AuditRaw,
    /// How often an agent may ask people.
    #[serde(default)]
    pub pace: PaceRaw,
    /// Who is told what becomes of approvals.
    #[serde(default)]
    pub notify: notify::NotifyRaw,
}

/// The PostgreSQL listener.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresRaw {
    /// Address and port. Default `127.0.0.1:6432`.
    #[serde(default)]
    pub listen: Option<String>,
    /// TLS towards clients. Default off.
    #[serde(default)]
    pub tls: Option<TlsRaw>,
}

/// The MySQL listener.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MysqlRaw {
    /// Address and port. Default `127.0.0.1:6033`.
    #[serde(default)]
    pub listen: Option<String>,
    /// TLS towards clients. Default off.
    #[serde(default)]
    pub tls: Option<TlsRaw>,
}

/// TLS towards clients.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsRaw {
    /// Is it offered? Default `optional`.
    #[serde(default)]
    pub mode: TlsMode,
    /// PEM file: the certificate chain, leaf first.
    #[serde(default)]
    pub cert: Option<String>,
    /// PEM file: the key.
    #[serde(default)]
    pub key: Option<String>,
}

/// Is TLS offered to clients?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// No.
    Off,
    /// Yes, and plain connections are served too.
    #[default]
    Optional,
    /// Plain connections are refused.
    Required,
}

/// The HTTP API.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiRaw {
    /// Address and port. Default `127.0.0.1:6480`.
    #[serde(default)]
    pub listen: Option<String>,
    /// What links in messages begin with. Default `http://` (or `https://`) and `listen`.
    #[serde(default)]
    pub public_url: Option<String>,
    /// HTTPS.
    #[serde(default)]
    pub tls: Option<ApiTlsRaw>,
}

/// HTTPS.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiTlsRaw {
    /// PEM file: the certificate chain, leaf first.
    pub cert: String,
    /// PEM file: the key.
    pub key: String,
}

/// One real database.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseRaw {
    /// What it speaks. Default `postgres`.
    #[serde(default)]
    pub protocol: Protocol,
    /// Host name, address, or the directory of a Unix socket; for MySQL the socket's file.
    pub host: String,
    /// Port. Default 5432, for MySQL 3306.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// The server's name of the database. Default: the key.
    #[serde(default)]
    pub database: Option<String>,
    /// The role there.
    pub user: String,
    /// Its password: `${VARIABLE}`, or the password itself.
    #[serde(default)]
    pub password: Option<String>,
    /// A file with its password.
    #[serde(default)]
    pub password_file: Option<String>,
    /// TLS towards the server, as libpq's `sslmode`. Default `prefer`.
    #[serde(default)]
    pub sslmode: Option<SslMode>,
    /// PEM file: the CA; needed for `verify-ca` and `verify-full`.
    #[serde(default)]
    pub sslrootcert: Option<String>,
    /// PEM file: our certificate, for certificate login.
    #[serde(default)]
    pub sslcert: Option<String>,
    /// PEM file: our key.
    #[serde(default)]
    pub sslkey: Option<String>,
    /// MySQL only. PEM file: the server's RSA key, to encrypt the password to where there is no TLS.
    #[serde(default)]
    pub server_public_key: Option<String>,
    /// MySQL only, with `sslmode: disable`: the server may be asked for its RSA key. Whoever sits in between can then read
    /// the password. Default false.
    #[serde(default)]
    pub allow_public_key_retrieval: bool,
    /// MySQL only: the password may be sent in the clear, over TLS or a Unix socket, if the server wants it so. Default
    /// false.
    #[serde(default)]
    pub cleartext_password: bool,
    /// Most sessions at once. Default 100.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub connections_max: Option<u32>,
    /// The role that a released statement is run in, by its action (`ddl: app_owner`): for that statement only, one that a
    /// person or a grant let through. `user` must be allowed to take it. For MySQL with its host where that is not `%`:
    /// `app_owner@localhost`.
    #[serde(default)]
    pub elevate: BTreeMap<Action, String>,
}

/// Somebody who may decide.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonRaw {
    /// A stable name, such as an e-mail address.
    pub name: String,
    /// The groups that approval stages name.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The identity provider's `sub` of this person. If it is named, their e-mail address does not let them in.
    #[serde(default)]
    pub subject: Option<String>,
    /// The e-mail address by which the identity provider knows them; counts only if it is verified. Default: the name, if
    /// it is one.
    #[serde(default)]
    pub email: Option<String>,
}

/// Times and limits of holds.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldRaw {
    /// How long a client is held outside a transaction. Default 5m.
    #[serde(default)]
    pub hold: Option<Span>,
    /// The same inside a transaction, and in mid-result. Default 1m.
    #[serde(default)]
    pub hold_in_transaction: Option<Span>,
    /// Most that a client may ask for by `SET holdpoint.hold`. Default 1d.
    #[serde(default)]
    pub hold_max: Option<Span>,
    /// Heartbeat towards client and server. Default 20s.
    #[serde(default)]
    pub heartbeat: Option<Span>,
    /// How long people may decide. Default 1h.
    #[serde(default)]
    pub expires: Option<Span>,
    /// How long an approval may be used. Default 15m.
    #[serde(default)]
    pub use_within: Option<Span>,
    /// Most holds waiting at once for one agent. Default 20.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub waiting_max_per_agent: Option<u32>,
    /// Most holds waiting at once. Default 1000.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub waiting_max: Option<u32>,
}

/// Against fatigue: how often an agent may ask people. Left out: as often as it likes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaceRaw {
    /// New approvals of one agent per minute.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub asks_per_minute: Option<u32>,
    /// After this many denials within the length of the pause, the agent asks nobody for that long.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub denials: Option<u32>,
    /// How long that pause is. Default 10m.
    #[serde(default)]
    pub pause: Option<Span>,
}

/// Bounds.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsRaw {
    /// Most client connections. Default 2000.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub clients_max: Option<u32>,
    /// Most connections that have not logged in yet. Default 500.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub half_open_max: Option<u32>,
    /// Time from accept to login. Default 10s.
    #[serde(default)]
    pub login_timeout: Option<Span>,
    /// Largest message from a client, in bytes. Default 67108864 (64 MiB).
    #[serde(default)]
    #[schemars(range(min = 65_536, max = 1_073_741_823))]
    pub message_bytes_max: Option<usize>,
    /// Longest statement that is read, in bytes; longer ones are opaque. Default 1048576 (1 MiB).
    #[serde(default)]
    #[schemars(range(min = 1024, max = 16_777_216))]
    pub statement_bytes_max: Option<usize>,
    /// Prepared statements and portals per session. Default 5000.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub prepared_max: Option<usize>,
    /// How often the catalog is read again. Default 1m.
    #[serde(default)]
    pub catalog_refresh: Option<Span>,
    /// How long a shutdown waits for busy sessions. Default 30s.
    #[serde(default)]
    pub drain_timeout: Option<Span>,
}

/// Audit settings.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditRaw {
    /// Sign a checkpoint at least this often. Default 1m.
    #[serde(default)]
    pub checkpoint_every: Option<Span>,
    /// Write each checkpoint to this file too (JSON Lines).
    #[serde(default)]
    pub checkpoint_file: Option<String>,
    /// Ordinary records may stay unsynced for at most this long. Default 50ms.
    #[serde(default)]
    pub sync_every: Option<Span>,
}
