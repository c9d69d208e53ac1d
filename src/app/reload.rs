//! What reading the configuration again is made of: files of their own, who came and went, what keeps its first value.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::config::Config;
use crate::identity::person::Person;

/// TLS of the API, if it has some.
///
/// # Errors
/// Unreadable or unfit files.
pub fn api_tls(config: &Config) -> anyhow::Result<Option<Arc<rustls::ServerConfig>>> {
    let Some(certificate) = &config.api.tls else { return Ok(None) };
    let tls = crate::session::tls::server(certificate).context("TLS of the API")?;
    // The PostgreSQL listener offers its own ALPN; the API speaks HTTP/1.1.
    let mut settings = rustls::ServerConfig::clone(&tls.config);
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Arc::new(settings)))
}

/// Who came, who went, whose groups changed, in words for the audit; `None`: nobody.
pub fn people_changed(before: &[Person], now: &[Person]) -> Option<String> {
    let find = |people: &[Person], name| people.iter().find(|person| person.name == name).cloned();
    let came = now.iter().filter(|person| find(before, person.name.clone()).is_none());
    let went = before.iter().filter(|person| find(now, person.name.clone()).is_none());
    let moved =
        now.iter().filter(|person| find(before, person.name.clone()).is_some_and(|old| old.groups != person.groups));
    let mut words: Vec<String> = came.map(|person| format!("{} added in {}", person.name, groups(person))).collect();
    words.extend(went.map(|person| format!("{} removed", person.name)));
    words.extend(moved.map(|person| format!("{} now in {}", person.name, groups(person))));
    (!words.is_empty()).then(|| format!("people read again: {}", words.join("; ")))
}

fn groups(person: &Person) -> String {
    if person.groups.is_empty() { "no group".to_owned() } else { person.groups.join(", ") }
}

/// The keys that were read with another value than the process was started with, and do not apply before it is started
/// again. Values of secrets are not compared.
pub fn keep_first_values(first: &Config, now: &Config) -> Vec<&'static str> {
    let of = |config: &Config| {
        let hold = crate::config::HoldConfig {
            hold: Duration::ZERO,
            expires: Duration::ZERO,
            use_within: Duration::ZERO,
            ..config.hold
        };
        [
            ("postgres: listen", format!("{:?}", config.postgres.listen)),
            ("mysql: listen", format!("{:?}", config.mysql.as_ref().map(|mysql| mysql.listen))),
            ("api", format!("{:?}", config.api)),
            ("store", format!("{:?}", config.store)),
            ("databases (added or removed)", format!("{:?}", config.databases.keys())),
            ("hold", format!("{hold:?}")),
            ("limits", format!("{:?}", config.limits)),
            ("audit", format!("{:?}", config.audit)),
            ("pace", format!("{:?}", config.pace)),
            ("notify", format!("{:?}", config.notify)),
        ]
    };
    let pairs = of(first).into_iter().zip(of(now));
    pairs.filter(|((_, old), (_, new))| old != new).map(|((key, _), _)| key).collect()
}
