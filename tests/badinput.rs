//! Bad input at the running program, from clients before and after login and from a malicious server: a clear error, bounded
//! memory, no panic, and nobody else harmed.

#![allow(
    clippy::duplicate_mod,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    dead_code,
    reason = "a test crate: a panic is a finding, and each kind of server brings its own throw-away files"
)]

#[path = "badinput/after_login.rs"]
mod after_login;
#[path = "badinput/before_login.rs"]
mod before_login;
#[path = "support/holdpoint.rs"]
mod holdpoint;
#[path = "support/liar.rs"]
mod liar;
#[path = "badinput/load.rs"]
mod load;
#[path = "badinput/mysql.rs"]
mod mysql;
#[path = "support/mysql.rs"]
mod mysql_server;
#[path = "support/raw.rs"]
mod raw;
#[path = "support/raw_mysql.rs"]
mod raw_mysql;
#[path = "support/sample.rs"]
mod sample;
#[path = "support/sample_mysql.rs"]
mod sample_mysql;
#[path = "support/postgres.rs"]
mod server;
#[path = "badinput/upstream.rs"]
mod upstream;

use holdpoint::{AGENT, Holdpoint, Setup};
use raw::Raw;

/// A proxy that answers pending holds soon.
async fn stage() -> Holdpoint {
    Holdpoint::start(Setup::rules(sample::rules().replace("hold: 20s", "hold: 300ms"))).await
}

/// Somebody else, who must not notice anything.
struct Bystander {
    raw: Raw,
    asked: u32,
}

impl Bystander {
    async fn of(stage: &Holdpoint) -> Self {
        Self { raw: Raw::login(stage.port, AGENT, &stage.keys.agent).await, asked: 0 }
    }

    /// Still served, and nothing has panicked.
    async fn is_well(&mut self, stage: &Holdpoint, after: &str) {
        self.asked += 1;
        let answer = self.raw.query(&format!("SELECT {}", self.asked)).await;
        assert_eq!(raw::texts(&answer), [self.asked.to_string()], "after {after}\n{}", stage.log());
        assert!(!stage.log().contains("panicked"), "after {after}: {}", stage.log());
    }
}

/// The SQLSTATE that a connection ended with; it must have ended.
async fn last_words(mut raw: Raw) -> Option<String> {
    raw::error_code(&raw.until_end().await)
}
