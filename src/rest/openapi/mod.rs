//! What is served, told as an OpenAPI document at the root.
//!
//! Reading order: `document` (the whole, in OpenAPI 2.0), `operations` (what can be asked of a
//! table or a function), `schema` (values and their types), `modern` (the same in OpenAPI 3.1).

mod document;
mod modern;
mod operations;
mod schema;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::error::{Error, insert};
use super::{media, request};
use crate::config::{OpenApiMode, RestSettings};
use crate::identity::Identity;
use crate::pg::catalog::description::{self, Description};
use crate::pg::{self, Pg, Session};

use document::About;

/// The words in which the document is told, and what it is sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edition {
    /// OpenAPI 2.0, as PostgREST tells it.
    Older,
    /// OpenAPI 3.1, under one of the two names it goes by.
    Modern(&'static str),
}

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
    let edition =
        edition(accept).ok_or_else(|| Error::MediaType(accept.unwrap_or_default().to_owned()))?;
    let mut headers = HeaderMap::new();
    let kind = match edition {
        Edition::Older => "application/openapi+json; charset=utf-8".to_owned(),
        Edition::Modern(name) => format!("{name};version=3.1; charset=utf-8"),
    };
    insert(&mut headers, header::CONTENT_TYPE, &kind);
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
    let document = match edition {
        Edition::Older => document::document(&described, &about),
        Edition::Modern(_) => modern::document(&described, &about),
    };
    Ok((headers, document.to_string()).into_response())
}

/// The edition that is wanted most. Who names no version gets what PostgREST gives, or what is
/// new where PostgREST knows no such name.
fn edition(accept: Option<&str>) -> Option<Edition> {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
        return Some(Edition::Older);
    };
    media::ranges(accept).into_iter().find_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let version = parts.find_map(|part| part.strip_prefix("version="));
        let version = version.map(|version| version.trim_matches('"'));
        let is_modern = version.is_some_and(|it| it == "3.1" || it.starts_with("3.1."));
        match (name.as_str(), version) {
            ("application/openapi+json", _) if is_modern => {
                Some(Edition::Modern("application/openapi+json"))
            }
            ("application/vnd.oai.openapi+json", _) if is_modern || version.is_none() => {
                Some(Edition::Modern("application/vnd.oai.openapi+json"))
            }
            ("application/openapi+json", None | Some("2.0"))
            | ("application/json" | "application/*" | "*/*", _) => Some(Edition::Older),
            _ => None,
        }
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
    fn document_is_json_of_its_own_kind_and_two_editions() {
        let (short, long) = ("application/openapi+json", "application/vnd.oai.openapi+json");
        for accept in [
            None,
            Some(""),
            Some("*/*"),
            Some(short),
            Some("text/html, application/json;q=0.2"),
            Some("application/openapi+json;version=2.0"),
            Some("application/openapi+json;version=3.1;q=0.5, application/json"),
        ] {
            assert_eq!(edition(accept), Some(Edition::Older), "{accept:?}");
        }
        for (accept, name) in [
            ("application/openapi+json;version=3.1", short),
            ("application/openapi+json; version=\"3.1.0\", */*;q=0.1", short),
            ("application/vnd.oai.openapi+json", long),
            ("application/vnd.oai.openapi+json;version=3.1", long),
        ] {
            assert_eq!(edition(Some(accept)), Some(Edition::Modern(name)), "{accept}");
        }
        for accept in ["text/csv", "text/csv, */*;q=0", "application/openapi+json;version=3.0"] {
            assert_eq!(edition(Some(accept)), None, "{accept}");
        }
    }
}
