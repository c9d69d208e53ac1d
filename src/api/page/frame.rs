//! What every page has: head, navigation, headers; and problems told as a page.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use crate::api::page::visible::line;
use crate::api::problem::{Kind, Problem};
use crate::api::signin::visitor::Visitor;
use crate::clock::Timestamp;
use crate::gate::approval::State;
use crate::identity::token::Scope;

/// Style, script and connections from our own address, and nothing else from anywhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Title and navigation of a page.
pub struct Frame<'a> {
    title: &'a str,
    here: &'a str,
    visitor: Option<&'a Visitor>,
}

impl<'a> Frame<'a> {
    /// A page for somebody who is signed in; `here` is its path in the navigation.
    pub fn new(title: &'a str, here: &'a str, visitor: &'a Visitor) -> Self {
        Self { title, here, visitor: Some(visitor) }
    }

    /// A page for anybody.
    pub fn outside(title: &'a str) -> Self {
        Self { title, here: "", visitor: None }
    }

    /// The whole answer. The body brings its `h1`.
    pub fn page(&self, status: StatusCode, body: Markup) -> Response {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Holdpoint" }
                    link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                    link rel="stylesheet" href="/assets/page.css";
                    script src="/assets/page.js" defer {}
                }
                body {
                    a.skip href="#main" { "Skip to content" }
                    (self.head())
                    main id="main" tabindex="-1" { (body) }
                    p.unseen id="said" role="status" {}
                }
            }
        };
        html_answer(status, page)
    }

    fn head(&self) -> Markup {
        html! {
            header.top {
                a.brand href="/" { "Holdpoint" }
                @if let Some(visitor) = self.visitor {
                    nav aria-label="Main" {
                        ul {
                            (self.entry("/", "Waiting"))
                            (self.entry("/history", "History"))
                            (self.entry("/grants", "Grants"))
                            @if visitor.caller.require(Scope::Admin).is_ok() { (self.entry("/agents", "Agents")) }
                            @if visitor.caller.require(Scope::AuditRead).is_ok() { (self.entry("/audit", "Audit")) }
                        }
                    }
                    form.out method="post" action="/sign-out" {
                        input type="hidden" name="token" value=(visitor.form_token);
                        span.who { (line(visitor.name())) }
                        button type="submit" { "Sign out" }
                    }
                }
            }
        }
    }

    fn entry(&self, path: &str, name: &str) -> Markup {
        html! {
            li {
                @if path == self.here { a href=(path) aria-current="page" { (name) } }
                @else { a href=(path) { (name) } }
            }
        }
    }
}

/// HTML with the headers that all pages have.
pub fn html_answer(status: StatusCode, page: Markup) -> Response {
    let mut response = (status, page).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // Forms to ourselves say where they come from; nobody else learns anything.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}

/// Something went wrong, said where the eye is first, and announced.
pub fn alert(text: &str) -> Markup {
    html! { div.alert role="alert" { p { (line(text)) } } }
}

/// Layer: tells every [`Problem`] on its way out as a page.
pub async fn write_problems(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let (_, title, status) = problem.kind.parts();
    let body = html! {
        h1 { (title) }
        p { (line(&problem.detail)) }
        p { a href="/" { "Back to what waits" } }
    };
    let mut page = Frame::outside(title).page(status, body);
    if matches!(problem.kind, Kind::TooMany | Kind::Unavailable | Kind::Timeout) {
        page.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    page
}

/// A moment, for people and for programs.
pub fn time(at: Timestamp) -> Markup {
    let text = at.to_rfc3339();
    let shown = text.get(..19).map_or(text.clone(), |seconds| format!("{} UTC", seconds.replace('T', " ")));
    html! { time datetime=(text) { (shown) } }
}

/// How long until a moment; the script counts it down.
pub fn countdown(until: Timestamp, now: Timestamp) -> Markup {
    html! { span.countdown data-until=(until.as_millis()) { (left(until, now)) } }
}

fn left(until: Timestamp, now: Timestamp) -> String {
    match until.since(now).as_secs() {
        0 => "time is over".to_owned(),
        seconds if seconds < 120 => format!("{seconds} s left"),
        seconds if seconds < 7200 => format!("{} min left", seconds / 60),
        seconds => format!("{} h left", seconds / 3600),
    }
}

/// A state in a word, never by colour alone.
pub fn badge(state: State) -> Markup {
    let class = match state {
        State::Pending | State::Approved | State::Executing => "badge open",
        State::Executed => "badge good",
        _ => "badge bad",
    };
    html! { span class=(class) { (state.as_str()) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_utc_and_left_ones_in_whole_units() {
        let now = Timestamp::from_millis(1_795_165_924_123);
        let shown = time(now).into_string();
        assert!(shown.contains("datetime=\"2026-11-20T09:12:04.123Z\"") && shown.contains("09:12:04 UTC"), "{shown}");
        for (seconds, words) in [(0, "time is over"), (119, "119 s left"), (120, "2 min left"), (7200, "2 h left")] {
            assert_eq!(left(now.after(std::time::Duration::from_secs(seconds)), now), words);
        }
    }
}
