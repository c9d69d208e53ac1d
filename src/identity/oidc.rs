//! What a verified token of an identity provider says: which person, which groups, how sure. Whatever is missing, odd or
//! left out refuses, in words that an operator can act on.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::identity::ids::PersonName;

/// The claims of a token whose signature, issuer, audience and times have been checked.
pub type Claims = Map<String, Value>;

/// How a person of the configuration is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub person: PersonName,
    /// The provider's `sub`: stable, and never given to somebody else. If it is named, an e-mail address does not count.
    pub subject: Option<String>,
    /// The e-mail address; counts only if the provider says that it is verified.
    pub email: Option<String>,
}

/// How groups are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRule {
    /// The claim that lists them.
    pub claim: String,
    /// Our group by the provider's names for it; `None`: the provider's names are ours.
    pub map: Option<BTreeMap<String, Vec<String>>>,
    /// Taken off the front of each name, such as Keycloak's `/`.
    pub strip_prefix: Option<String>,
}

/// Why the claims let nobody in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// `sub` is missing.
    #[error("the identity provider sent no `sub`")]
    NoSubject,
    /// Nobody of the configuration.
    #[error("`people:` in the configuration names nobody with the subject {subject:?}{}", hint(email.as_deref(), *verified))]
    Unknown {
        /// `sub`.
        subject: String,
        /// `email`, if there is one.
        email: Option<String>,
        /// `email_verified` is true.
        verified: bool,
    },
    /// Two entries of the configuration fit.
    #[error("`people:` in the configuration names two people with this subject or e-mail address")]
    Ambiguous,
    /// There are so many groups that the provider left them out.
    #[error(
        "the identity provider left the groups out because there are too many: let it send app roles, or only the groups \
         assigned to this application"
    )]
    Overage,
    /// The claim is no list of names.
    #[error("the claim `{0}` is no list of names")]
    OddGroups(String),
}

fn hint(email: Option<&str>, verified: bool) -> String {
    match (email, verified) {
        (None, _) => String::new(),
        (Some(email), true) => format!(", nor with the e-mail address {email:?}"),
        (Some(_), false) => {
            ", and the e-mail address does not count because the provider does not say that it is verified".to_owned()
        }
    }
}

/// The person of the configuration that the claims speak of.
///
/// # Errors
/// See [`ClaimsError`].
pub fn person(claims: &Claims, identities: &[Identity]) -> Result<PersonName, ClaimsError> {
    let subject = text(claims, "sub").ok_or(ClaimsError::NoSubject)?;
    let email = text(claims, "email");
    let verified = claims.get("email_verified") == Some(&Value::Bool(true));
    let fits = |identity: &&Identity| match &identity.subject {
        Some(known) => *known == subject,
        None => {
            let known = identity.email.as_deref();
            verified
                && email.is_some()
                && known.zip(email).is_some_and(|(known, sent)| known.eq_ignore_ascii_case(sent))
        }
    };
    let mut found = identities.iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(identity), None) => Ok(identity.person.clone()),
        (Some(_), Some(_)) => Err(ClaimsError::Ambiguous),
        (None, _) => {
            Err(ClaimsError::Unknown { subject: subject.to_owned(), email: email.map(str::to_owned), verified })
        }
    }
}

/// Our groups that the claims give.
///
/// # Errors
/// See [`ClaimsError`]: groups that were left out are not no groups.
pub fn groups(claims: &Claims, rule: &GroupRule) -> Result<Vec<String>, ClaimsError> {
    let elsewhere = claims.get("_claim_names").and_then(Value::as_object);
    if elsewhere.is_some_and(|names| names.contains_key(&rule.claim)) || claims.contains_key("hasgroups") {
        return Err(ClaimsError::Overage);
    }
    let odd = || ClaimsError::OddGroups(rule.claim.clone());
    let sent: Vec<&str> = match claims.get(&rule.claim) {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().map(|name| name.as_str().ok_or_else(odd)).collect::<Result<_, _>>()?,
        Some(_) => return Err(odd()),
    };
    let prefix = rule.strip_prefix.as_deref().unwrap_or_default();
    let sent: Vec<&str> = sent.into_iter().map(|name| name.strip_prefix(prefix).unwrap_or(name)).collect();
    let Some(map) = &rule.map else { return Ok(sent.into_iter().map(str::to_owned).collect()) };
    let named = |names: &Vec<String>| names.iter().any(|name| sent.contains(&name.as_str()));
    Ok(map.iter().filter(|(_, names)| named(names)).map(|(ours, _)| ours.clone()).collect())
}

