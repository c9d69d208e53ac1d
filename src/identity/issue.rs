//! What an agent may be called, and giving it a new secret. Making secrets is `identity/credential`.

use crate::identity::agent::Agent;
use crate::identity::credential::{native_verifier, random_secret, scram_verifier, sha256_hex};
use crate::identity::ids::PersonName;
use crate::identity::secret::Secret;

/// Longest agent name, in bytes: what PostgreSQL keeps of a user name (NAMEDATALEN - 1).
pub const AGENT_NAME_BYTES_MAX: usize = 63;

/// Gives an agent a new secret; the old one stops working. `by` becomes part of the chain that may not approve.
pub fn rotate(agent: &mut Agent, by: PersonName) -> Secret {
    let secret = random_secret();
    agent.scram_verifier = scram_verifier(&secret);
    agent.secret_sha256 = sha256_hex(secret.expose());
    agent.native_verifier = Some(native_verifier(&secret));
    agent.issued_by = by;
    secret
}

/// May an agent be called so? Letters, digits, `-`, `_`, `.` and `@`, starting with a letter or digit, at most
/// [`AGENT_NAME_BYTES_MAX`] bytes: nothing that needs quoting in a rule, a log or a terminal.
pub fn agent_name_ok(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    first
        && name.len() <= AGENT_NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::identity::credential::{NewAgent, matches_sha256, new_agent};

    #[test]
    fn rotated_agent_knows_only_the_new_secret_and_its_new_issuer() {
        let new = NewAgent { name: "bot".into(), owner: "mia".into(), issued_by: "root".into(), ..NewAgent::default() };
        let (mut agent, old) = new_agent(new, Timestamp::from_millis(0));
        let new = rotate(&mut agent, PersonName("eve".into()));
        assert!(matches_sha256(&agent.secret_sha256, new.expose()));
        assert!(!matches_sha256(&agent.secret_sha256, old.expose()));
        assert_eq!(agent.issued_by.0, "eve");
    }

    #[test]
    fn names_that_would_need_quoting_are_refused() {
        assert!(agent_name_ok("reporting-bot"));
        for name in ["", "-x", "a b", "a:b", "a/b", "ä", "a\u{202e}b", &"x".repeat(64)] {
            assert!(!agent_name_ok(name), "{name}");
        }
    }
}
