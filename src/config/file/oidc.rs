//! `oidc:` and how people are recognised: raw -> checked.

use crate::config::file::Check;
use crate::config::oidc::OidcConfig;
use crate::config::raw::oidc::OidcRaw;
use crate::config::raw::{ConfigFile, PersonRaw};
use crate::identity::ids::PersonName;
use crate::identity::oidc::{GroupRule, Identity};
use crate::policy::yaml::Step;

impl Check<'_> {
    /// The provider, if there is one; the outer `None` says that a fault is noted.
    pub(super) fn oidc(&mut self, file: &ConfigFile) -> Option<Option<OidcConfig>> {
        let Some(raw) = &file.oidc else { return Some(None) };
        let at = |key: &'static str| [Step::Key("oidc"), Step::Key(key)];
        let host = host(&raw.issuer);
        let secure = raw.issuer.starts_with("https://");
        let near = host.is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
        if host.is_none() || !(secure || near) {
            let fix = Some("write it as `https://login.example.com`, exactly as the provider does");
            self.fault(&at("issuer"), format!("`{}` is not an issuer to trust", raw.issuer), fix);
        }
        if raw.client_id.is_empty() {
            self.fault(&at("client_id"), "`client_id` is empty", None);
        }
        if raw.audience.as_deref() == Some(raw.client_id.as_str()) {
            let fix = Some("give the API an audience of its own at the provider");
            self.fault(&at("audience"), "ID tokens have this audience; they are no access tokens", fix);
        }
        let at = [Step::Key("oidc")];
        let secret = self.secret(&at, "client_secret", &raw.client_secret, &raw.client_secret_file)?;
        let scopes = raw.scopes.clone().unwrap_or_else(|| vec!["profile".to_owned(), "email".to_owned()]);
        Some(Some(OidcConfig {
            issuer: raw.issuer.clone(),
            client_id: raw.client_id.clone(),
            client_secret: secret,
            name: raw.name.clone().unwrap_or_else(|| host.unwrap_or("single sign-on").to_owned()),
            scopes: scopes.into_iter().filter(|scope| scope != "openid").collect(),
            groups: groups(raw),
            identities: file.people.iter().map(identity).collect(),
            audience: raw.audience.clone(),
            max_age: raw.max_age.map(|span| span.0),
            acr_values: raw.acr_values.clone(),
            ca: raw.ca.as_deref().map(|file| self.path(file)),
        }))
    }
}

fn groups(raw: &OidcRaw) -> GroupRule {
    GroupRule {
        claim: raw.groups_claim.clone().unwrap_or_else(|| "groups".to_owned()),
        map: raw.groups.clone(),
        strip_prefix: raw.strip_prefix.clone(),
    }
}

/// A name that is an address is the person's e-mail address, unless another one is given.
fn identity(raw: &PersonRaw) -> Identity {
    let email = raw.email.clone().or_else(|| raw.name.contains('@').then(|| raw.name.clone()));
    Identity { person: PersonName(raw.name.clone()), subject: raw.subject.clone(), email }
}

fn host(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next().filter(|authority| !authority.is_empty() && !authority.contains('@'))?;
    let clean = url.chars().all(|c| c.is_ascii_graphic() && !"\"<>`\\?#".contains(c));
    if !clean || !matches!(scheme, "http" | "https") {
        return None;
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => Some(host),
        _ => Some(authority),
    }
}
