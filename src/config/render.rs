//! The effective configuration as YAML, for `holdpoint check`. Secrets are starred.

mod notify;

use std::path::Path;

use crate::config::oidc::OidcConfig;
use crate::config::{Certificate, ClientTls, Config, Listener, Protocol, SslMode, Upstream};
use crate::policy::judge::words;
use crate::policy::span;

/// Every setting with the value that counts, defaults included. Passwords are `***`.
pub fn render(config: &Config) -> String {
    let mut text = Lines::default();
    text.put(0, "version", "1");
    listener(&mut text, "postgres", &config.postgres);
    if let Some(mysql) = &config.mysql {
        listener(&mut text, "mysql", mysql);
    }
    text.head(0, "api");
    text.put(1, "listen", &quoted(&config.api.listen.to_string()));
    text.put(1, "public_url", &quoted(&config.api.public_url));
    if let Some(files) = &config.api.tls {
        text.put(1, "tls", &format!("{{ cert: {}, key: {} }}", path(&files.chain), path(&files.key)));
    }
    text.put(0, "store", &path(&config.store));
    match &config.rules {
        Some(rules) => text.put(0, "rules", &path(rules)),
        None => text.0.push_str("# rules: the built-in baseline\n"),
    }
    text.head(0, "databases");
    for (name, upstream) in &config.databases {
        text.head(1, &quoted(name));
        database(&mut text, upstream);
    }
    if !config.people.is_empty() {
        text.head(0, "people");
    }
    for person in &config.people {
        let groups: Vec<String> = person.groups.iter().map(|group| quoted(group)).collect();
        let known = config.oidc.as_ref().and_then(|oidc| oidc.identities.iter().find(|one| one.person == person.name));
        let part = |key: &str, value: Option<&String>| {
            value.map(|value| format!(", {key}: {}", quoted(value))).unwrap_or_default()
        };
        let subject = part("subject", known.and_then(|known| known.subject.as_ref()));
        let email = part("email", known.and_then(|known| known.email.as_ref()));
        let (name, groups) = (quoted(&person.name.0), groups.join(", "));
        text.0.push_str(&format!("  - {{ name: {name}, groups: [{groups}]{subject}{email} }}\n"));
    }
    sign_in(&mut text, config);
    if let Some(settings) = &config.oidc {
        oidc(&mut text, settings);
    }
    times_and_bounds(&mut text, config);
    notify::render(&mut text, &config.notify);
    text.0
}

fn oidc(text: &mut Lines, oidc: &OidcConfig) {
    let list = |all: &[String]| all.iter().map(|one| quoted(one)).collect::<Vec<_>>().join(", ");
    text.head(0, "oidc");
    text.put(1, "issuer", &quoted(&oidc.issuer));
    text.put(1, "client_id", &quoted(&oidc.client_id));
    if oidc.client_secret.is_some() {
        text.put(1, "client_secret", "\"***\"");
    }
    text.put(1, "name", &quoted(&oidc.name));
    text.put(1, "scopes", &format!("[{}]", list(&oidc.scopes)));
    text.put(1, "groups_claim", &quoted(&oidc.groups.claim));
    if let Some(map) = &oidc.groups.map {
        text.head(1, "groups");
        for (ours, theirs) in map {
            text.put(2, &quoted(ours), &format!("[{}]", list(theirs)));
        }
    }
    if let Some(prefix) = &oidc.groups.strip_prefix {
        text.put(1, "strip_prefix", &quoted(prefix));
    }
    if let Some(audience) = &oidc.audience {
        text.put(1, "audience", &quoted(audience));
    }
    if let Some(max_age) = oidc.max_age {
        text.put(1, "max_age", &span::format(max_age));
    }
    if !oidc.acr_values.is_empty() {
        text.put(1, "acr_values", &format!("[{}]", list(&oidc.acr_values)));
    }
    if let Some(ca) = &oidc.ca {
        text.put(1, "ca", &path(ca));
    }
}

fn sign_in(text: &mut Lines, config: &Config) {
    let sign_in = &config.sign_in;
    text.head(0, "sign_in");
    text.put(1, "idle", &span::format(sign_in.span.idle));
    text.put(1, "most", &span::format(sign_in.span.most));
    text.put(1, "passwords", &sign_in.passwords.to_string());
    if !sign_in.scopes.is_empty() {
        text.head(1, "scopes");
    }
    for (scope, groups) in &sign_in.scopes {
        let groups: Vec<String> = groups.iter().map(|group| quoted(group)).collect();
        text.put(2, &quoted(scope.as_str()), &format!("[{}]", groups.join(", ")));
    }
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn put(&mut self, depth: usize, key: &str, value: &str) {
        self.0.push_str(&format!("{}{key}: {value}\n", "  ".repeat(depth)));
    }

    fn head(&mut self, depth: usize, key: &str) {
        self.0.push_str(&format!("{}{key}:\n", "  ".repeat(depth)));
    }
}

