//! What a client is told of a person: the claims its scopes stand for, and the id_token.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::scope::{Scope, Scopes};
use crate::auth::store::User;
use crate::auth::{Auth, Error};
use crate::identity::{ID_TOKEN, unix_now};

/// Names of the claims that people's own words may fill, and of the metadata they stand in.
const WORDS: [(&str, &[&str]); 3] = [
    ("name", &["full_name", "name"]),
    ("preferred_username", &["preferred_username", "user_name"]),
    ("picture", &["picture", "avatar_url"]),
];

/// What an id_token says.
pub(super) struct IdToken<'a> {
    pub user: &'a User,
    pub client_id: Uuid,
    pub scopes: &'a Scopes,
    /// What the client wants to hear again.
    pub nonce: Option<&'a str>,
    /// In seconds since 1970.
    pub authenticated_at: i64,
    /// The token it comes with.
    pub access_token: &'a str,
}

/// What is read of a person's document.
#[derive(Deserialize)]
struct Document {
    id: Uuid,
    email: String,
    phone: String,
    email_confirmed_at: Option<String>,
    phone_confirmed_at: Option<String>,
    user_metadata: Value,
}

impl Auth {
    /// A signed id_token (OpenID Connect Core, 2). It opens no door of this server.
    ///
    /// # Errors
    /// The server signs with nothing that others could verify; requests were refused then.
    pub(super) fn id_token(&self, facts: &IdToken<'_>) -> Result<String, Error> {
        let no_key = Error::OAuthScope("openid needs a signing key with a public half");
        self.keys.public_algorithm().ok_or(no_key)?;
        let digest = Sha256::digest(facts.access_token);
        let (half, _) = digest.split_at(digest.len() / 2);
        let now = unix_now();
        let mut claims = about(facts.user, facts.scopes)?;
        let more = [
            ("iss", json!(self.issuer)),
            ("aud", json!(facts.client_id)),
            ("iat", json!(now)),
            ("exp", json!(now + i64::from(self.settings.auth_token_seconds))),
            ("auth_time", json!(facts.authenticated_at)),
            ("at_hash", json!(BASE64_URL_SAFE_NO_PAD.encode(half))),
            ("token_use", json!(ID_TOKEN)),
        ];
        claims.extend(more.map(|(name, value)| (name.to_owned(), value)));
        claims.extend(facts.nonce.map(|nonce| ("nonce".to_owned(), nonce.into())));
        Ok(self.keys.sign(&claims)?)
    }
}

/// The claims about a person that these scopes stand for (OpenID Connect Core, 5.4).
///
/// # Errors
/// The document is not of this program.
pub(super) fn about(user: &User, scopes: &Scopes) -> Result<Map<String, Value>, Error> {
    let read = serde_json::from_str(user.document.get());
    let document: Document = read.map_err(|error| Error::Broken(Box::new(error)))?;
    Ok(claims(&document, scopes))
}

fn claims(document: &Document, scopes: &Scopes) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), json!(document.id));
    if scopes.has(Scope::Email) && !document.email.is_empty() {
        claims.insert("email".to_owned(), json!(document.email));
        let is_verified = document.email_confirmed_at.is_some();
        claims.insert("email_verified".to_owned(), is_verified.into());
    }
    if scopes.has(Scope::Phone) && !document.phone.is_empty() {
        claims.insert("phone_number".to_owned(), format!("+{}", document.phone).into());
        let is_verified = document.phone_confirmed_at.is_some();
        claims.insert("phone_number_verified".to_owned(), is_verified.into());
    }
    if scopes.has(Scope::Profile) {
        for (claim, words) in WORDS {
            let word = words.iter().find_map(|word| document.user_metadata[*word].as_str());
            claims.extend(word.map(|word| (claim.to_owned(), word.into())));
        }
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(scopes: &str) -> Value {
        let document = json!({
            "id": "a0000000-0000-4000-8000-00000000000a", "email": "ana@example.com",
            "phone": "15552368", "email_confirmed_at": "2030-01-01T00:00:00Z",
            "user_metadata": { "full_name": "Ana", "avatar_url": 5 },
        });
        let document = serde_json::from_value(document).unwrap();
        claims(&document, &Scopes::read(scopes).unwrap()).into()
    }

    #[test]
    fn scopes_say_what_is_told() {
        let sub = "a0000000-0000-4000-8000-00000000000a";
        assert_eq!(told("openid"), json!({ "sub": sub }));
        let email = json!({ "sub": sub, "email": "ana@example.com", "email_verified": true });
        assert_eq!(told("email"), email);
        let phone = json!({
            "sub": sub, "phone_number": "+15552368", "phone_number_verified": false,
        });
        assert_eq!(told("phone"), phone);
        assert_eq!(told("profile"), json!({ "sub": sub, "name": "Ana" }));
    }
}
