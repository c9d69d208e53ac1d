//! What a client can ask for, by the first byte of its packet, and what becomes of it. An allow-list: the rest is refused.

/// Ends the session.
pub const QUIT: u8 = 0x01;
/// Changes the current database.
pub const INIT_DB: u8 = 0x02;
/// One or more statements as text.
pub const QUERY: u8 = 0x03;
/// Columns of a table.
pub const FIELD_LIST: u8 = 0x04;
/// A line of figures about the server.
pub const STATISTICS: u8 = 0x09;
/// `KILL` of a connection.
pub const PROCESS_KILL: u8 = 0x0c;
/// Is anybody there?
pub const PING: u8 = 0x0e;
/// A login within the session.
pub const CHANGE_USER: u8 = 0x11;
/// Prepares a statement.
pub const STMT_PREPARE: u8 = 0x16;
/// Executes a prepared statement.
pub const STMT_EXECUTE: u8 = 0x17;
/// Sends a piece of a parameter ahead.
pub const STMT_SEND_LONG_DATA: u8 = 0x18;
/// Forgets a prepared statement.
pub const STMT_CLOSE: u8 = 0x19;
/// Forgets what was sent ahead, and closes the cursor.
pub const STMT_RESET: u8 = 0x1a;
/// Allows or forbids several statements in one text.
pub const SET_OPTION: u8 = 0x1b;
/// Fetches rows behind a cursor.
pub const STMT_FETCH: u8 = 0x1c;
/// Begins the session anew.
pub const RESET_CONNECTION: u8 = 0x1f;

/// A command that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// [`CHANGE_USER`].
    ChangeUser,
    /// [`FIELD_LIST`].
    FieldList,
    /// [`INIT_DB`].
    InitDb,
    /// [`PING`].
    Ping,
    /// [`PROCESS_KILL`].
    ProcessKill,
    /// [`QUERY`].
    Query,
    /// [`QUIT`].
    Quit,
    /// [`RESET_CONNECTION`].
    ResetConnection,
    /// [`SET_OPTION`].
    SetOption,
    /// [`STATISTICS`].
    Statistics,
    /// [`STMT_CLOSE`].
    StmtClose,
    /// [`STMT_EXECUTE`].
    StmtExecute,
    /// [`STMT_FETCH`].
    StmtFetch,
    /// [`STMT_PREPARE`].
    StmtPrepare,
    /// [`STMT_RESET`].
    StmtReset,
    /// [`STMT_SEND_LONG_DATA`].
    StmtSendLongData,
}

/// Who deals with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It touches no data: it goes on as it is.
    Pass,
    /// It is judged first.
    Gate,
    /// The proxy deals with it: it names users or connections, and the client's are not the upstream's.
    Own,
}

/// A command that is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unserved {
    /// It has a name, and is refused.
    Named(&'static str),
    /// Nobody knows it.
    Unknown(u8),
    /// The packet is empty.
    Empty,
}

impl Command {
    /// The command that a client's packet begins with.
    ///
    /// # Errors
    /// A command that is not served.
    pub fn of(payload: &[u8]) -> Result<Self, Unserved> {
        let Some(code) = payload.first() else {
            return Err(Unserved::Empty);
        };
        Ok(match *code {
            QUIT => Self::Quit,
            INIT_DB => Self::InitDb,
            QUERY => Self::Query,
            FIELD_LIST => Self::FieldList,
            STATISTICS => Self::Statistics,
            PROCESS_KILL => Self::ProcessKill,
            PING => Self::Ping,
            CHANGE_USER => Self::ChangeUser,
            STMT_PREPARE => Self::StmtPrepare,
            STMT_EXECUTE => Self::StmtExecute,
            STMT_SEND_LONG_DATA => Self::StmtSendLongData,
            STMT_CLOSE => Self::StmtClose,
            STMT_RESET => Self::StmtReset,
            SET_OPTION => Self::SetOption,
            STMT_FETCH => Self::StmtFetch,
            RESET_CONNECTION => Self::ResetConnection,
            other => return Err(name(other).map_or(Unserved::Unknown(other), Unserved::Named)),
        })
    }

    /// Who deals with it.
    pub fn treatment(self) -> Treatment {
        match self {
            Self::FieldList | Self::InitDb | Self::Query | Self::StmtExecute | Self::StmtPrepare => Treatment::Gate,
            Self::ChangeUser | Self::ProcessKill => Treatment::Own,
            // Rows behind a cursor were judged when it was opened.
            Self::Ping
            | Self::Quit
            | Self::ResetConnection
            | Self::SetOption
            | Self::Statistics
            | Self::StmtClose
            | Self::StmtFetch
            | Self::StmtReset
            | Self::StmtSendLongData => Treatment::Pass,
        }
    }

    /// Servers do not answer it.
    pub fn is_silent(self) -> bool {
        matches!(self, Self::Quit | Self::StmtClose | Self::StmtSendLongData)
    }
}

/// Commands that are known and not served: they read or change the server past any statement.
fn name(code: u8) -> Option<&'static str> {
    Some(match code {
        0x00 => "COM_SLEEP",
        0x05 => "COM_CREATE_DB",
        0x06 => "COM_DROP_DB",
        0x07 => "COM_REFRESH",
        0x08 => "COM_SHUTDOWN",
        0x0a => "COM_PROCESS_INFO",
        0x0b => "COM_CONNECT",
        0x0d => "COM_DEBUG",
        0x0f => "COM_TIME",
        0x10 => "COM_DELAYED_INSERT",
        0x12 => "COM_BINLOG_DUMP",
        0x13 => "COM_TABLE_DUMP",
        0x14 => "COM_CONNECT_OUT",
        0x15 => "COM_REGISTER_SLAVE",
        0x1d => "COM_DAEMON",
        0x1e => "COM_BINLOG_DUMP_GTID",
        0x20 => "COM_CLONE",
        0x21 => "COM_SUBSCRIBE_GROUP_REPLICATION_STREAM",
        0xfa => "COM_STMT_BULK_EXECUTE",
        0xfe => "COM_MULTI",
        _ => return None,
    })
}

impl std::fmt::Display for Unserved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(name) => write!(f, "command {name} is not served here: send an SQL statement instead"),
            Self::Unknown(code) => write!(f, "command 0x{code:02x} is not known here"),
            Self::Empty => f.write_str("an empty packet is no command"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_commands_are_served() {
        let served = [1, 2, 3, 4, 9, 12, 14, 17, 22, 23, 24, 25, 26, 27, 28, 31];
        for code in 0..=u8::MAX {
            assert_eq!(Command::of(&[code]).is_ok(), served.contains(&code), "{code}");
        }
        assert_eq!(Command::of(&[]), Err(Unserved::Empty));
    }

    #[test]
    fn statements_are_gated_and_logins_are_our_own() {
        for code in [INIT_DB, QUERY, FIELD_LIST, STMT_PREPARE, STMT_EXECUTE] {
            assert_eq!(Command::of(&[code]).unwrap().treatment(), Treatment::Gate, "{code}");
        }
        for code in [CHANGE_USER, PROCESS_KILL] {
            assert_eq!(Command::of(&[code]).unwrap().treatment(), Treatment::Own, "{code}");
        }
    }

    #[test]
    fn refusals_name_the_command() {
        assert_eq!(Command::of(&[0x12]), Err(Unserved::Named("COM_BINLOG_DUMP")));
        let text = Command::of(&[0x77]).unwrap_err().to_string();
        assert_eq!(text, "command 0x77 is not known here");
    }
}
