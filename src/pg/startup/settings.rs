//! Which settings a client may choose while it connects. A list of harmless ones; everything else is refused by name.

use crate::pg::startup::options::shortened;
use crate::pg::startup::{Request, StartupError};

/// Settings that neither change how SQL is read nor what a session may do. `search_path` changes where names resolve and is
/// tracked by the session, which is given its value.
const HARMLESS: [&str; 26] = [
    "client_min_messages",
    "datestyle",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "enable_bitmapscan",
    "enable_hashjoin",
    "enable_indexscan",
    "enable_mergejoin",
    "enable_nestloop",
    "enable_seqscan",
    "extra_float_digits",
    "from_collapse_limit",
    "geqo",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "intervalstyle",
    "jit",
    "join_collapse_limit",
    "lock_timeout",
    "plan_cache_mode",
    "random_page_cost",
    "search_path",
    "statement_timeout",
    "timezone",
    "transaction_timeout",
];

/// Sorts one setting into the request.
///
/// # Errors
/// Settings that are not on the list, and values that cannot be served.
pub fn admit(request: &mut Request, name: &str, value: String) -> Result<(), StartupError> {
    let name = name.to_ascii_lowercase();
    if let Some(claim) = name.strip_prefix("holdpoint.").filter(|claim| !claim.is_empty()) {
        request.claims.push((claim.to_owned(), value));
        return Ok(());
    }
    match name.as_str() {
        "application_name" => request.application_name = Some(value).filter(|name| !name.is_empty()),
        "client_encoding" if is_utf8(&value) => {}
        "client_encoding" => return Err(bad_value(name, &value, "UTF8 is the only encoding served")),
        "standard_conforming_strings" if is_on(&value) => {}
        "standard_conforming_strings" => return Err(bad_value(name, &value, "strings are always read with `on`")),
        listed if HARMLESS.contains(&listed) => request.settings.push((name, value)),
        _ => return Err(StartupError::Setting(shortened(&name))),
    }
    Ok(())
}

/// Whether a truth value says no.
pub fn is_off(value: &str) -> bool {
    ["false", "off", "no", "0", "f", "n"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

fn is_on(value: &str) -> bool {
    ["true", "on", "yes", "1"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// UTF-8 in any spelling the server takes. `SQL_ASCII` means "no conversion" and is served as UTF-8.
fn is_utf8(value: &str) -> bool {
    let letters: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    ["utf8", "unicode", "sqlascii"].iter().any(|name| letters.eq_ignore_ascii_case(name))
}

fn bad_value(name: String, value: &str, expected: &'static str) -> StartupError {
    StartupError::Value { name, value: shortened(value), expected }
}
