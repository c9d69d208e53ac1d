//! `holdpoint agents`: through the API when it answers, else on the store itself (nobody else has it open then).

use clap::Subcommand;
use reqwest::Method;

use crate::api::admin::agents::{AgentBody, AgentList, IssuedAgent, NewAgent};
use crate::cli::exit::{Exit, Failure};
use crate::cli::offline::{self, Way};
use crate::cli::{Global, Output, print};
use crate::config::{ClientTls, Config, Listener, Protocol};
use crate::gate::approval::visible::{line, short};
use crate::identity::ids::AgentName;
use crate::identity::{credential, issue};

/// `holdpoint agents …`
#[derive(Debug, Subcommand)]
pub enum AgentsCommand {
    /// Make an agent and print its connection string, once.
    Add {
        /// The user name it will log in with.
        name: String,
        /// The person who answers for it; never approves its statements.
        #[arg(long)]
        owner: String,
        /// A database it may open, by its name in the configuration; may be repeated. All if absent.
        #[arg(long = "database")]
        databases: Vec<String>,
        /// A group that rules may name; may be repeated.
        #[arg(long = "group")]
        groups: Vec<String>,
        /// Host name to print in the connection string; by default where the configuration says it listens.
        #[arg(long)]
        host: Option<String>,
    },
    /// List agents.
    List,
    /// Switch an agent off: no login, nothing released.
    Disable {
        /// Which.
        name: String,
    },
    /// Switch it on again.
    Enable {
        /// Which.
        name: String,
    },
    /// Remove it.
    Remove {
        /// Which.
        name: String,
    },
    /// Give it a new secret and print the new connection string, once.
    Rotate {
        /// Which.
        name: String,
        /// Host name to print in the connection string.
        #[arg(long)]
        host: Option<String>,
    },
}

/// Runs one of them.
///
/// # Errors
/// Neither the API nor the store can be used, or it says no.
pub async fn run(global: &Global, command: AgentsCommand) -> Result<Exit, Failure> {
    let way = offline::way(global).await?;
    let done = carry_out(global, &way, command).await;
    way.close().await;
    done.map(|()| Exit::Ok)
}

async fn carry_out(global: &Global, way: &Way, command: AgentsCommand) -> Result<(), Failure> {
    match command {
        AgentsCommand::Add { name, owner, databases, groups, host } => {
            let new = NewAgent { name, owner, groups, databases };
            let issued = add(way, new).await?;
            tell(global, &issued, host.as_deref())?;
        }
        AgentsCommand::Rotate { name, host } => {
            let issued = rotate(way, &name).await?;
            tell(global, &issued, host.as_deref())?;
        }
        AgentsCommand::List => {
            let agents = list(way).await?;
            print::items(global.output, &agents, ["NAME", "OWNER", "ISSUED BY", "GROUPS", "DATABASES", "STATE"], row)?;
        }
        AgentsCommand::Disable { name } => switch(way, &name, "disable").await?,
        AgentsCommand::Enable { name } => switch(way, &name, "enable").await?,
        AgentsCommand::Remove { name } => remove(way, &name).await?,
    }
    Ok(())
}

fn row(agent: &AgentBody) -> [String; 6] {
    let databases = if agent.databases.is_empty() { "all".to_owned() } else { agent.databases.join(",") };
    [
        short(&agent.name, 63),
        short(&agent.owner, 40),
        short(&agent.issued_by, 40),
        line(&agent.groups.join(",")),
        line(&databases),
        if agent.disabled { "disabled" } else { "enabled" }.to_owned(),
    ]
}

async fn list(way: &Way) -> Result<Vec<AgentBody>, Failure> {
    match way {
        Way::Api(client) => client.get::<AgentList>("v1/agents", &[]).await.map(|list| list.agents),
        Way::Store(store) => {
            let mut agents = store.agents.agents().map_err(offline::trouble)?;
            agents.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(agents.into_iter().map(AgentBody::from).collect())
        }
    }
}

async fn add(way: &Way, new: NewAgent) -> Result<IssuedAgent, Failure> {
    let store = match way {
        Way::Api(client) => return client.post("v1/agents", &new).await,
        Way::Store(store) => store,
    };
    if !issue::agent_name_ok(&new.name) {
        return Err(Failure::Usage(
            "name: letters, digits and -_.@, at most 63, starting with a letter or digit".into(),
        ));
    }
    store.must_know(&new.owner)?;
    if let Some(unknown) = new.databases.iter().find(|name| !store.config.databases.contains_key(*name)) {
        return Err(Failure::Usage(format!("the configuration has no database {unknown:?}")));
    }
    let name = AgentName(new.name);
    if store.agents.agent(&name).map_err(offline::trouble)?.is_some() {
        return Err(Failure::Finding(format!("there is an agent {name} already")));
    }
    let new = credential::NewAgent {
        name: name.0,
        owner: new.owner,
        issued_by: store.operator.to_string(),
        groups: new.groups,
        databases: new.databases,
    };
    let (agent, secret) = credential::new_agent(new, store.now());
    store.record(format!("agent {} added, owner {}", agent.name, agent.owner)).await?;
    store.agents.add_agent(agent.clone()).await.map_err(offline::trouble)?;
    Ok(IssuedAgent { agent: agent.into(), secret: secret.expose().to_owned() })
}

