//! `holdpoint.yaml`: text -> checked [`Config`]. The environment and files are reached through closures, so that tests
//! need neither.

mod notify;
mod oidc;
mod sign_in;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::raw::{ApiRaw, ConfigFile, DatabaseRaw, TlsMode, TlsRaw};
use crate::config::{
    ApiConfig, AuditConfig, Certificate, ClientTls, Config, HoldConfig, Limits, Listener, MysqlLogin, PaceConfig,
    Protocol, SslMode, Upstream,
};
use crate::identity::ids::PersonName;
use crate::identity::person::Person;
use crate::identity::secret::Secret;
use crate::policy::span::Span;
use crate::policy::yaml::tree::{Kind, Node};
use crate::policy::yaml::{Document, Fault, Step, key_of};

/// What is wrong with the configuration, and where.
pub type ConfigError = Fault;

/// Reads an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads a text file, for `*_file` settings.
pub type Files<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

/// Checks the text of a configuration file. `${VARIABLE}` is expanded in secrets only; relative paths count from the
/// file's own directory. Every fault that can be found in one pass is returned; no message holds a secret.
pub fn parse(text: &str, file_name: &str, env: Environment<'_>, files: Files<'_>) -> Result<Config, Vec<ConfigError>> {
    let document = Document::<ConfigFile>::read(text, file_name)?;
    let base = Path::new(file_name).parent().unwrap_or(Path::new("")).to_owned();
    let mut check = Check { document: &document, base, env, files, faults: Vec::new() };
    check.variables(&document.root, &mut Vec::new());
    let config = check.config();
    match (config, check.faults.is_empty()) {
        (Some(config), true) => Ok(config),
        _ => Err(check.faults),
    }
}

struct Check<'a> {
    document: &'a Document<ConfigFile>,
    base: PathBuf,
    env: Environment<'a>,
    files: Files<'a>,
    faults: Vec<ConfigError>,
}

