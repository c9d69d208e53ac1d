//! Answers as servers give them, packet by packet, under either agreement; and servers that lie.

use super::*;

const OLD: Capabilities = Capabilities::LOCAL_FILES;
const NEW: Capabilities = OLD.with(Capabilities::DEPRECATE_EOF);
const COLUMN: &[u8] = b"\x03def\0\0\0\x01a\0\x0c\x3f\0\x01\0\0\0\x08\x81\0\0\0\0";
const EOF_PLAIN: &[u8] = b"\xfe\0\0\x02\0";
const EOF_MORE: &[u8] = b"\xfe\0\0\x0a\0";
const EOF_CURSOR: &[u8] = b"\xfe\0\0\x42\0";
const OK_END: &[u8] = b"\xfe\0\0\x02\0\0\0";
const OK_END_MORE: &[u8] = b"\xfe\0\0\x0a\0\0\0";
const OK_END_CURSOR: &[u8] = b"\xfe\0\0\x42\0\0\0";
const OK_PLAIN: &[u8] = b"\0\0\0\x02\0\0\0";
const OK_MORE: &[u8] = b"\0\0\0\x0a\0\0\0";
const ERROR: &[u8] = b"\xff\x7a\x04#42S02Table 'shop.x' doesn't exist";

/// One word per packet; the answer must be done after the last one and not before.
fn run(command: Command, capabilities: Capabilities, packets: &[&[u8]]) -> Result<String, WireError> {
    let mut answer = Answer::to(command, capabilities);
    let mut words = Vec::new();
    for packet in packets {
        assert!(!answer.is_done(), "done before {packet:?}");
        words.push(match answer.take(packet)? {
            Part::Ok(_) => "ok",
            Part::Error(_) => "error",
            Part::Progress(_) => "progress",
            Part::ColumnCount(_) => "count",
            Part::Column(_) => "column",
            Part::ColumnsEnd(_) => "columns-end",
            Part::TextRow => "text",
            Part::BinaryRow => "binary",
            Part::RowsEnd(_) => "end",
            Part::LocalFile(_) => "file",
            Part::Prepared(_) => "prepared",
            Part::Parameter(_) => "parameter",
            Part::ParametersEnd(_) => "parameters-end",
            Part::Line(_) => "line",
            Part::Login(_) => "login",
        });
    }
    assert!(answer.is_done(), "not done after {words:?}");
    Ok(words.join(" "))
}

