//! The style sheet, the script and the icon, built into the program.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// The style sheet.
pub async fn style() -> Response {
    answer("text/css; charset=utf-8", include_str!("assets/page.css"))
}

/// The script. The page works without it; with it, lists stay up to date and times count down.
pub async fn script() -> Response {
    answer("text/javascript; charset=utf-8", include_str!("assets/page.js"))
}

/// The icon.
pub async fn icon() -> Response {
    answer("image/svg+xml", include_str!("assets/icon.svg"))
}

fn answer(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
