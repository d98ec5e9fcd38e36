//! POST /signup: a new account, signed in at once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::request::{Device, Fields};
use super::session::Session;
use super::store::{self, NewUser, Proof};
use super::{Auth, Error, anonymous, email};
use crate::pg::Transaction;

/// Role and audience of people who sign up.
pub(super) const AUTHENTICATED: &str = "authenticated";

#[derive(Deserialize)]
pub(super) struct Asked {
    email: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    data: Option<Map<String, Value>>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// A request to sign up that makes sense.
struct Signup {
    email: String,
    password: String,
    data: Map<String, Value>,
}

pub(super) async fn sign_up(
    State(auth): State<Arc<Auth>>,
    device: Device,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Session>, Error> {
    if asked.is_nameless() {
        return anonymous::sign_up(&auth, asked.data.unwrap_or_default(), &device).await.map(Json);
    }
    let Signup { email, password, data } = asked.check(&auth)?;
    let hash = auth.passwords.hash(password).await?;
    let id = Uuid::new_v4();
    let new = NewUser {
        id,
        email: &email,
        password_hash: Some(&hash),
        aud: AUTHENTICATED,
        role: AUTHENTICATED,
        app_metadata: app_metadata(Map::new()),
        user_metadata: user_metadata(data, id, &email, true),
    };
    let work = async |tx: &Transaction| {
        auth.create(tx, &new, &device).await?;
        store::confirm(tx, id).await?;
        let proof = Proof { method: "password", password_hash: Some(&hash) };
        let session = auth.sign_in(tx, id, &proof, &device).await?;
        let session = session.ok_or(Error::InvalidCredentials)?;
        session.check_size()?;
        Ok(session)
    };
    match auth.store.transaction(work).await {
        Ok(session) => Ok(Json(session)),
        // This dialect has words of its own for whoever signs up.
        Err(Error::EmailExists) => Err(Error::UserAlreadyExists),
        Err(error) => Err(error),
    }
}

impl Asked {
    fn is_nameless(&self) -> bool {
        [&self.email, &self.phone].into_iter().flatten().all(String::is_empty)
    }

    /// In the order in which this dialect refuses.
    fn check(self, auth: &Auth) -> Result<Signup, Error> {
        let email = self.email.unwrap_or_default();
        let has_phone = self.phone.is_some_and(|phone| !phone.is_empty());
        if !auth.settings.auth_signup_enabled {
            return Err(Error::SignupDisabled);
        }
        let password = self.password.unwrap_or_default();
        if password.is_empty() {
            return Err(Error::Invalid("Signup requires a valid password"));
        }
        auth.passwords.check(&password)?;
        if has_phone && !email.is_empty() {
            return Err(Error::Invalid(
                "Only an email address or phone number should be provided on signup.",
            ));
        }
        check_challenge(self.code_challenge.as_deref(), self.code_challenge_method.as_deref())?;
        if has_phone {
            return Err(Error::PhoneDisabled);
        }
        let email = email::normal(&email)?;
        Ok(Signup { email, password, data: self.data.unwrap_or_default() })
    }
}

/// Clients of the PKCE flow send a challenge; it stays unused, because a confirmed account is
/// signed in without a link.
fn check_challenge(challenge: Option<&str>, method: Option<&str>) -> Result<(), Error> {
    let given = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
    if given(challenge) != given(method) {
        return Err(Error::Invalid(
            "PKCE flow requires code_challenge_method and code_challenge parameters",
        ));
    }
    let is_known = |method: &str| ["s256", "plain"].contains(&method.to_ascii_lowercase().as_str());
    if method.is_some_and(|method| !method.is_empty() && !is_known(method)) {
        return Err(Error::Invalid("invalid code challenge method"));
    }
    Ok(())
}

/// What a new account says of itself. The server's own words come last, so nobody can claim them.
pub(super) fn user_metadata(
    mut data: Map<String, Value>,
    id: Uuid,
    email: &str,
    is_confirmed: bool,
) -> Value {
    data.insert("sub".into(), json!(id));
    data.insert("email".into(), json!(email));
    data.insert("email_verified".into(), json!(is_confirmed));
    data.insert("phone_verified".into(), json!(false));
    Value::Object(data)
}

/// What the service says of a new account.
pub(super) fn app_metadata(mut data: Map<String, Value>) -> Value {
    data.insert("provider".into(), json!("email"));
    data.insert("providers".into(), json!(["email"]));
    Value::Object(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_and_method_come_together() {
        assert!(check_challenge(None, None).is_ok());
        assert!(check_challenge(Some("abc"), Some("S256")).is_ok());
        assert!(check_challenge(Some("abc"), None).is_err());
        assert!(check_challenge(None, Some("s256")).is_err());
        assert!(check_challenge(Some("abc"), Some("md5")).is_err());
    }

    #[test]
    fn nobody_claims_another_address_in_their_metadata() {
        let data = serde_json::from_str(r#"{"name":"Ana","email":"bo@example.com"}"#).unwrap();
        let metadata = user_metadata(data, Uuid::nil(), "ana@example.com", true);
        assert_eq!(metadata["email"], "ana@example.com");
        assert_eq!(metadata["name"], "Ana");
    }
}
