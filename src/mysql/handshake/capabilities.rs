//! What two sides of a connection agreed to speak (manual: "Capabilities Flags"; MariaDB: "Connection Protocol").
//!
//! The lower 32 bits are common to all servers. MariaDB has more, told in bytes that MySQL leaves unused, and only between
//! peers that both leave `LONG_PASSWORD` unset; they stand in the upper 32 bits here.

/// A set of capability flags.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Capabilities(pub u64);

impl Capabilities {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// MySQL rather than MariaDB, where both could be meant; the name is historical.
    pub const LONG_PASSWORD: Self = Self(1);
    /// Changed rows are counted as found rows.
    pub const FOUND_ROWS: Self = Self(1 << 1);
    /// Column flags take two bytes.
    pub const LONG_FLAG: Self = Self(1 << 2);
    /// The response may name a database.
    pub const CONNECT_WITH_DB: Self = Self(1 << 3);
    /// `database.table.column` is not allowed. Never offered.
    pub const NO_SCHEMA: Self = Self(1 << 4);
    /// zlib compression. Never offered: it would hide packets from whoever is to judge them.
    pub const COMPRESS: Self = Self(1 << 5);
    /// ODBC; without effect.
    pub const ODBC: Self = Self(1 << 6);
    /// `LOAD DATA LOCAL`.
    pub const LOCAL_FILES: Self = Self(1 << 7);
    /// The session begins with `sql_mode` `IGNORE_SPACE`.
    pub const IGNORE_SPACE: Self = Self(1 << 8);
    /// The protocol since MySQL 4.1. Without it nothing is served.
    pub const PROTOCOL_41: Self = Self(1 << 9);
    /// `interactive_timeout` counts in place of `wait_timeout`.
    pub const INTERACTIVE: Self = Self(1 << 10);
    /// TLS.
    pub const SSL: Self = Self(1 << 11);
    /// Without effect.
    pub const IGNORE_SIGPIPE: Self = Self(1 << 12);
    /// Transaction states in the status flags.
    pub const TRANSACTIONS: Self = Self(1 << 13);
    /// Without effect.
    pub const RESERVED: Self = Self(1 << 14);
    /// Challenges of 20 bytes. Without it nothing is served.
    pub const SECURE_CONNECTION: Self = Self(1 << 15);
    /// More than one statement in one COM_QUERY.
    pub const MULTI_STATEMENTS: Self = Self(1 << 16);
    /// More than one result in one answer.
    pub const MULTI_RESULTS: Self = Self(1 << 17);
    /// The same for prepared statements.
    pub const PS_MULTI_RESULTS: Self = Self(1 << 18);
    /// Authentication plugins are named.
    pub const PLUGIN_AUTH: Self = Self(1 << 19);
    /// Connection attributes.
    pub const CONNECT_ATTRS: Self = Self(1 << 20);
    /// The response's proof has a length-encoded length.
    pub const PLUGIN_AUTH_LENENC: Self = Self(1 << 21);
    /// Expired passwords get a sandbox. Never offered: secrets of agents do not expire.
    pub const EXPIRED_PASSWORDS: Self = Self(1 << 22);
    /// OK packets tell changes of the session.
    pub const SESSION_TRACK: Self = Self(1 << 23);
    /// OK in place of EOF.
    pub const DEPRECATE_EOF: Self = Self(1 << 24);
    /// Results without column definitions. Never offered: masks rest on them.
    pub const OPTIONAL_METADATA: Self = Self(1 << 25);
    /// zstd compression. Never offered.
    pub const ZSTD: Self = Self(1 << 26);
    /// Statements carry attributes.
    pub const QUERY_ATTRIBUTES: Self = Self(1 << 27);
    /// More than one factor of authentication. Never offered.
    pub const MULTI_FACTOR: Self = Self(1 << 28);
    /// A client that verifies certificates; tells the server nothing.
    pub const SSL_VERIFY: Self = Self(1 << 30);
    /// MariaDB: progress reports.
    pub const PROGRESS: Self = Self(1 << 32);
    /// MariaDB: COM_STMT_BULK_EXECUTE. Never offered: each of its rows is a statement.
    pub const BULK: Self = Self(1 << 34);
    /// MariaDB: column definitions name extended types.
    pub const EXTENDED_TYPES: Self = Self(1 << 35);
    /// MariaDB: known column definitions are left out. Never offered: masks rest on them.
    pub const CACHE_METADATA: Self = Self(1 << 36);

