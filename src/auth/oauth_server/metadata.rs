//! What a client says of itself, read and checked: RFC 7591, as far as this server heeds it.

use serde::Deserialize;
use url::Url;

use super::redirect_uri;
use super::scope::Scopes;
use crate::auth::Error;

const MAX_REDIRECT_URIS: usize = 10;

/// Longest name and URL, in bytes.
const MAX_NAME_BYTES: usize = 1024;
const MAX_URL_BYTES: usize = 2048;

const GRANT_TYPES: [&str; 2] = ["authorization_code", "refresh_token"];
const AUTH_METHODS: [&str; 3] = ["none", "client_secret_basic", "client_secret_post"];

/// A client to be, or what is to change about one.
#[derive(Deserialize)]
pub(super) struct Asked {
    client_name: Option<String>,
    client_uri: Option<String>,
    logo_uri: Option<String>,
    client_type: Option<String>,
    token_endpoint_auth_method: Option<String>,
    redirect_uris: Option<Vec<String>>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    scope: Option<String>,
}

/// The columns of a client that are given.
#[derive(Debug, Default)]
pub(in crate::auth) struct Metadata {
    pub name: Option<String>,
    /// Empty takes it away.
    pub uri: Option<String>,
    /// Empty takes it away.
    pub logo_uri: Option<String>,
    pub auth_method: Option<&'static str>,
    pub redirect_uris: Option<Vec<String>>,
    pub grant_types: Option<Vec<String>>,
    /// Empty allows any.
    pub scope: Option<String>,
}

impl Metadata {
    /// Whether a client of these cannot keep a secret.
    pub(in crate::auth) fn is_public(&self) -> bool {
        self.auth_method == Some("none")
    }
}

impl Asked {
    /// A new client: name, URIs and the way it proves itself are there afterwards.
    ///
    /// # Errors
    /// In the words of RFC 7591.
    pub(super) fn whole(self) -> Result<Metadata, Error> {
        let client_type = self.client_type.clone();
        let mut read = self.partial()?;
        if read.name.is_none() {
            return Err(Error::OAuthMetadata("client_name is required"));
        }
        if read.redirect_uris.is_none() {
            return Err(Error::OAuthRedirectUri("redirect_uris is required"));
        }
        let method = match (read.auth_method, client_type.as_deref()) {
            (Some(method), _) => method,
            (None, Some("public")) => "none",
            (None, _) => "client_secret_basic",
        };
        if client_type.is_some_and(|kind| (kind == "public") != (method == "none")) {
            return Err(Error::OAuthMetadata(
                "client_type and token_endpoint_auth_method do not fit together",
            ));
        }
        read.auth_method = Some(method);
        read.grant_types.get_or_insert_with(|| GRANT_TYPES.map(str::to_owned).to_vec());
        Ok(read)
    }

    /// What is given, checked.
    ///
    /// # Errors
    /// In the words of RFC 7591.
    pub(super) fn partial(self) -> Result<Metadata, Error> {
        if let Some(kind) = &self.client_type
            && !["public", "confidential"].contains(&kind.as_str())
        {
            return Err(Error::OAuthMetadata("client_type must be public or confidential"));
        }
        let is_code = |types: &Vec<String>| types.iter().all(|kind| kind == "code");
        if !self.response_types.as_ref().is_none_or(is_code) {
            return Err(Error::OAuthMetadata("response_types can only be code"));
        }
        Ok(Metadata {
            name: self.client_name.map(name).transpose()?,
            uri: self.client_uri.map(url).transpose()?,
            logo_uri: self.logo_uri.map(url).transpose()?,
            auth_method: self.token_endpoint_auth_method.map(|text| method(&text)).transpose()?,
            redirect_uris: self.redirect_uris.map(redirect_uris).transpose()?,
            grant_types: self.grant_types.map(grant_types).transpose()?,
            scope: self.scope.map(|text| scope(&text)).transpose()?,
        })
    }
}

