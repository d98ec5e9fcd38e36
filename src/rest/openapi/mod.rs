//! What is served, told as an OpenAPI 2.0 document at the root.
//!
//! Reading order: `document` (the whole), `operations` (what can be asked of a table or a
//! function), `schema` (values and their types).

mod document;
mod operations;
mod schema;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::error::{Error, insert};
use super::request;
use crate::config::{OpenApiMode, RestSettings};
use crate::identity::Identity;
use crate::pg::catalog::description::{self, Description};
use crate::pg::{self, Pg, Session};

pub use document::{About, document};

/// What the document is sent as.
const MEDIA_TYPE: &str = "application/openapi+json";

/// Whether a request asks for the document, or what may be asked of the root.
pub fn is_asked(http: &Parts) -> bool {
    matches!(http.uri.path(), "" | "/")
        && matches!(http.method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Answers a request for which [`is_asked`].
///
/// # Errors
/// There is no document, it cannot be had in an accepted format, or Postgres refuses.
pub async fn answer(
    pg: &Pg,
    settings: &RestSettings,
    identity: &Identity,
    http: &Parts,
) -> Result<Response, Error> {
    if http.method == Method::OPTIONS {
        return Ok((StatusCode::OK, [(header::ALLOW, "OPTIONS,GET,HEAD")]).into_response());
    }
    if settings.openapi_mode == OpenApiMode::Disabled {
        return Err(Error::Root);
    }
    let (schema, _) = &request::schema(true, &http.headers, &settings.schemas)?;
    let accept = http.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if !is_accepted(accept) {
        return Err(Error::MediaType(accept.unwrap_or_default().to_owned()));
    }
    let mut headers = HeaderMap::new();
    insert(&mut headers, header::CONTENT_TYPE, &format!("{MEDIA_TYPE}; charset=utf-8"));
    insert(&mut headers, header::VARY, "Accept, Prefer, Range");
    if settings.schemas.len() > 1 {
        insert(&mut headers, HeaderName::from_static("content-profile"), schema);
    }
    if http.method == Method::HEAD {
        return Ok((headers, Body::empty()).into_response());
    }
    let everything = settings.openapi_mode == OpenApiMode::IgnorePrivileges;
    let described = describe(pg, identity, schema, everything).await.map_err(|error| {
        Error::Database { error, is_anonymous: settings.is_anonymous(&identity.role) }
    })?;
    let about = About {
        schema,
        url: settings.openapi_url.as_deref(),
        tells_security: settings.openapi_security,
    };
    Ok((headers, document(&described, &about).to_string()).into_response())
}

fn is_accepted(accept: Option<&str>) -> bool {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return true };
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let is_refused =
            parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0)));
        !is_refused
            && matches!(name.as_str(), MEDIA_TYPE | "application/json" | "application/*" | "*/*")
    })
}

/// What the caller may see of a schema; everything, if privileges are ignored.
async fn describe(
    pg: &Pg,
    identity: &Identity,
    schema: &str,
    everything: bool,
) -> Result<Description, pg::Error> {
    let session = Session::person(identity).set("search_path", "").read_only();
    let quoted = schema.replace('\\', "\\\\").replace('"', "\\\"");
    let schemas = format!("{{\"{quoted}\"}}");
    let params = [Some(schemas.as_str()), Some(if everything { "true" } else { "false" })];
    let rows = pg.run(&session, description::SQL, &params).await?;
    let told: &str = match rows.first() {
        Some(row) => row.try_get(0)?,
        None => "{}",
    };
    serde_json::from_str(told).map_err(|error| pg::Error::Unreadable(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_is_json_of_its_own_kind() {
        for accept in [None, Some(""), Some("*/*"), Some("text/html, application/json;q=0.2")] {
            assert!(is_accepted(accept), "{accept:?}");
        }
        assert!(is_accepted(Some("application/openapi+json")));
        assert!(!is_accepted(Some("text/csv")));
        assert!(!is_accepted(Some("text/csv, */*;q=0")));
    }
}