    /// Puts the two halves together; without MariaDB's the upper one is 0.
    pub fn from_halves(lower: u32, extended: u32) -> Self {
        Self(u64::from(lower) | u64::from(extended) << 32)
    }

    /// The flags common to all servers.
    pub fn lower(self) -> u32 {
        u32::try_from(self.0 & 0xffff_ffff).unwrap_or_default()
    }

    /// MariaDB's own flags.
    pub fn extended(self) -> u32 {
        u32::try_from(self.0 >> 32).unwrap_or_default()
    }

    /// All of `others` are in it.
    pub fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// With these, too.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Without these.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// What both have.
    #[must_use]
    pub const fn both(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }
}

impl std::fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Capabilities({:#x})", self.0)
    }
}

/// What no connection of today works without.
pub const NEEDED: Capabilities = Capabilities::PROTOCOL_41.with(Capabilities::SECURE_CONNECTION);

/// What Holdpoint itself speaks towards clients, whatever the server behind it speaks.
const OWN: Capabilities = NEEDED
    .with(Capabilities::CONNECT_WITH_DB)
    .with(Capabilities::LONG_FLAG)
    .with(Capabilities::TRANSACTIONS)
    .with(Capabilities::PLUGIN_AUTH)
    .with(Capabilities::PLUGIN_AUTH_LENENC)
    .with(Capabilities::CONNECT_ATTRS)
    .with(Capabilities::DEPRECATE_EOF)
    .with(Capabilities::QUERY_ATTRIBUTES)
    .with(Capabilities::RESERVED)
    .with(Capabilities::IGNORE_SIGPIPE)
    .with(Capabilities::INTERACTIVE);

/// What is passed on as the server offers it.
const SERVERS: Capabilities = Capabilities::LONG_PASSWORD
    .with(Capabilities::FOUND_ROWS)
    .with(Capabilities::ODBC)
    .with(Capabilities::LOCAL_FILES)
    .with(Capabilities::IGNORE_SPACE)
    .with(Capabilities::MULTI_STATEMENTS)
    .with(Capabilities::MULTI_RESULTS)
    .with(Capabilities::PS_MULTI_RESULTS)
    .with(Capabilities::PROGRESS)
    .with(Capabilities::SESSION_TRACK);

/// What a client's choice decides about the upstream session, because it changes how the server behaves. Query attributes are
/// not among them: they say why, and end at the proxy.
const CLIENTS: Capabilities = Capabilities::FOUND_ROWS
    .with(Capabilities::LOCAL_FILES)
    .with(Capabilities::IGNORE_SPACE)
    .with(Capabilities::INTERACTIVE)
    .with(Capabilities::MULTI_STATEMENTS)
    .with(Capabilities::MULTI_RESULTS)
    .with(Capabilities::PS_MULTI_RESULTS)
    .with(Capabilities::PROGRESS);

/// What is asked of every upstream that has it.
const ALWAYS: Capabilities = NEEDED
    .with(Capabilities::LONG_PASSWORD)
    .with(Capabilities::LONG_FLAG)
    .with(Capabilities::TRANSACTIONS)
    .with(Capabilities::PLUGIN_AUTH)
    .with(Capabilities::PLUGIN_AUTH_LENENC)
    .with(Capabilities::CONNECT_WITH_DB)
    .with(Capabilities::CONNECT_ATTRS)
    .with(Capabilities::SESSION_TRACK)
    .with(Capabilities::DEPRECATE_EOF);