async fn rotate(way: &Way, name: &str) -> Result<IssuedAgent, Failure> {
    let store = match way {
        Way::Api(client) => return client.post(&format!("v1/agents/{name}:rotate"), &serde_json::json!({})).await,
        Way::Store(store) => store,
    };
    let mut agent = store.agent(name)?;
    let secret = issue::rotate(&mut agent, store.operator.clone());
    store.record(format!("agent {name} got a new secret")).await?;
    store.agents.replace_agent(agent.clone()).await.map_err(offline::trouble)?;
    Ok(IssuedAgent { agent: agent.into(), secret: secret.expose().to_owned() })
}

async fn switch(way: &Way, name: &str, verb: &str) -> Result<(), Failure> {
    match way {
        Way::Api(client) => {
            let _: AgentBody = client.post(&format!("v1/agents/{name}:{verb}"), &serde_json::json!({})).await?;
        }
        Way::Store(store) => {
            let agent = store.agent(name)?;
            store.record(format!("agent {name} {verb}d")).await?;
            store.agents.set_agent_disabled(agent.name, verb == "disable").await.map_err(offline::trouble)?;
        }
    }
    print::talk(&format!("agent {name} {verb}d"));
    Ok(())
}

async fn remove(way: &Way, name: &str) -> Result<(), Failure> {
    match way {
        Way::Api(client) => {
            client.send(client.request(Method::DELETE, &format!("v1/agents/{name}"), &[])?).await?;
        }
        Way::Store(store) => {
            let agent = store.agent(name)?;
            store.record(format!("agent {name} removed")).await?;
            store.agents.remove_agent(agent.name).await.map_err(offline::trouble)?;
        }
    }
    print::talk(&format!("agent {name} removed"));
    Ok(())
}

/// Prints the connection strings, one per database; as JSON, everything.
fn tell(global: &Global, issued: &IssuedAgent, host: Option<&str>) -> Result<(), Failure> {
    // Without the configuration the secret is still worth showing: it cannot be had again.
    let strings = offline::config(global).map(|config| dsns(&config, issued, host));
    match (global.output, strings) {
        (Output::Table, Ok(strings)) => {
            print::talk("shown this once and kept nowhere:");
            strings.iter().try_for_each(|dsn| print::data(dsn))
        }
        (Output::Table, Err(_)) => {
            print::talk(
                "the secret alone, as no configuration says where agents connect; shown this once and kept nowhere:",
            );
            print::data(&issued.secret)
        }
        (output, strings) => {
            let item = serde_json::json!({
                "agent": issued.agent, "secret": issued.secret, "dsn": strings.unwrap_or_default()
            });
            print::item(output, &item, ToString::to_string)
        }
    }
}

/// One connection string for each database that the agent may open, by what it speaks.
fn dsns(config: &Config, issued: &IssuedAgent, host: Option<&str>) -> Vec<String> {
    let all: Vec<&String> = config.databases.keys().collect();
    let databases = if issued.agent.databases.is_empty() { all } else { issued.agent.databases.iter().collect() };
    let dsn = |database: &String| {
        let protocol = config.databases.get(database).map(|upstream| upstream.protocol).unwrap_or_default();
        let (scheme, listener, required) = match (protocol, &config.mysql) {
            (Protocol::Mysql, Some(mysql)) => ("mysql", mysql, "?ssl-mode=REQUIRED"),
            _ => ("postgresql", &config.postgres, "?sslmode=require"),
        };
        let query = if matches!(listener.tls, ClientTls::Required(_)) { required } else { "" };
        let (name, secret) = (escaped(&issued.agent.name), escaped(&issued.secret));
        let (host, port) = (reachable(host, listener), listener.listen.port());
        format!("{scheme}://{name}:{secret}@{host}:{port}/{}{query}", escaped(database))
    };
    databases.into_iter().map(dsn).collect()
}

/// The host that clients write: as told, or where the listener is.
fn reachable(host: Option<&str>, listener: &Listener) -> String {
    host.map(str::to_owned).unwrap_or_else(|| match listener.listen.ip() {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        std::net::IpAddr::V4(ip) => ip.to_string(),
    })
}

/// Percent-encodes everything but unreserved characters (RFC 3986 §2.3).
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_has_a_dsn_of_its_own_protocol() {
        let text = "version: 1\nmysql: { listen: \"0.0.0.0:6033\", tls: { mode: required, cert: c, key: k } }\ndatabases:\n  \
                    crm: { protocol: mysql, host: h, user: u }\n  shop: { host: h, user: u }\n";
        let files = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let config = crate::config::file::parse(text, "holdpoint.yaml", &|_| None, &files).unwrap();
        let agent = crate::gate::sample::agent("bot");
        let issued = IssuedAgent { agent: agent.into(), secret: "s".into() };
        assert_eq!(
            dsns(&config, &issued, None),
            ["mysql://bot:s@localhost:6033/crm?ssl-mode=REQUIRED", "postgresql://bot:s@127.0.0.1:6432/shop"]
        );
        assert!(dsns(&config, &issued, Some("hp")).iter().all(|dsn| dsn.contains("@hp:")));
    }

    #[test]
    fn names_are_escaped_for_a_dsn() {
        assert_eq!(escaped("bot@x/é"), "bot%40x%2F%C3%A9");
        assert_eq!(escaped("a-b_c.d~"), "a-b_c.d~");
    }
}
