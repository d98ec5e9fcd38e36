//! Who a client is and how it proves that: by a secret in a header or in the body, or not at all.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::auth::store::oauth_client::{self, Client};
use crate::auth::{Error, refresh};
use crate::pg::Transaction;

/// Longest secret that is looked at, in bytes.
const MAX_SECRET_BYTES: usize = 255;

/// What a client shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Credentials {
    client_id: Uuid,
    secret: Option<String>,
}

impl Credentials {
    /// From the header (`client_secret_basic`) or the body (`client_secret_post`, `none`), not
    /// from both.
    ///
    /// # Errors
    /// Nothing in them names a client.
    pub(super) fn read(
        headers: &HeaderMap,
        client_id: Option<&str>,
        secret: Option<&str>,
    ) -> Result<Self, Error> {
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let (client_id, secret) = (given(client_id), given(secret));
        let (client_id, secret) = match basic(headers)? {
            None => (client_id, secret),
            Some(_) if secret.is_some() => {
                return Err(Error::OAuthRequest("Only one way to authenticate may be used"));
            }
            Some((name, _)) if client_id.as_ref().is_some_and(|other| *other != name) => {
                return Err(Error::OAuthRequest("client_id is not that of the header"));
            }
            Some((name, secret)) => (Some(name), given(Some(&secret))),
        };
        let client_id = client_id.ok_or(Error::OAuthCredentials("client_id is required"))?;
        let client_id = Uuid::try_parse(&client_id).map_err(|_| unknown())?;
        Ok(Self { client_id, secret })
    }

    /// The client, if it is that.
    ///
    /// # Errors
    /// There is none, or the secret is not its.
    pub(super) async fn client(&self, tx: &Transaction) -> Result<Client, Error> {
        let client = oauth_client::find(tx, self.client_id).await?.ok_or_else(unknown)?;
        let is_proven = match (&client.secret_hash, &self.secret) {
            (None, None) => true,
            (Some(hash), Some(secret)) if secret.len() <= MAX_SECRET_BYTES => {
                refresh::hash(secret).as_bytes().ct_eq(hash.as_bytes()).into()
            }
            _ => false,
        };
        if is_proven { Ok(client) } else { Err(unknown()) }
    }
}

/// One answer for a client that is not there and a secret that is wrong.
fn unknown() -> Error {
    Error::OAuthCredentials("Client authentication failed")
}

/// Id and secret of a header `Basic`, both written as in a form (RFC 6749, 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Error> {
    let Some(value) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return Ok(None);
    };
    // Clients of this dialect send a key of the project as a bearer token; it proves no client.
    let Some((scheme, encoded)) = value.split_once(' ') else { return Ok(None) };
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let bytes = BASE64_STANDARD.decode(encoded.trim()).map_err(|_| unknown())?;
    let text = String::from_utf8(bytes).map_err(|_| unknown())?;
    let (id, secret) = text.split_once(':').ok_or_else(unknown)?;
    Ok(Some((decoded(id), decoded(secret))))
}

fn decoded(text: &str) -> String {
    // A name without `=` reads as the text itself.
    let pair = form_urlencoded::parse(text.as_bytes()).next();
    pair.map(|(name, _)| name.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const ID: &str = "c0000000-0000-4000-8000-00000000000c";

    fn headers(text: &str) -> HeaderMap {
        let value = format!("Basic {}", BASE64_STANDARD.encode(text));
        let value = HeaderValue::from_str(&value).expect("a header");
        HeaderMap::from_iter([(AUTHORIZATION, value)])
    }

    fn shown(secret: Option<&str>) -> Credentials {
        Credentials { client_id: ID.parse().expect("an id"), secret: secret.map(str::to_owned) }
    }

    #[test]
    fn clients_show_their_secret_in_one_place() {
        let none = HeaderMap::new();
        let read = Credentials::read;
        assert_eq!(read(&none, Some(ID), None).unwrap(), shown(None));
        assert_eq!(read(&none, Some(ID), Some("s")).unwrap(), shown(Some("s")));
        let basic = headers(&format!("{ID}:a%2Bb+c"));
        assert_eq!(read(&basic, None, None).unwrap(), shown(Some("a+b c")));
        assert_eq!(read(&basic, Some(ID), None).unwrap(), shown(Some("a+b c")));
        assert!(matches!(read(&basic, Some(ID), Some("s")), Err(Error::OAuthRequest(_))));
        assert!(matches!(read(&basic, Some("other"), None), Err(Error::OAuthRequest(_))));
    }

    #[test]
    fn what_names_no_client_is_refused() {
        let none = HeaderMap::new();
        for (headers, id) in [
            (&none, None),
            (&none, Some("")),
            (&none, Some("app")),
            (&headers(ID), None),
            (&headers(":secret"), None),
        ] {
            let read = Credentials::read(headers, id, None);
            assert!(matches!(read, Err(Error::OAuthCredentials(_))), "{read:?}");
        }
    }
}
