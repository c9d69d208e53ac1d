//! A browser without scripts: keeps cookies, follows no redirect by itself, fills in forms as the page wrote them.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use holdpoint::identity::ids::PersonName;
use holdpoint::identity::password::{Login, hash};
use holdpoint::identity::secret::Secret;
use holdpoint::identity::store::LoginStore;

use crate::rig::Rig;

pub const PASSWORD: &str = "several words in a row";

/// One page as it came.
pub struct Page {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Page {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The values of the hidden fields of the form that has this action, the first one.
    pub fn hidden(&self, action: &str) -> BTreeMap<String, String> {
        let start = self
            .text
            .find(&format!("action=\"{action}\""))
            .unwrap_or_else(|| panic!("no form {action}: {}", self.text));
        let form = self.text[start..].split("</form>").next().unwrap();
        let fields = form.split("<input type=\"hidden\" ").skip(1).map(|field| {
            let value =
                |name: &str| field.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
            (value("name"), value("value"))
        });
        fields.collect()
    }

    pub fn has(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}

/// Somebody's browser.
#[derive(Default)]
pub struct Browser {
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    pub async fn get(&mut self, rig: &Rig, path: &str) -> Page {
        self.send(rig, "GET", path, &[], String::new()).await
    }

    /// Sends a form as the page wrote it, with these fields on top.
    pub async fn submit(&mut self, rig: &Rig, page: &Page, action: &str, fields: &[(&str, &str)]) -> Page {
        let mut all = page.hidden(action);
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let fields: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(rig, action, &fields, &[("origin", "https://holdpoint.test")]).await
    }

    pub async fn post(&mut self, rig: &Rig, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Page {
        let escape = |text: &str| {
            let bytes = text.bytes().map(|byte| match byte.is_ascii_alphanumeric() {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            });
            bytes.collect::<String>()
        };
        let pairs = fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        self.send(rig, "POST", path, &all, body).await
    }

    async fn send(&mut self, rig: &Rig, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Page {
        let mut request = Request::builder().method(method).uri(path);
        if !self.cookies.is_empty() {
            let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
            request = request.header("cookie", pairs.collect::<Vec<_>>().join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, body) = rig.answer(request.body(Body::from(body)).unwrap()).await.into_parts();
        for cookie in parts.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            match cookie.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        Page { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    /// Tries to sign in by the form.
    pub async fn sign_in(&mut self, rig: &Rig, name: &str, password: &str) -> Page {
        let form = self.get(rig, "/sign-in").await;
        self.submit(rig, &form, "/sign-in", &[("name", name), ("password", password)]).await
    }
}

/// Gives a person a password, made by `root`.
pub async fn give_password(rig: &Rig, name: &str) {
    let person = PersonName(name.into());
    let mut login = Login::new(person.clone());
    let hash = hash(&Secret::new(PASSWORD), &person).unwrap();
    login.set(hash, Some(PersonName("root".into())), holdpoint::clock::Timestamp::from_millis(0));
    rig.store.put_login(login).await.unwrap();
}

/// Signed in as this person.
pub async fn visitor(rig: &Rig, name: &str) -> Browser {
    give_password(rig, name).await;
    let mut browser = Browser::default();
    let page = browser.sign_in(rig, name, PASSWORD).await;
    assert_eq!((page.status, page.header("location")), (303, "/"), "{}", page.text);
    browser
}