/// How sure the provider is: `oidc+mfa` if it says that more than one factor was used, else `oidc`.
pub fn assurance(claims: &Claims) -> &'static str {
    let methods = claims.get("amr").and_then(Value::as_array);
    let many = methods.is_some_and(|methods| methods.iter().any(|method| method.as_str() == Some("mfa")));
    if many { "oidc+mfa" } else { "oidc" }
}

/// A claim that is a text.
pub fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    fn identities() -> Vec<Identity> {
        let identity = |person: &str, subject: Option<&str>, email: Option<&str>| Identity {
            person: PersonName(person.into()),
            subject: subject.map(str::to_owned),
            email: email.map(str::to_owned),
        };
        vec![
            identity("dana", Some("s-dana"), Some("dana@example.com")),
            identity("erik", None, Some("erik@example.com")),
            identity("local", None, None),
        ]
    }

    #[test]
    fn a_person_is_known_by_subject_or_by_a_verified_address() {
        let found = |value: Value| person(&claims(value), &identities()).map(|person| person.0);
        assert_eq!(found(json!({"sub": "s-dana"})), Ok("dana".into()));
        assert_eq!(found(json!({"sub": "x", "email": "Erik@Example.com", "email_verified": true})), Ok("erik".into()));
        for nobody in [
            json!({"sub": "x", "email": "erik@example.com"}),
            json!({"sub": "x", "email": "erik@example.com", "email_verified": false}),
            json!({"sub": "x", "email": "erik@example.com", "email_verified": "true"}),
            json!({"sub": "x", "email": "dana@example.com", "email_verified": true}),
            json!({"sub": "x", "email_verified": true}),
            json!({"sub": "dana"}),
        ] {
            assert!(matches!(found(nobody.clone()), Err(ClaimsError::Unknown { .. })), "{nobody}");
        }
        assert_eq!(found(json!({"email": "erik@example.com", "email_verified": true})), Err(ClaimsError::NoSubject));
        let twice = [identities(), identities()].concat();
        assert_eq!(person(&claims(json!({"sub": "s-dana"})), &twice), Err(ClaimsError::Ambiguous));
    }

    #[test]
    fn groups_are_mapped_and_a_left_out_list_refuses() {
        let map = BTreeMap::from([("dba".to_owned(), vec!["guid-1".to_owned(), "guid-2".to_owned()])]);
        let rule = GroupRule { claim: "groups".into(), map: Some(map), strip_prefix: None };
        let read = |rule: &GroupRule, value: Value| groups(&claims(value), rule);
        assert_eq!(read(&rule, json!({"groups": ["guid-2", "dba"]})), Ok(vec!["dba".to_owned()]));
        assert_eq!(read(&rule, json!({"groups": ["dba"]})), Ok(vec![]), "only what is mapped");
        assert_eq!(read(&rule, json!({})), Ok(vec![]));
        let plain = GroupRule { map: None, strip_prefix: Some("/".into()), ..rule.clone() };
        assert_eq!(read(&plain, json!({"groups": ["/dba", "ops"]})), Ok(vec!["dba".to_owned(), "ops".to_owned()]));
        assert_eq!(read(&rule, json!({"_claim_names": {"groups": "src1"}})), Err(ClaimsError::Overage));
        assert_eq!(read(&rule, json!({"hasgroups": true})), Err(ClaimsError::Overage));
        for odd in [json!({"groups": 7}), json!({"groups": [7]}), json!({"groups": {"a": 1}})] {
            assert_eq!(read(&rule, odd), Err(ClaimsError::OddGroups("groups".into())));
        }
    }

    #[test]
    fn more_than_one_factor_is_said_by_the_provider() {
        assert_eq!(assurance(&claims(json!({"amr": ["pwd", "mfa"]}))), "oidc+mfa");
        assert_eq!(assurance(&claims(json!({"amr": ["pwd"]}))), "oidc");
        assert_eq!(assurance(&claims(json!({}))), "oidc");
    }
}
