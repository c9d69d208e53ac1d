//! Cookies: the session's, and those that tie the sign-in form and the way to the identity provider and back to one
//! browser. Over HTTPS all carry the `__Host-` prefix (RFC 6265bis §4.1.3.2): no other host or path can set them.

use axum::http::{HeaderMap, HeaderValue, header};

/// Longest value that is looked at.
const BYTES_MAX: usize = 4000;

/// Which cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// A signed-in session. `Lax`: whoever follows a link out of a chat is still signed in.
    Session,
    /// The sign-in form's. `Strict`.
    Form,
    /// That of a sign-in under way at the identity provider; it comes back from another site, so `Lax`. Ten minutes.
    Flow,
}

impl Cookie {
    fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Session, true) => "__Host-holdpoint",
            (Self::Session, false) => "holdpoint",
            (Self::Form, true) => "__Host-holdpoint-form",
            (Self::Form, false) => "holdpoint-form",
            (Self::Flow, true) => "__Host-holdpoint-flow",
            (Self::Flow, false) => "holdpoint-flow",
        }
    }

    /// Its value, if it was sent once. Two of a name are one too many: one of them is not ours.
    pub fn read(self, headers: &HeaderMap, secure: bool) -> Option<String> {
        let name = self.name(secure);
        let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut found = pairs.flat_map(|value| value.split(';')).filter_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then(|| value.to_owned())
        });
        let value = found.next()?;
        (found.next().is_none() && !value.is_empty() && value.len() <= BYTES_MAX).then_some(value)
    }

    /// Sets it until the browser ends. Values are base64 and need no quoting.
    pub fn set(self, value: &str, secure: bool) -> Option<HeaderValue> {
        self.header(value, if self == Self::Flow { "; Max-Age=600" } else { "" }, secure)
    }

    /// Takes it away.
    pub fn clear(self, secure: bool) -> Option<HeaderValue> {
        self.header("", "; Max-Age=0", secure)
    }

    fn header(self, value: &str, more: &str, secure: bool) -> Option<HeaderValue> {
        let site = match self {
            Self::Session | Self::Flow => "Lax",
            Self::Form => "Strict",
        };
        let (name, only) = (self.name(secure), if secure { "; Secure" } else { "" });
        HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite={site}{only}{more}")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(text).unwrap())])
    }

    #[test]
    fn a_cookie_is_read_by_its_exact_name_and_only_if_it_is_alone() {
        let read = |text: &str, secure| Cookie::Session.read(&sent(text), secure);
        assert_eq!(read("a=b; __Host-holdpoint=x; c=d", true), Some("x".into()));
        assert_eq!(read("holdpoint=x", true), None, "without the prefix anybody on the host may have set it");
        assert_eq!(read("holdpoint=x; holdpoint=y", false), None);
        assert_eq!(read("holdpoint=", false), None);
        assert_eq!(read("holdpoint-form=x", false), None);
    }

    #[test]
    fn cookies_are_out_of_reach_of_scripts_and_other_sites() {
        let set = Cookie::Session.set("v", true).unwrap();
        assert_eq!(set, "__Host-holdpoint=v; Path=/; HttpOnly; SameSite=Lax; Secure");
        let set = Cookie::Form.set("v", false).unwrap();
        assert_eq!(set, "holdpoint-form=v; Path=/; HttpOnly; SameSite=Strict");
        assert!(Cookie::Session.clear(true).unwrap().to_str().unwrap().ends_with("; Max-Age=0"));
    }
}