/// What a client is offered in front of an `upstream` that offers this; `tls`: TLS is offered.
pub fn offer(upstream: Capabilities, tls: bool) -> Capabilities {
    let offered = OWN.with(upstream.both(SERVERS));
    if tls { offered.with(Capabilities::SSL) } else { offered }
}

/// What is in force with a client: what it chose, of what it was offered.
pub fn agreed(offered: Capabilities, chosen: Capabilities) -> Capabilities {
    offered.both(chosen)
}

/// What is asked of an `upstream` that offers this, for a client with whom `client` was agreed. TLS is the caller's matter.
pub fn towards(upstream: Capabilities, client: Capabilities) -> Capabilities {
    upstream.both(ALWAYS.with(client.both(CLIENTS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARIADB_10_11: Capabilities = Capabilities(0x1d_81bf_f7fe);
    const MYSQL_9: Capabilities = Capabilities(0xdfff_ffff);

    #[test]
    fn what_would_blind_the_proxy_is_never_offered_nor_asked_for() {
        let never = Capabilities::COMPRESS
            .with(Capabilities::ZSTD)
            .with(Capabilities::OPTIONAL_METADATA)
            .with(Capabilities::CACHE_METADATA)
            .with(Capabilities::BULK)
            .with(Capabilities::EXTENDED_TYPES)
            .with(Capabilities::MULTI_FACTOR)
            .with(Capabilities::NO_SCHEMA)
            .with(Capabilities::EXPIRED_PASSWORDS);
        for upstream in [MARIADB_10_11, MYSQL_9, Capabilities(u64::MAX)] {
            assert_eq!(offer(upstream, true).both(never), Capabilities::NONE);
            assert_eq!(towards(upstream, Capabilities(u64::MAX)).both(never), Capabilities::NONE);
        }
    }

    #[test]
    fn end_of_rows_is_agreed_on_each_side_alone() {
        let old = MYSQL_9.without(Capabilities::DEPRECATE_EOF);
        assert!(offer(old, false).has(Capabilities::DEPRECATE_EOF));
        assert!(!towards(old, offer(old, false)).has(Capabilities::DEPRECATE_EOF));
        let plain = agreed(offer(MYSQL_9, false), NEEDED);
        assert!(!plain.has(Capabilities::DEPRECATE_EOF));
        assert!(towards(MYSQL_9, plain).has(Capabilities::DEPRECATE_EOF));
    }

    #[test]
    fn what_the_server_does_differently_follows_the_client() {
        let chosen = NEEDED.with(Capabilities::FOUND_ROWS);
        let asked = towards(MYSQL_9, chosen);
        assert!(asked.has(Capabilities::FOUND_ROWS) && !asked.has(Capabilities::MULTI_STATEMENTS));
        assert!(!asked.has(Capabilities::LOCAL_FILES));
        assert!(!towards(MYSQL_9.without(Capabilities::FOUND_ROWS), chosen).has(Capabilities::FOUND_ROWS));
    }

    #[test]
    fn attributes_are_offered_even_where_the_server_knows_none() {
        assert!(offer(MARIADB_10_11, false).has(Capabilities::QUERY_ATTRIBUTES));
        assert!(!towards(MARIADB_10_11, Capabilities(u64::MAX)).has(Capabilities::QUERY_ATTRIBUTES));
    }

    #[test]
    fn mariadb_is_told_from_mysql_as_upstream_tells_it() {
        assert!(!offer(MARIADB_10_11, false).has(Capabilities::LONG_PASSWORD));
        assert!(offer(MYSQL_9, false).has(Capabilities::LONG_PASSWORD));
        assert_eq!(Capabilities::from_halves(MARIADB_10_11.lower(), MARIADB_10_11.extended()), MARIADB_10_11);
    }
}
