//! `holdpoint check`: reads everything, prints what is in force (secrets starred), tries every upstream. Changes nothing.

use std::time::Duration;

use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, offline, print};
use crate::config::render::render;
use crate::config::{ClientTls, Config, Protocol, Upstream, rules_dir};
use crate::gate::approval::visible::line;
use crate::policy::rules::RuleSet;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs every check, prints `ok` or what is wrong for each.
///
/// # Errors
/// The configuration is wrong; stdout fails.
pub async fn run(global: &Global) -> Result<Exit, Failure> {
    let config = offline::config(global)?;
    let mut report = Report::default();
    print::data(render(&config).trim_end())?;
    print::data("")?;
    report.say("rules", rules(&config))?;
    for (what, file) in files(&config) {
        report.say(&what, std::fs::File::open(file).map(|_| ()).map_err(|error| error.to_string()))?;
    }
    report.say(&format!("store {}", config.store.display()), usable(&config.store))?;
    for (name, upstream) in &config.databases {
        report.say(&format!("upstream {name}"), reach(upstream).await)?;
    }
    Ok(if report.wrong == 0 { Exit::Ok } else { Exit::Finding })
}

#[derive(Default)]
struct Report {
    wrong: usize,
}

impl Report {
    fn say(&mut self, what: &str, found: Result<(), String>) -> Result<(), Failure> {
        if found.is_err() {
            self.wrong += 1;
        }
        let found = found.map_or_else(|why| format!("WRONG: {}", line(&why)), |()| "ok".to_owned());
        print::data(&format!("{what:<28} {found}"))
    }
}

/// Rules that cannot be used: the first fault and how many there are; `holdpoint rules lint` names them all.
fn rules(config: &Config) -> Result<(), String> {
    let Some(path) = &config.rules else { return Ok(()) };
    let files = rules_dir::read(path).map_err(|error| error.to_string())?;
    match RuleSet::load_dir(&files) {
        Ok(_) => Ok(()),
        Err(faults) => {
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            Err(format!("{first} ({} faults in all)", faults.len()))
        }
    }
}

fn files(config: &Config) -> Vec<(String, &std::path::Path)> {
    let mut files = Vec::new();
    let listeners = [("postgres", Some(&config.postgres)), ("mysql", config.mysql.as_ref())];
    for (section, listener) in listeners {
        if let Some(ClientTls::Optional(certificate) | ClientTls::Required(certificate)) = listener.map(|one| &one.tls)
        {
            files.push((format!("{section}.tls chain"), certificate.chain.as_path()));
            files.push((format!("{section}.tls key"), certificate.key.as_path()));
        }
    }
    if let Some(certificate) = &config.api.tls {
        files.push(("api.tls chain".to_owned(), certificate.chain.as_path()));
        files.push(("api.tls key".to_owned(), certificate.key.as_path()));
    }
    for (name, upstream) in &config.databases {
        files.extend(upstream.ca.as_deref().map(|file| (format!("databases.{name}.ca"), file)));
        let key = upstream.mysql.public_key.as_deref();
        files.extend(key.map(|file| (format!("databases.{name}.server_public_key"), file)));
        if let Some(certificate) = &upstream.client_certificate {
            files.push((format!("databases.{name} certificate"), certificate.chain.as_path()));
            files.push((format!("databases.{name} key"), certificate.key.as_path()));
        }
    }
    files
}

/// The directory exists, or its parent does and it can be made.
fn usable(store: &std::path::Path) -> Result<(), String> {
    let dir = if store.exists() {
        store
    } else {
        store.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(".".as_ref())
    };
    match std::fs::metadata(dir) {
        Ok(found) if found.is_dir() && !found.permissions().readonly() => Ok(()),
        Ok(_) => Err(format!("{} is not a directory that can be written", dir.display())),
        Err(error) => Err(format!("{}: {error}", dir.display())),
    }
}

/// Connects and says nothing; that somebody listens is all this asks.
async fn reach(upstream: &Upstream) -> Result<(), String> {
    let connect = async {
        if upstream.host.starts_with('/') {
            let socket = match upstream.protocol {
                Protocol::Postgres => format!("{}/.s.PGSQL.{}", upstream.host, upstream.port),
                Protocol::Mysql => upstream.host.clone(),
            };
            tokio::net::UnixStream::connect(socket).await.map(|_| ())
        } else {
            tokio::net::TcpStream::connect((upstream.host.as_str(), upstream.port)).await.map(|_| ())
        }
    };
    match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("{}:{}: {error}", upstream.host, upstream.port)),
        Err(_) => Err(format!("{}:{} does not answer within 5 s", upstream.host, upstream.port)),
    }
}