impl<'a> Check<'a> {
    fn fault(&mut self, path: &[Step<'_>], cause: impl Into<String>, fix: Option<&str>) {
        self.faults.push(self.document.fault(path, cause, fix));
    }

    fn path(&self, text: &str) -> PathBuf {
        self.base.join(text)
    }

    /// `${…}` anywhere but in a secret would stay as it is, and surprise.
    fn variables(&mut self, node: &'a Node, path: &mut Vec<Step<'a>>) {
        match &node.kind {
            Kind::Text(text) if text.contains("${") && !is_secret(path) => {
                let fix = "write the value out; only secrets take `${VARIABLE}`";
                self.faults.push(Fault {
                    file: self.document.file.clone(),
                    place: node.place,
                    key: key_of(path),
                    cause: "environment variables are expanded in secrets only".to_owned(),
                    fix: Some(fix.to_owned()),
                });
            }
            Kind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(Step::Item(index));
                    self.variables(item, path);
                    path.pop();
                }
            }
            Kind::Map(entries) => {
                for entry in entries {
                    path.push(Step::Key(&entry.key));
                    self.variables(&entry.value, path);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    fn config(&mut self) -> Option<Config> {
        let document = self.document;
        let raw = &document.content;
        let postgres = self.listener("postgres", (raw.postgres.listen.as_deref(), raw.postgres.tls.as_ref()), 6432);
        let mysql = self.mysql(raw);
        let api = self.api(&raw.api);
        let mut databases = std::collections::BTreeMap::new();
        for (name, database) in &raw.databases {
            if let Some(upstream) = self.upstream(name, database) {
                databases.insert(name.clone(), upstream);
            }
        }
        if raw.databases.is_empty() {
            self.fault(&[Step::Key("databases")], "no database is named", Some("name at least one"));
        }
        let people = self.people(raw);
        let hold = self.hold(raw);
        let notify = self.notify(&raw.notify);
        let sign_in = sign_in::sign_in(&raw.sign_in);
        let oidc = self.oidc(raw);
        Some(Config {
            postgres: postgres?,
            mysql: mysql?,
            api: api?,
            store: self.path(raw.store.as_deref().unwrap_or("./data")),
            rules: raw.rules.as_deref().map(|rules| self.path(rules)),
            databases,
            people,
            sign_in,
            oidc: oidc?,
            hold,
            limits: limits(raw),
            audit: AuditConfig {
                checkpoint_every: span(raw.audit.checkpoint_every, 60_000),
                checkpoint_file: raw.audit.checkpoint_file.as_deref().map(|file| self.path(file)),
                sync_every: span(raw.audit.sync_every, 50),
            },
            pace: PaceConfig {
                asks_per_minute: raw.pace.asks_per_minute,
                denials: raw.pace.denials,
                pause: span(raw.pace.pause, 600_000),
            },
            notify,
        })
    }

    fn address(&mut self, path: &[Step<'_>], written: Option<&str>, default: SocketAddr) -> Option<SocketAddr> {
        let Some(text) = written else { return Some(default) };
        let address = text.parse().ok();
        if address.is_none() {
            let fix = "write an IP address and a port, such as `127.0.0.1:6432` or `[::]:6432`";
            self.fault(path, format!("`{text}` is not an address to listen on"), Some(fix));
        }
        address
    }

    fn listener(
        &mut self,
        section: &'static str,
        (written, tls): (Option<&str>, Option<&TlsRaw>),
        port: u16,
    ) -> Option<Listener> {
        let default = SocketAddr::from(([127, 0, 0, 1], port));
        let listen = self.address(&[Step::Key(section), Step::Key("listen")], written, default);
        let tls = tls.map_or(Some(ClientTls::Off), |tls| self.client_tls(section, tls));
        Some(Listener { listen: listen?, tls: tls? })
    }

    /// The MySQL listener: if it is asked for, or a database needs it. The outer `None` says that a fault is noted.
    fn mysql(&mut self, raw: &ConfigFile) -> Option<Option<Listener>> {
        let needed = raw.databases.values().any(|database| database.protocol == Protocol::Mysql);
        match &raw.mysql {
            None if !needed => Some(None),
            section => {
                let written = section.as_ref().map_or((None, None), |raw| (raw.listen.as_deref(), raw.tls.as_ref()));
                self.listener("mysql", written, 6033).map(Some)
            }
        }
    }

    fn client_tls(&mut self, section: &'static str, raw: &TlsRaw) -> Option<ClientTls> {
        if raw.mode == TlsMode::Off {
            return Some(ClientTls::Off);
        }
        let (Some(cert), Some(key)) = (&raw.cert, &raw.key) else {
            let fix = Some("give both files, or write `mode: off`");
            self.fault(&[Step::Key(section), Step::Key("tls")], "TLS needs `cert` and `key`", fix);
            return None;
        };
        let certificate = Certificate { chain: self.path(cert), key: self.path(key) };
        Some(match raw.mode {
            TlsMode::Required => ClientTls::Required(certificate),
            TlsMode::Optional | TlsMode::Off => ClientTls::Optional(certificate),
        })
    }

    fn api(&mut self, raw: &ApiRaw) -> Option<ApiConfig> {
        let path = [Step::Key("api"), Step::Key("listen")];
        let listen = self.address(&path, raw.listen.as_deref(), SocketAddr::from(([127, 0, 0, 1], 6480)))?;
        let tls = raw.tls.as_ref().map(|tls| Certificate { chain: self.path(&tls.cert), key: self.path(&tls.key) });
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = raw.public_url.clone().unwrap_or_else(|| format!("{scheme}://{listen}"));
        let clean = url.chars().all(|c| c.is_ascii_graphic() && !"\"<>`\\".contains(c));
        if !clean || !(url.starts_with("http://") || url.starts_with("https://")) {
            let fix = Some("write it as `https://holdpoint.example.com`");
            self.fault(&[Step::Key("api"), Step::Key("public_url")], format!("`{url}` is not a URL"), fix);
        }
        Some(ApiConfig { listen, public_url: url.trim_end_matches('/').to_owned(), tls })
    }

    fn upstream(&mut self, name: &str, raw: &DatabaseRaw) -> Option<Upstream> {
        let at = |key: &'static str| [Step::Key("databases"), Step::Key(name), Step::Key(key)];
        for (key, value) in [("host", &raw.host), ("user", &raw.user)] {
            if value.is_empty() {
                self.fault(&at(key), format!("`{key}` is empty"), None);
            }
        }
        let of = [Step::Key("databases"), Step::Key(name)];
        let password = self.secret(&of, "password", &raw.password, &raw.password_file);
        let ssl_mode = raw.sslmode.unwrap_or(SslMode::Prefer);
        if matches!(ssl_mode, SslMode::VerifyCa | SslMode::VerifyFull) && raw.sslrootcert.is_none() {
            let fix = Some("name the CA's PEM file in `sslrootcert`");
            self.fault(&at("sslmode"), "verification needs a CA", fix);
        }
        let client_certificate = match (&raw.sslcert, &raw.sslkey) {
            (Some(cert), Some(key)) => Some(Certificate { chain: self.path(cert), key: self.path(key) }),
            (None, None) => None,
            _ => {
                self.fault(&at("sslcert"), "`sslcert` and `sslkey` belong together", Some("give both or none"));
                None
            }
        };
        let mysql = self.mysql_login(name, raw);
        if raw.elevate.values().any(|role| role.trim().is_empty() || role.contains('\0')) {
            self.fault(&at("elevate"), "a role has no name", None);
        }
        Some(Upstream {
            protocol: raw.protocol,
            host: raw.host.clone(),
            port: raw.port.unwrap_or(raw.protocol.port()),
            database: raw.database.clone().unwrap_or_else(|| name.to_owned()),
            user: raw.user.clone(),
            password: password?,
            ssl_mode,
            ca: raw.sslrootcert.as_deref().map(|file| self.path(file)),
            client_certificate,
            mysql,
            connections_max: raw.connections_max.unwrap_or(100),
            elevate: raw.elevate.iter().map(|(action, role)| (*action, Arc::from(role.as_str()))).collect(),
        })
    }

    fn mysql_login(&mut self, name: &str, raw: &DatabaseRaw) -> MysqlLogin {
        let at = |key: &'static str| [Step::Key("databases"), Step::Key(name), Step::Key(key)];
        for (key, written) in [
            ("server_public_key", raw.server_public_key.is_some()),
            ("allow_public_key_retrieval", raw.allow_public_key_retrieval),
            ("cleartext_password", raw.cleartext_password),
        ] {
            if written && raw.protocol != Protocol::Mysql {
                let fix = Some("leave it out, or write `protocol: mysql`");
                self.fault(&at(key), format!("`{key}` is for MySQL only"), fix);
            }
        }
        if raw.allow_public_key_retrieval && raw.sslmode != Some(SslMode::Disable) {
            let fix = Some("write `sslmode: disable`, or leave it out: with TLS no key is needed");
            self.fault(&at("allow_public_key_retrieval"), "it only counts without TLS", fix);
        }
        MysqlLogin {
            public_key: raw.server_public_key.as_deref().map(|file| self.path(file)),
            public_key_retrieval: raw.allow_public_key_retrieval,
            cleartext_password: raw.cleartext_password,
        }
    }

    /// The secret of `key` or of the file `key_file`, if there is one; the outer `None` says that a fault is noted.
    fn secret(
        &mut self,
        at: &[Step<'_>],
        key: &'static str,
        text: &Option<String>,
        file: &Option<String>,
    ) -> Option<Option<Secret>> {
        let path = [at, &[Step::Key(key)]].concat();
        let file_key = format!("{key}_file");
        let file_path = [at, &[Step::Key(&file_key)]].concat();
        match (text, file) {
            (None, None) => Some(None),
            (Some(_), Some(_)) => {
                self.fault(&file_path, format!("`{key}` is given too"), Some("keep one of them"));
                None
            }
            (Some(text), None) => self.expanded(&path, key, text).map(Some),
            (None, Some(file)) => match (self.files)(&self.path(file)) {
                Ok(text) => Some(Some(Secret::new(text.trim_end_matches(['\r', '\n'])))),
                Err(error) => {
                    self.fault(&file_path, format!("`{file}` cannot be read: {error}"), None);
                    None
                }
            },
        }
    }

    fn expanded(&mut self, path: &[Step<'_>], key: &str, text: &str) -> Option<Secret> {
        let Some(variable) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
            if text.contains("${") {
                let fix = Some("write `${VARIABLE}` and nothing else");
                self.fault(path, "a variable cannot be mixed with other text", fix);
                return None;
            }
            return Some(Secret::new(text));
        };
        let value = (self.env)(variable);
        if value.is_none() {
            let fix = format!("set it, or use `{key}_file`");
            self.fault(path, format!("environment variable `{variable}` is not set"), Some(&fix));
        }
        Some(Secret::new(value?))
    }

    fn people(&mut self, raw: &ConfigFile) -> Vec<Person> {
        let mut seen = BTreeSet::new();
        for (index, person) in raw.people.iter().enumerate() {
            let path = [Step::Key("people"), Step::Item(index), Step::Key("name")];
            if person.name.trim().is_empty() || person.name.chars().any(char::is_control) {
                self.fault(&path, "a person needs a name", None);
            } else if !seen.insert(person.name.as_str()) {
                self.fault(&path, format!("`{}` is there twice", person.name), Some("join their groups"));
            }
        }
        let person = |raw: &crate::config::raw::PersonRaw| Person {
            name: PersonName(raw.name.clone()),
            groups: raw.groups.clone(),
        };
        raw.people.iter().map(person).collect()
    }

    fn hold(&mut self, raw: &ConfigFile) -> HoldConfig {
        let hold = &raw.hold;
        let checked = HoldConfig {
            hold: span(hold.hold, 300_000),
            hold_in_transaction: span(hold.hold_in_transaction, 60_000),
            hold_max: span(hold.hold_max, 86_400_000),
            heartbeat: span(hold.heartbeat, 20_000),
            expires: span(hold.expires, 3_600_000),
            use_within: span(hold.use_within, 900_000),
            waiting_max_per_agent: hold.waiting_max_per_agent.unwrap_or(20),
            waiting_max: hold.waiting_max.unwrap_or(1000),
        };
        if checked.hold > checked.hold_max {
            let fix = Some("raise `hold_max` or lower `hold`");
            self.fault(&[Step::Key("hold"), Step::Key("hold")], "`hold` is longer than `hold_max`", fix);
        }
        checked
    }
}

/// Keys under `notify:` that hold secrets.
const NOTIFY_SECRETS: [&str; 7] =
    ["url", "secret", "previous_secret", "password", "bot_token", "app_token", "signing_secret"];

/// May `${VARIABLE}` stand here?
fn is_secret(path: &[Step<'_>]) -> bool {
    match path {
        [Step::Key("databases"), _, Step::Key("password")] => true,
        [Step::Key("oidc"), Step::Key("client_secret")] => true,
        [Step::Key("notify"), .., Step::Key(key)] => NOTIFY_SECRETS.contains(key),
        _ => false,
    }
}

fn span(written: Option<Span>, default_ms: u64) -> Duration {
    written.map_or(Duration::from_millis(default_ms), |span| span.0)
}

fn limits(raw: &ConfigFile) -> Limits {
    let limits = &raw.limits;
    Limits {
        clients_max: limits.clients_max.unwrap_or(2000),
        half_open_max: limits.half_open_max.unwrap_or(500),
        login_timeout: span(limits.login_timeout, 10_000),
        message_bytes_max: limits.message_bytes_max.unwrap_or(64 << 20),
        statement_bytes_max: limits.statement_bytes_max.unwrap_or(1 << 20),
        prepared_max: limits.prepared_max.unwrap_or(5000),
        catalog_refresh: span(limits.catalog_refresh, 60_000),
        drain_timeout: span(limits.drain_timeout, 30_000),
    }
}
