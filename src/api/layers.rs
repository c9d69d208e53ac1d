//! What every request passes through: a request id, a time limit, headers that forbid caching, counting.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::problem::{Kind, Problem};
use crate::audit::meters;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// A blocking read may take 5 min; this leaves room for the rest.
const BLOCKING_TIMEOUT: Duration = Duration::from_secs(330);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Layer: ends a request that takes too long. Streams count only until their first byte.
pub async fn limit_time(request: Request, next: Next) -> Response {
    let blocking = request.method() == Method::GET && request.uri().path().starts_with("/v1/approvals/");
    let limit = if blocking { BLOCKING_TIMEOUT } else { REQUEST_TIMEOUT };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(Kind::Timeout, "the request took too long; ask what became of it").into_response(),
    }
}

/// Layer: gives the request an id, counts and logs it, and sets the headers that all answers have.
pub async fn mark(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("x-frame-options", HeaderValue::from_static("DENY"));
    // The page says itself what it needs.
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(nothing);
    let status = response.status().as_u16();
    let took = begun.elapsed();
    tracing::debug!(request_id = %id, %method, route, status, took_ms = took.as_millis(), "api request");
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let verb = known(&method);
    metrics::counter!(meters::API_REQUESTS, "method" => verb, "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    if took < REQUEST_TIMEOUT && !route.starts_with("/v1/events") && !route.starts_with("/v1/approvals/") {
        metrics::histogram!(meters::API_REQUEST_DURATION, "route" => route).record(took.as_secs_f64());
    }
    response
}

/// Any word may be sent as a method; labels take only those that exist.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The caller's `X-Request-Id` if it is harmless, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|text| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    });
    given.map_or_else(|| hex::encode(rand::random::<[u8; 8]>()), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_request_id_is_kept_and_any_other_replaced() {
        let headers = |value: &str| HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(value).unwrap())]);
        assert_eq!(request_id(&headers("abc-1")), "abc-1");
        assert_eq!(request_id(&headers("a b\"")).len(), 16);
        assert_eq!(request_id(&headers(&"x".repeat(65))).len(), 16);
    }
}
