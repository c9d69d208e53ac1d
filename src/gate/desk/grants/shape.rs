//! What a grant is bound to: everything a release is bound to but the values of parameters. Of those it keeps salted
//! hashes, to know the approved ones again without holding them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::gate::digest::{BoundParameter, DigestInput, shape_digest};

/// See the module. Never shown: short values could be guessed from their hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Hex SHA-256 over all but values.
    pub digest: String,
    /// Goes into every hash below.
    pub salt: String,
    /// Of each parameter's value.
    pub parameters: Vec<String>,
}

impl Shape {
    /// The shape of a statement with these parameters.
    pub fn of(input: &DigestInput<'_>, salt: &str) -> Self {
        let hashed = |(index, value): (usize, &BoundParameter<'_>)| hash(salt, index, value);
        let parameters = input.parameters.iter().enumerate().map(hashed).collect();
        Self { digest: shape_digest(input), salt: salt.to_owned(), parameters }
    }

    /// Is this the value that was approved for this parameter?
    pub fn is_same(&self, index: usize, value: &BoundParameter<'_>) -> bool {
        self.parameters.get(index).is_some_and(|kept| *kept == hash(&self.salt, index, value))
    }
}

fn hash(salt: &str, index: usize, (_, value, format): &BoundParameter<'_>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(format!("holdpoint parameter 1\n{salt}\n{index}\n{format}\n"));
    match value {
        None => hasher.update([0]),
        Some(bytes) => {
            hasher.update([1]);
            hasher.update(bytes);
        }
    }
    hex::encode(hasher.finalize())
}
