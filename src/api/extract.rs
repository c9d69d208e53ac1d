//! Reading requests: bodies and query strings whose every defect is a [`Problem`].

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Form, FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use crate::api::problem::{Kind, Problem};

/// Largest body, in bytes. A reason, a digest, an SQL text to explain: 256 KiB is plenty.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// A JSON body. An empty one reads as `{}`.
#[derive(Clone, Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json = is_json(request.headers());
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::new(Kind::TooLarge, format!("the body is longer than {BODY_BYTES_MAX} bytes"))
            }
            _ => Problem::bad_request("the body could not be read to its end"),
        })?;
        if bytes.is_empty() {
            return read(b"{}");
        }
        if !json {
            return Err(Problem::new(Kind::UnsupportedMediaType, "send `Content-Type: application/json`"));
        }
        read(&bytes)
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<Body<T>, Problem> {
    // serde reads a struct from an array, too, which no client means.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Problem::bad_request("the body must be a JSON object"));
    }
    serde_json::from_slice(bytes).map(Body).map_err(|error| Problem::bad_request(format!("the body is wrong: {error}")))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// The fields of a form, `application/x-www-form-urlencoded`.
#[derive(Clone, Debug)]
pub struct Fields<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Fields<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = Form::<T>::from_request(request, state).await;
        read.map(|Form(fields)| Self(fields)).map_err(|rejection| match rejection.status() {
            axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::new(Kind::TooLarge, format!("the form is longer than {BODY_BYTES_MAX} bytes"))
            }
            axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Problem::new(Kind::UnsupportedMediaType, "send the form as the page does")
            }
            // The rejection's text may quote what was typed.
            _ => Problem::bad_request("the form lacks a field, or holds one that cannot be read"),
        })
    }
}

/// A query string.
#[derive(Clone, Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(value)| Self(value))
            .map_err(|rejection| Problem::bad_request(rejection.body_text()))
    }
}

/// Reads a span such as `30s`, `5m` or `1h30m`, or plain seconds as `Prefer: wait=30` has them (RFC 7240 §4.3).
pub fn span(text: &str) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    crate::policy::span::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_with_their_unit() {
        assert_eq!(span("30s"), Some(Duration::from_secs(30)));
        assert_eq!(span("30"), Some(Duration::from_secs(30)));
        assert_eq!(span("0"), Some(Duration::ZERO));
        assert_eq!(span("5m"), Some(Duration::from_secs(300)));
        assert_eq!(span("250ms"), Some(Duration::from_millis(250)));
        for bad in ["", "s", "-1s", "1y", "1 s", "é", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(span(bad), None, "{bad}");
        }
    }
}
