//! A page for people at `/docs`: what is served, and reads to try. It asks the root, with the key
//! that is typed in, so it shows to each what they may see; there is nothing in it itself.

use std::sync::LazyLock;

use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::request::Parts;
use http::{Method, header};
use sha2::{Digest, Sha256};

use super::media;
use crate::config::{OpenApiMode, RestSettings};
use crate::pg::catalog::Catalog;

/// Where it is.
const PATH: &str = "/docs";

const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

/// The page in one piece.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    include_str!("page.html").replace("/*style*/", STYLE).replace("/*script*/", SCRIPT)
});

/// Nothing runs or paints but what is in the page, and it speaks to this server alone.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(SCRIPT),
        hash(STYLE),
    )
});

/// Whether a browser asks for the page; a relation of that name goes before.
pub fn is_asked(http: &Parts, settings: &RestSettings, catalog: &Catalog) -> bool {
    let accept = http.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let is_html = |range: &str| {
        let name = range.split(';').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("text/html")
    };
    let is_taken = || settings.schemas.iter().any(|schema| catalog.table(schema, "docs").is_some());
    http.uri.path() == PATH
        && matches!(http.method, Method::GET | Method::HEAD)
        && settings.explorer
        && settings.openapi_mode != OpenApiMode::Disabled
        && media::ranges(accept.unwrap_or_default()).into_iter().any(is_html)
        && !is_taken()
}

/// The page, for a request for which [`is_asked`].
pub fn answer() -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "Accept"),
    ];
    (headers, Html(PAGE.as_str())).into_response()
}
