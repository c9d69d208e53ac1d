//! The digest that ties an approval to exactly one thing to run (DESIGN §2.2).
//!
//! Every field goes in behind its length, every list behind its count, so two different inputs never hash the same bytes.

use std::sync::Arc;

use sha2::{Digest, Sha256};

/// One bound parameter: type OID (0 if unspecified), value (`None` is NULL), format code (0 text, 1 binary).
pub type BoundParameter<'a> = (u32, Option<&'a [u8]>, i16);

/// All that an approver's yes is bound to.
#[derive(Clone, Copy, Debug)]
pub struct DigestInput<'a> {
    /// The statement's exact bytes, less a recognised trailing sqlcommenter block.
    pub statement_bytes: &'a [u8],
    /// Parameters as they will be sent.
    pub parameters: &'a [BoundParameter<'a>],
    /// The agent.
    pub agent: &'a str,
    /// The key under `databases:`.
    pub upstream: &'a str,
    /// The server's name of the database.
    pub database: &'a str,
    /// The role in force.
    pub role: &'a str,
    /// Schemas searched, in order.
    pub search_path: &'a [Arc<str>],
    /// Settings that change reading, such as `standard_conforming_strings`; their order does not matter.
    pub settings: &'a [(&'a str, &'a str)],
    /// Content hash of the rules.
    pub rules_version: &'a str,
}

/// Hex SHA-256 over all of `input`.
pub fn digest(input: &DigestInput<'_>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"holdpoint approval digest 1\n");
    field(&mut hasher, input.statement_bytes);
    count(&mut hasher, input.parameters.len());
    for (oid, value, format) in input.parameters {
        hasher.update(oid.to_be_bytes());
        hasher.update(format.to_be_bytes());
        match value {
            None => hasher.update([0]),
            Some(bytes) => {
                hasher.update([1]);
                field(&mut hasher, bytes);
            }
        }
    }
    surroundings(&mut hasher, input);
    hex::encode(hasher.finalize())
}

/// The same without the values of parameters: what a grant is bound to. Their number and types count.
pub fn shape_digest(input: &DigestInput<'_>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"holdpoint shape digest 1\n");
    field(&mut hasher, input.statement_bytes);
    count(&mut hasher, input.parameters.len());
    for (oid, _, _) in input.parameters {
        hasher.update(oid.to_be_bytes());
    }
    surroundings(&mut hasher, input);
    hex::encode(hasher.finalize())
}

/// Who, where, with which settings, by which rules.
fn surroundings(hasher: &mut Sha256, input: &DigestInput<'_>) {
    for text in [input.agent, input.upstream, input.database, input.role] {
        field(hasher, text.as_bytes());
    }
    count(hasher, input.search_path.len());
    for schema in input.search_path {
        field(hasher, schema.as_bytes());
    }
    let mut settings = input.settings.to_vec();
    settings.sort_unstable();
    count(hasher, settings.len());
    for (name, value) in settings {
        field(hasher, name.as_bytes());
        field(hasher, value.as_bytes());
    }
    field(hasher, input.rules_version.as_bytes());
}

fn field(hasher: &mut Sha256, bytes: &[u8]) {
    count(hasher, bytes.len());
    hasher.update(bytes);
}

fn count(hasher: &mut Sha256, count: usize) {
    hasher.update(u64::try_from(count).unwrap_or(u64::MAX).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn base<'a>(path: &'a [Arc<str>], parameters: &'a [BoundParameter<'a>]) -> DigestInput<'a> {
        DigestInput {
            statement_bytes: b"SELECT 1",
            parameters,
            agent: "bot",
            upstream: "shop",
            database: "shop",
            role: "app",
            search_path: path,
            settings: &[("client_encoding", "UTF8"), ("standard_conforming_strings", "on")],
            rules_version: "r1",
        }
    }

    #[test]
    fn every_field_changes_the_digest() {
        let path: Vec<Arc<str>> = vec![Arc::from("a"), Arc::from("b")];
        let joined: Vec<Arc<str>> = vec![Arc::from("ab")];
        let plain = base(&path, &[]);
        let all = [
            digest(&plain),
            digest(&DigestInput { statement_bytes: b"SELECT  1", ..plain }),
            digest(&DigestInput { parameters: &[(25, None, 0)], ..plain }),
            digest(&DigestInput { parameters: &[(25, Some(b""), 0)], ..plain }),
            digest(&DigestInput { parameters: &[(25, Some(b""), 1)], ..plain }),
            digest(&DigestInput { parameters: &[(17, Some(b""), 0)], ..plain }),
            digest(&DigestInput { agent: "bo", upstream: "tshop", ..plain }),
            digest(&DigestInput { upstream: "crm", ..plain }),
            digest(&DigestInput { database: "crm", ..plain }),
            digest(&DigestInput { role: "admin", ..plain }),
            digest(&DigestInput { search_path: &joined, ..plain }),
            digest(&DigestInput { settings: &[("standard_conforming_strings", "off")], ..plain }),
            digest(&DigestInput { rules_version: "r2", ..plain }),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn a_shape_is_the_digest_without_values() {
        let path: Vec<Arc<str>> = vec![Arc::from("a")];
        let with = |value: Option<&'static [u8]>, oid: u32| {
            let parameters = [(oid, value, 0)];
            shape_digest(&base(&path, &parameters))
        };
        assert_eq!(with(Some(b"1"), 23), with(None, 23));
        assert_ne!(with(Some(b"1"), 23), with(Some(b"1"), 25));
        let plain = base(&path, &[]);
        assert_ne!(shape_digest(&plain), with(None, 23));
        assert_ne!(shape_digest(&plain), digest(&plain));
        for other in [
            DigestInput { statement_bytes: b"SELECT 2", ..plain },
            DigestInput { agent: "bat", ..plain },
            DigestInput { role: "admin", ..plain },
            DigestInput { rules_version: "r2", ..plain },
            DigestInput { search_path: &[], ..plain },
        ] {
            assert_ne!(shape_digest(&other), shape_digest(&plain));
        }
    }

    #[test]
    fn order_of_settings_does_not_matter() {
        let plain = base(&[], &[]);
        let turned = [("standard_conforming_strings", "on"), ("client_encoding", "UTF8")];
        assert_eq!(digest(&plain), digest(&DigestInput { settings: &turned, ..plain }));
    }
}