#[test]
fn answers_are_told_apart_by_state() {
    let row = &b"\x011"[..];
    let table: &[(Command, Capabilities, &[&[u8]], &str)] = &[
        (Command::Query, OLD, &[OK_PLAIN], "ok"),
        (Command::Query, OLD, &[ERROR], "error"),
        (Command::Query, OLD, &[b"\x01", COLUMN, EOF_PLAIN, row, EOF_PLAIN], "count column columns-end text end"),
        (Command::Query, NEW, &[b"\x01", COLUMN, row, OK_END], "count column text end"),
        (Command::Query, NEW, &[b"\x01", COLUMN, OK_END], "count column end"),
        (Command::Query, NEW, &[b"\x01", COLUMN, row, ERROR], "count column text error"),
        (Command::Query, OLD, &[OK_MORE, OK_PLAIN], "ok ok"),
        (
            Command::Query,
            NEW,
            &[b"\x01", COLUMN, OK_END_MORE, b"\x02", COLUMN, COLUMN, b"\x01a\xfb", OK_END_MORE, OK_PLAIN],
            "count column end count column column text end ok",
        ),
        (Command::Query, OLD, &[b"\x01", COLUMN, EOF_PLAIN, EOF_MORE, ERROR], "count column columns-end end error"),
        (Command::Query, OLD, &[b"\xfbdata.csv", OK_PLAIN], "file ok"),
        (Command::Query, OLD, &[b"\xfbdata.csv", ERROR], "file error"),
        (Command::StmtExecute, NEW, &[OK_PLAIN], "ok"),
        (Command::StmtExecute, NEW, &[b"\x01", COLUMN, b"\0\0\x01", OK_END], "count column binary end"),
        (Command::StmtExecute, NEW, &[b"\x01", COLUMN, OK_END_CURSOR], "count column end"),
        (Command::StmtExecute, OLD, &[b"\x01", COLUMN, EOF_CURSOR], "count column columns-end"),
        (
            Command::StmtExecute,
            OLD,
            &[b"\x01", COLUMN, EOF_PLAIN, b"\0\0\x01", EOF_PLAIN],
            "count column columns-end binary end",
        ),
        (Command::StmtFetch, OLD, &[b"\0\0\x01", b"\0\0\x02", EOF_CURSOR], "binary binary end"),
        (Command::StmtFetch, NEW, &[b"\0\0\x01", b"\xfe\0\0\xc2\0\0\0"], "binary end"),
        (Command::StmtPrepare, OLD, &[b"\0\x01\0\0\0\0\0\0\0\0\0\0"], "prepared"),
        (
            Command::StmtPrepare,
            OLD,
            &[b"\0\x01\0\0\0\x01\0\x02\0\0\0\0", COLUMN, COLUMN, EOF_PLAIN, COLUMN, EOF_PLAIN],
            "prepared parameter parameter parameters-end column columns-end",
        ),
        (
            Command::StmtPrepare,
            NEW,
            &[b"\0\x01\0\0\0\x02\0\x01\0\0\0\0", COLUMN, COLUMN, COLUMN],
            "prepared parameter column column",
        ),
        (Command::StmtPrepare, NEW, &[b"\0\x01\0\0\0\0\0\x01\0\0\0\0", COLUMN], "prepared parameter"),
        (Command::StmtPrepare, NEW, &[ERROR], "error"),
        (Command::FieldList, OLD, &[COLUMN, COLUMN, EOF_PLAIN], "column column columns-end"),
        (Command::FieldList, NEW, &[COLUMN, OK_END], "column columns-end"),
        (Command::FieldList, NEW, &[ERROR], "error"),
        (Command::Statistics, OLD, &[b"Uptime: 7"], "line"),
        (Command::Ping, NEW, &[OK_PLAIN], "ok"),
        (Command::SetOption, OLD, &[EOF_PLAIN], "ok"),
        (Command::SetOption, NEW, &[OK_END], "ok"),
        (Command::ChangeUser, OLD, &[b"\xfemysql_native_password\0abc\0", OK_PLAIN], "login ok"),
        (Command::ChangeUser, OLD, &[b"\x01\x04", OK_PLAIN], "login ok"),
        (Command::StmtClose, OLD, &[], ""),
        (Command::StmtSendLongData, OLD, &[], ""),
    ];
    for (command, capabilities, packets, words) in table {
        assert_eq!(run(*command, *capabilities, packets).as_deref(), Ok(*words), "{command:?} {packets:?}");
    }
}

#[test]
fn rows_that_begin_like_something_else_are_rows() {
    let mut long = vec![0xfe];
    long.extend_from_slice(&0x100_0000_u64.to_le_bytes());
    long.resize(9 + 0x100_0000, b'x');
    for capabilities in [OLD, NEW] {
        let mut answer = Answer::to(Command::Query, capabilities);
        answer.take(b"\x01").unwrap();
        answer.take(COLUMN).unwrap();
        if capabilities == OLD {
            answer.take(EOF_PLAIN).unwrap();
        }
        for row in [&b"\0"[..], b"\xfb", b"\xfc\x01\0a", &long] {
            assert_eq!(answer.take(row), Ok(Part::TextRow), "{:?}", &row[..1]);
        }
        assert!(answer.in_rows());
    }
}

