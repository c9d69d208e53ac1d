//! ERR packets of a tainted statement: what is left of them once every text that may quote data is gone.
//!
//! Servers quote values in messages (`Duplicate entry '…'`), so nothing they wrote is edited: the text is looked up by the
//! error's number. A number can itself carry data (`SIGNAL … SET MYSQL_ERRNO`), and so can a SQLSTATE: numbers that are not
//! on the list become a general error, and the SQLSTATE is the number's own.

mod codes;

use crate::mysql::packets::error::ErrPacket;

/// Stands for an error that is not on the list.
const UNDEFINED: (u16, &str, &str) = (1105, "HY000", "error");

/// The error with its number and state, as far as they are known ones, and the number's canonical wording.
pub fn scrubbed(error: &ErrPacket<'_>) -> ErrPacket<'static> {
    let (code, state, words) = known(error.code);
    let mut sqlstate = *b"HY000";
    for (place, byte) in sqlstate.iter_mut().zip(state.bytes()) {
        *place = byte;
    }
    ErrPacket { code, sqlstate, message: words.as_bytes() }
}

/// The canonical wording of an error number, such as `duplicate entry for a unique key` for 1062; else `error`.
pub fn wording(code: u16) -> &'static str {
    known(code).2
}

fn known(code: u16) -> (u16, &'static str, &'static str) {
    codes::CONDITIONS.iter().find(|(number, _, _)| *number == code).copied().unwrap_or(UNDEFINED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_data_is_gone_and_number_and_state_stay() {
        let secret = b"Duplicate entry '123-45-6789' for key 'ssn'";
        let scrubbed = scrubbed(&ErrPacket { code: 1062, sqlstate: *b"23000", message: secret });
        assert_eq!((scrubbed.code, scrubbed.sqlstate_text()), (1062, "23000"));
        assert_eq!(scrubbed.message, b"duplicate entry for a unique key");
    }

    #[test]
    fn numbers_and_states_made_up_to_carry_data_are_coarsened() {
        let made_up = scrubbed(&ErrPacket { code: 12_345, sqlstate: *b"67891", message: b"x" });
        assert_eq!((made_up.code, made_up.sqlstate_text(), made_up.message), (1105, "HY000", &b"error"[..]));
        let state = scrubbed(&ErrPacket { code: 1062, sqlstate: *b"67891", message: b"x" });
        assert_eq!(state.sqlstate_text(), "23000");
    }

    #[test]
    fn list_is_in_order_and_every_entry_is_sound() {
        for pair in codes::CONDITIONS.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
        }
        for (code, state, words) in codes::CONDITIONS {
            assert!(state.len() == 5 && state.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{code}");
            assert!(!words.is_empty() && words.is_ascii() && !words.contains(['%', '\'', '"']), "{code}: {words}");
        }
        assert_eq!(wording(1213), "deadlock found when trying to get lock; try restarting the transaction");
        assert_eq!(wording(9), "error");
    }
}