fn listener(text: &mut Lines, section: &str, listener: &Listener) {
    text.head(0, section);
    text.put(1, "listen", &quoted(&listener.listen.to_string()));
    match &listener.tls {
        ClientTls::Off => text.put(1, "tls", "{ mode: off }"),
        ClientTls::Optional(files) => text.put(1, "tls", &tls("optional", files)),
        ClientTls::Required(files) => text.put(1, "tls", &tls("required", files)),
    }
}

fn database(text: &mut Lines, upstream: &Upstream) {
    let protocol = match upstream.protocol {
        Protocol::Postgres => "postgres",
        Protocol::Mysql => "mysql",
    };
    text.put(2, "protocol", protocol);
    text.put(2, "host", &quoted(&upstream.host));
    text.put(2, "port", &upstream.port.to_string());
    text.put(2, "database", &quoted(&upstream.database));
    text.put(2, "user", &quoted(&upstream.user));
    if upstream.password.is_some() {
        text.put(2, "password", "\"***\"");
    }
    let mode = match upstream.ssl_mode {
        SslMode::Disable => "disable",
        SslMode::Prefer => "prefer",
        SslMode::Require => "require",
        SslMode::VerifyCa => "verify-ca",
        SslMode::VerifyFull => "verify-full",
    };
    text.put(2, "sslmode", mode);
    if let Some(ca) = &upstream.ca {
        text.put(2, "sslrootcert", &path(ca));
    }
    if let Some(files) = &upstream.client_certificate {
        text.put(2, "sslcert", &path(&files.chain));
        text.put(2, "sslkey", &path(&files.key));
    }
    if let Some(key) = &upstream.mysql.public_key {
        text.put(2, "server_public_key", &path(key));
    }
    for (key, allowed) in [
        ("allow_public_key_retrieval", upstream.mysql.public_key_retrieval),
        ("cleartext_password", upstream.mysql.cleartext_password),
    ] {
        if allowed {
            text.put(2, key, "true");
        }
    }
    text.put(2, "connections_max", &upstream.connections_max.to_string());
    if !upstream.elevate.is_empty() {
        text.head(2, "elevate");
        for (action, role) in &upstream.elevate {
            text.put(3, words::action(*action), &quoted(role));
        }
    }
}

fn times_and_bounds(text: &mut Lines, config: &Config) {
    let hold = &config.hold;
    text.head(0, "hold");
    for (key, value) in [
        ("hold", hold.hold),
        ("hold_in_transaction", hold.hold_in_transaction),
        ("hold_max", hold.hold_max),
        ("heartbeat", hold.heartbeat),
        ("expires", hold.expires),
        ("use_within", hold.use_within),
    ] {
        text.put(1, key, &span::format(value));
    }
    text.put(1, "waiting_max_per_agent", &hold.waiting_max_per_agent.to_string());
    text.put(1, "waiting_max", &hold.waiting_max.to_string());
    text.head(0, "pace");
    for (key, most) in [("asks_per_minute", config.pace.asks_per_minute), ("denials", config.pace.denials)] {
        if let Some(most) = most {
            text.put(1, key, &most.to_string());
        }
    }
    text.put(1, "pause", &span::format(config.pace.pause));
    let limits = &config.limits;
    text.head(0, "limits");
    text.put(1, "clients_max", &limits.clients_max.to_string());
    text.put(1, "half_open_max", &limits.half_open_max.to_string());
    text.put(1, "login_timeout", &span::format(limits.login_timeout));
    text.put(1, "message_bytes_max", &limits.message_bytes_max.to_string());
    text.put(1, "statement_bytes_max", &limits.statement_bytes_max.to_string());
    text.put(1, "prepared_max", &limits.prepared_max.to_string());
    text.put(1, "catalog_refresh", &span::format(limits.catalog_refresh));
    text.put(1, "drain_timeout", &span::format(limits.drain_timeout));
    text.head(0, "audit");
    text.put(1, "checkpoint_every", &span::format(config.audit.checkpoint_every));
    if let Some(file) = &config.audit.checkpoint_file {
        text.put(1, "checkpoint_file", &path(file));
    }
    text.put(1, "sync_every", &span::format(config.audit.sync_every));
}

fn tls(mode: &str, files: &Certificate) -> String {
    format!("{{ mode: {mode}, cert: {}, key: {} }}", path(&files.chain), path(&files.key))
}

fn path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// A double-quoted YAML scalar; JSON's escapes are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}