fn name(text: String) -> Result<String, Error> {
    let is_plain = !text.trim().is_empty() && !text.chars().any(char::is_control);
    if is_plain && text.len() <= MAX_NAME_BYTES {
        return Ok(text);
    }
    Err(Error::OAuthMetadata("client_name must be 1 to 1024 bytes of plain text"))
}

/// A page of the web, or nothing.
fn url(text: String) -> Result<String, Error> {
    let is_web = |url: Url| ["https", "http"].contains(&url.scheme());
    let is_url = text.len() <= MAX_URL_BYTES
        && !text.chars().any(char::is_control)
        && Url::parse(&text).is_ok_and(is_web);
    if text.is_empty() || is_url {
        return Ok(text);
    }
    Err(Error::OAuthMetadata("client_uri and logo_uri must be http or https URLs"))
}

fn method(text: &str) -> Result<&'static str, Error> {
    AUTH_METHODS.into_iter().find(|method| *method == text).ok_or(Error::OAuthMetadata(
        "token_endpoint_auth_method must be none, client_secret_basic or client_secret_post",
    ))
}

fn redirect_uris(uris: Vec<String>) -> Result<Vec<String>, Error> {
    if uris.is_empty() || uris.len() > MAX_REDIRECT_URIS {
        return Err(Error::OAuthRedirectUri("redirect_uris must hold 1 to 10 URIs"));
    }
    if uris.iter().all(|uri| redirect_uri::may_be_registered(uri)) {
        return Ok(uris);
    }
    Err(Error::OAuthRedirectUri(
        "redirect_uris must be https, http on the loopback interface, or of a scheme of the \
         app's own, without fragments",
    ))
}

fn grant_types(mut types: Vec<String>) -> Result<Vec<String>, Error> {
    types.sort_unstable();
    types.dedup();
    let is_known = types.iter().all(|kind| GRANT_TYPES.contains(&kind.as_str()));
    if is_known && types.first().is_some_and(|first| first == "authorization_code") {
        return Ok(types);
    }
    Err(Error::OAuthMetadata(
        "grant_types must hold authorization_code, and may hold refresh_token",
    ))
}

fn scope(text: &str) -> Result<String, Error> {
    let scopes = Scopes::read(text)
        .ok_or(Error::OAuthMetadata("scope can only hold openid, profile, email and phone"))?;
    Ok(scopes.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(field: &str, value: Value) -> Asked {
        let mut body = json!({ "client_name": "App", "redirect_uris": ["https://app.example/"] });
        body[field] = value;
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn client_that_says_little_keeps_a_secret_and_refreshes() {
        let read = asked("scope", json!(null)).whole().unwrap();
        assert_eq!(read.auth_method, Some("client_secret_basic"));
        assert_eq!(read.grant_types.unwrap(), GRANT_TYPES);
        let public = asked("client_type", json!("public")).whole().unwrap();
        assert!(public.is_public());
    }

    #[test]
    fn what_makes_no_client_is_refused() {
        for (field, value) in [
            ("client_name", json!("")),
            ("client_name", json!(" ")),
            ("client_name", json!("A\nB")),
            ("client_name", json!("a".repeat(1025))),
            ("client_name", json!(null)),
            ("client_uri", json!("javascript:alert(1)")),
            ("logo_uri", json!("nowhere")),
            ("client_type", json!("secret")),
            ("token_endpoint_auth_method", json!("private_key_jwt")),
            ("redirect_uris", json!([])),
            ("redirect_uris", json!(["https://app.example/#a"])),
            ("redirect_uris", json!(vec!["https://app.example/"; 11])),
            ("redirect_uris", json!(null)),
            ("grant_types", json!(["refresh_token"])),
            ("grant_types", json!(["authorization_code", "password"])),
            ("grant_types", json!([])),
            ("response_types", json!(["token"])),
            ("scope", json!("openid admin")),
        ] {
            assert!(asked(field, value.clone()).whole().is_err(), "{field} {value}");
        }
        let mut torn = asked("client_type", json!("public"));
        torn.token_endpoint_auth_method = Some("client_secret_post".into());
        assert!(torn.whole().is_err());
    }
}
