//! Bytes of a request -> what an endpoint is asked for.

use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::StatusCode;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Error;
use super::limits::Origin;

/// Largest body, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The fields of a JSON body; an empty body has none. Fields nobody asks for are ignored.
pub(super) struct Fields<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Fields<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        read(json(&whole(request).await?)?).map(Self)
    }
}

/// As [`Fields`], for an endpoint that takes forms too.
pub(super) struct FieldsOrForm<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for FieldsOrForm<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let is_form = is_form(&request);
        let bytes = whole(request).await?;
        read(if is_form { form(&bytes) } else { json(&bytes)? }).map(Self)
    }
}

/// The parameters after `?`; nothing given counts as not given.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(given, _)| given == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// All of them, in the order of the request.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

/// Where a request comes from, as a session remembers it.
pub(super) struct Device {
    pub user_agent: Option<String>,
    pub ip: Option<IpAddr>,
    /// Under what requests are counted; see [`Origin`].
    pub network: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Device {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let user_agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let origin = parts.extensions.get::<Origin>();
        Ok(Self {
            user_agent: user_agent.map(str::to_owned),
            ip: origin.and_then(|origin| origin.address),
            network: origin.and_then(|origin| origin.network.clone()),
        })
    }
}

async fn whole(request: Request) -> Result<Bytes, Error> {
    Bytes::from_request(request, &()).await.map_err(|refused| match refused.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::BodyTooLarge,
        _ => Error::BadJson("Could not read request body".into()),
    })
}

fn is_form(request: &Request) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

fn form(bytes: &[u8]) -> Map<String, Value> {
    form_urlencoded::parse(bytes)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect()
}

/// The messages name places, never values: one of them is a password.
fn json(bytes: &[u8]) -> Result<Map<String, Value>, Error> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let what = if error.is_data() { "not an object" } else { "not JSON" };
        Error::BadJson(format!(
            "Could not parse request body as JSON: {what} at line {} column {}",
            error.line(),
            error.column()
        ))
    })
}

fn read<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, Error> {
    serde_json::from_value(Value::Object(fields)).map_err(|_| {
        Error::BadJson("Could not parse request body as JSON: a field has a wrong type".into())
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Asked {
        email: Option<String>,
    }

    fn asked(body: &str) -> Result<Asked, Error> {
        read(json(body.as_bytes())?)
    }

    #[test]
    fn empty_body_has_no_fields() {
        assert_eq!(asked(" ").unwrap().email, None);
        assert_eq!(asked(r#"{"email":null,"more":1}"#).unwrap().email, None);
    }

    #[test]
    fn what_is_no_object_of_these_fields_is_bad_json() {
        for body in ["{", "[1]", r#""ana@example.com""#, r#"{"email":5}"#, "\u{1}"] {
            assert!(matches!(asked(body), Err(Error::BadJson(_))), "{body}");
        }
    }

    #[test]
    fn messages_hold_no_value() {
        let Err(Error::BadJson(why)) = asked(r#"{"email":["hunter2"]}"#) else { panic!() };
        assert!(!why.contains("hunter2"));
    }
}
