//! A kind of server, and a Holdpoint in front of it.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::client::Client;
use crate::holdpoint::{Holdpoint, Setup, Side};
use crate::mysql_server::{Flavour, MySqlServer, UPSTREAM, UPSTREAM_PASSWORD, WEAK};
use crate::{sample, sample_mysql};

/// Which server stands behind Holdpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    MariaDb,
    MySql,
}

impl Kind {
    /// The usual rules.
    pub fn rules(self) -> String {
        self.rules_with("")
    }

    /// The same with more rules (YAML list entries, indented by two spaces).
    pub fn rules_with(self, more: &str) -> String {
        match self {
            Self::Postgres => sample::rules_with(more),
            Self::MariaDb | Self::MySql => sample_mysql::rules_with(more),
        }
    }

    /// One text for PostgreSQL, another for the other two.
    pub fn sql<'s>(self, postgres: &'s str, mysql: &'s str) -> &'s str {
        if self == Self::Postgres { postgres } else { mysql }
    }

    fn side(self) -> Option<Side> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (flavour, direct) = match self {
            Self::Postgres => return None,
            Self::MariaDb => (Flavour::MariaDb, mariadb_directly as fn(&str, &str) -> String),
            Self::MySql => (Flavour::MySql, mysql_directly as fn(&str, &str) -> String),
        };
        let server = MySqlServer::shared(flavour);
        let database = sample_mysql::clone_database(flavour, COUNT.fetch_add(1, Ordering::Relaxed));
        let description = format!(
            "protocol: mysql, host: 127.0.0.1, port: {}, user: {UPSTREAM}, password: {UPSTREAM_PASSWORD}, sslmode: disable, \
             allow_public_key_retrieval: true",
            server.port
        );
        Some(Side { description, database, direct })
    }

    /// A Holdpoint with these rules and more top-level YAML.
    pub async fn start(self, rules: String, extra: &str) -> Stage {
        let setup = Setup { side: self.side(), ..Setup::rules(rules).with(extra) };
        Stage { kind: self, holdpoint: Holdpoint::start(setup).await }
    }

    /// One whose session may only read and write, and which is lent this role for DDL and for large changes. The table `vault`
    /// belongs to `hp_owner`.
    pub async fn lending(self, role: &str) -> Stage {
        let side = self.side().map(|side| Side { description: side.description.replace(UPSTREAM, WEAK), ..side });
        let about = format!(", elevate: {{ ddl: {role}, bulk_write: {role} }}");
        let stage = Stage {
            kind: self,
            holdpoint: Holdpoint::start(Setup { side, about, weak: true, ..Setup::rules(self.rules()) }).await,
        };
        stage.direct(
            "CREATE TABLE vault (id int PRIMARY KEY, note text); INSERT INTO vault VALUES (1, 'a'), (2, 'b'), (3, 'c')",
        );
        stage.direct(self.sql(
            "ALTER TABLE vault OWNER TO hp_owner; GRANT SELECT ON vault TO hp_weak",
            "CREATE ROLE IF NOT EXISTS hp_owner; GRANT ALL ON `shop\\_%`.* TO hp_owner; GRANT hp_owner TO hp_weak@'%'",
        ));
        stage
    }

    /// A Holdpoint with the usual rules.
    pub async fn stage(self) -> Stage {
        self.start(self.rules(), "").await
    }

    /// The same with short holds: clients get the *pending* error after 300 ms.
    pub async fn hasty(self) -> Stage {
        let rules = self.rules().replace("hold: 20s", "hold: 300ms");
        self.start(rules, "hold: { hold_in_transaction: 300ms }").await
    }
}

fn mariadb_directly(database: &str, sql: &str) -> String {
    MySqlServer::shared(Flavour::MariaDb).sql(database, sql)
}

fn mysql_directly(database: &str, sql: &str) -> String {
    MySqlServer::shared(Flavour::MySql).sql(database, sql)
}

/// A Holdpoint in front of one kind of server.
pub struct Stage {
    pub kind: Kind,
    pub holdpoint: Holdpoint,
}

impl std::ops::Deref for Stage {
    type Target = Holdpoint;

    fn deref(&self) -> &Holdpoint {
        &self.holdpoint
    }
}

impl Stage {
    /// One agent connection.
    pub async fn client(&self) -> Client {
        Client::connect(self, &self.keys.agent, crate::holdpoint::AGENT).await
    }

    /// A connection of the second agent.
    pub async fn other_client(&self) -> Client {
        Client::connect(self, &self.keys.other_agent, crate::holdpoint::OTHER_AGENT).await
    }

    /// How many tables of this name there are, past the proxy.
    pub fn tables(&self, name: &str) -> String {
        let schema = if self.kind == Kind::Postgres { "current_schema()" } else { "database()" };
        self.holdpoint.direct(&format!(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = {schema} AND table_name = '{name}'"
        ))
    }
}
