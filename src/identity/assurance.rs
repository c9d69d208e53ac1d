//! How sure we are who decides. Rules may demand a least one; what is not known is the lowest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a person proved who they are, from weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Assurance {
    /// By a bearer token, which may lie in a file.
    #[serde(rename = "token")]
    Token,
    /// By a password at the page.
    #[serde(rename = "password")]
    Password,
    /// By the identity provider.
    #[serde(rename = "oidc")]
    Oidc,
    /// By the identity provider, with more than one factor.
    #[serde(rename = "oidc+mfa")]
    OidcMfa,
}

impl Assurance {
    /// All of them, weakest first.
    pub const ALL: [Self; 4] = [Self::Token, Self::Password, Self::Oidc, Self::OidcMfa];

    /// Its name in rules, decisions and the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Password => "password",
            Self::Oidc => "oidc",
            Self::OidcMfa => "oidc+mfa",
        }
    }

    /// Is what a decision carries at least this? A name that is not known here, such as a chat's, is less than all.
    pub fn is_met_by(self, carried: &str) -> bool {
        Self::ALL.into_iter().find(|one| one.as_str() == carried).is_some_and(|carried| carried >= self)
    }
}

impl std::fmt::Display for Assurance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stronger_will_do_and_what_is_not_known_will_not() {
        assert!(Assurance::Oidc.is_met_by("oidc") && Assurance::Oidc.is_met_by("oidc+mfa"));
        assert!(!Assurance::Oidc.is_met_by("password") && !Assurance::Password.is_met_by("token"));
        assert!(!Assurance::Token.is_met_by("chat") && !Assurance::Token.is_met_by(""));
        for one in Assurance::ALL {
            assert_eq!(serde_json::to_value(one).unwrap(), one.as_str());
        }
    }
}
