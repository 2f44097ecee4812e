//! The page's files, part of the program.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

const INDEX: &str = include_str!("../../ui/index.html");

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name under `/ui/`, content type, content.
pub(super) const FILES: [(&str, &str, &str); 9] = [
    ("page.css", "text/css; charset=utf-8", include_str!("../../ui/page.css")),
    ("icon.svg", "image/svg+xml", include_str!("../../ui/icon.svg")),
    ("page.js", SCRIPT, include_str!("../../ui/page.js")),
    ("overview.js", SCRIPT, include_str!("../../ui/overview.js")),
    ("pipeline.js", SCRIPT, include_str!("../../ui/pipeline.js")),
    ("actions.js", SCRIPT, include_str!("../../ui/actions.js")),
    ("history.js", SCRIPT, include_str!("../../ui/history.js")),
    ("format.js", SCRIPT, include_str!("../../ui/format.js")),
    ("dom.js", SCRIPT, include_str!("../../ui/dom.js")),
];

pub(super) async fn index() -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], INDEX).into_response()
}

/// The page's addresses are relative, so that it also works behind a proxy that adds a path; they count from `/ui`.
pub(super) async fn without_slash() -> Redirect {
    Redirect::permanent("../ui")
}

pub(super) async fn file(Path(asked): Path<String>) -> Response {
    match FILES.iter().find(|(name, ..)| *name == asked) {
        Some((_, content_type, content)) => ([(header::CONTENT_TYPE, *content_type)], *content).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