#[test]
fn end_of_rows_tells_what_changed() {
    let tracked = NEW.with(Capabilities::SESSION_TRACK);
    let mut answer = Answer::to(Command::Query, tracked);
    answer.take(b"\x01").unwrap();
    answer.take(COLUMN).unwrap();
    let Ok(Part::RowsEnd(end)) = answer.take(b"\xfe\0\0\x02\x40\0\0\0\x07\x01\x05\x04shop") else {
        panic!("no end of rows")
    };
    assert_eq!(end.session_state, b"\x01\x05\x04shop");
}

#[test]
fn servers_that_lie_are_caught() {
    let table: &[(Command, Capabilities, &[&[u8]], &str)] = &[
        (Command::Query, OLD, &[b""], "OK, ERR or a number of columns expected, an empty packet found"),
        (Command::Query, OLD, &[b"\x01", b"\x011"], "a column definition expected, packet 0x01 found"),
        (Command::Query, OLD, &[b"\x01", COLUMN, COLUMN], "an EOF packet expected, packet 0x03 found"),
        (Command::Query, OLD, &[b"\xfd\xff\xff\xff"], "number of columns: 1 to 4096 columns expected, 16777215 found"),
        (Command::Query, OLD, &[b"\x01\x01"], "number of columns: end of packet expected, 1 more bytes found"),
        (Command::StmtExecute, NEW, &[b"\xfbdata.csv"], "number of columns: a length expected, 251 found"),
        (
            Command::Query,
            NEW.without(Capabilities::LOCAL_FILES),
            &[b"\xfb/etc/passwd"],
            "number of columns: a length expected, 251 found",
        ),
        (
            Command::StmtExecute,
            NEW,
            &[b"\x01", COLUMN, b"\x011"],
            "a row or the end of rows expected, packet 0x01 found",
        ),
        (Command::Ping, NEW, &[b"\x01"], "OK or ERR expected, packet 0x01 found"),
        (Command::Ping, NEW, &[b"\xfb/etc/passwd"], "OK or ERR expected, packet 0xfb found"),
        (Command::Query, OLD, &[b"\xfbdata.csv", b"\xfbother.csv"], "OK or ERR expected, packet 0xfb found"),
        (Command::StmtPrepare, NEW, &[b"\0\x01"], "COM_STMT_PREPARE_OK: 4 more bytes expected, 1 found"),
        (Command::StmtFetch, NEW, &[b"\x03def"], "a row or the end of rows expected, packet 0x03 found"),
    ];
    for (command, capabilities, packets, text) in table {
        let mut answer = Answer::to(*command, *capabilities);
        let (last, before) = packets.split_last().unwrap();
        before.iter().for_each(|packet| assert!(answer.take(packet).is_ok(), "{packet:?}"));
        assert_eq!(answer.take(last).unwrap_err().to_string(), *text);
        assert!(answer.take(OK_PLAIN).is_err() && !answer.is_done(), "what comes after a lie does not count");
    }
}

#[test]
fn nothing_may_follow_the_end() {
    let mut answer = Answer::to(Command::Ping, NEW);
    answer.take(OK_PLAIN).unwrap();
    assert!(answer.is_done());
    assert!(answer.take(OK_PLAIN).is_err());
}

#[test]
fn progress_is_an_error_unless_it_was_agreed() {
    let report = b"\xff\xff\xff\x01\x01\x02\0\0\0\x04copy";
    let mut answer = Answer::to(Command::Query, NEW.with(Capabilities::PROGRESS));
    assert_eq!(answer.take(report), Ok(Part::Progress(report)));
    assert!(!answer.is_done());
    let mut answer = Answer::to(Command::Query, NEW);
    assert!(matches!(answer.take(report), Ok(Part::Error(_))) && answer.is_done());
}

proptest::proptest! {
    #[test]
    fn taking_anything_never_panics(packets: Vec<Vec<u8>>, new: bool, which in 0_usize..6) {
        let commands = [Command::Query, Command::StmtExecute, Command::StmtPrepare, Command::StmtFetch, Command::FieldList, Command::ChangeUser];
        let mut answer = Answer::to(commands[which], if new { NEW } else { OLD });
        for packet in &packets {
            let _ = answer.take(packet);
        }
    }
}
