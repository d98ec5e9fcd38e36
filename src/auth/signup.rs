//! POST /signup: a new account, signed in at once or once its address is confirmed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::even::evenly;
use super::mail::{Letter, Reader};
use super::one_time::Outgoing;
use super::pkce::Challenge;
use super::request::{Device, Fields};
use super::session::Session;
use super::store::token::Purpose;
use super::store::{self, NewUser, Proof, User, address};
use super::{Auth, Error, anonymous, email, phone};
use crate::pg::Transaction;

/// Role and audience of people who sign up.
pub(super) const AUTHENTICATED: &str = "authenticated";

#[derive(Deserialize)]
pub(super) struct Asked {
    email: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    data: Option<Map<String, Value>>,
    channel: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// By what somebody is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Email(String),
    Phone(String),
}

/// A request to sign up that makes sense.
struct Signup {
    address: Address,
    password: String,
    data: Map<String, Value>,
    challenge: Option<Challenge>,
}

pub(super) async fn sign_up(
    State(auth): State<Arc<Auth>>,
    device: Device,
    reader: Reader,
    Fields(asked): Fields<Asked>,
) -> Result<Response, Error> {
    if asked.is_nameless() {
        let data = asked.data.unwrap_or_default();
        return Ok(Json(anonymous::sign_up(&auth, data, &device).await?).into_response());
    }
    let signup = asked.check(&auth).await?;
    let hash = auth.passwords.hash(signup.password.clone()).await?;
    if auth.confirms_at_once(&signup.address) {
        let session = at_once(&auth, &signup, &hash, &device).await?;
        return Ok(Json(session).into_response());
    }
    let document = evenly(async {
        match to_be_confirmed(&auth, &signup, &hash, &device, &reader).await {
            // Somebody signed up with the same address at this moment.
            Err(Error::EmailExists | Error::PhoneExists) => {
                to_be_confirmed(&auth, &signup, &hash, &device, &reader).await
            }
            outcome => outcome,
        }
    });
    Ok(Json(document.await?).into_response())
}

async fn at_once(
    auth: &Auth,
    signup: &Signup,
    hash: &str,
    device: &Device,
) -> Result<Session, Error> {
    let id = Uuid::new_v4();
    let new = signup.address.account(id, Some(hash), signup.data.clone(), true);
    let work = async |tx: &Transaction| {
        auth.create(tx, &new, device).await?;
        signup.address.confirm(tx, id).await?;
        let proof = Proof { method: "password", password_hash: Some(hash) };
        let session = auth.sign_in(tx, id, &proof, device).await?;
        let session = session.ok_or(Error::InvalidCredentials)?;
        session.check_size()?;
        Ok(session)
    };
    match auth.store.transaction(work).await {
        // This dialect has words of its own for whoever signs up.
        Err(Error::EmailExists | Error::PhoneExists) => Err(Error::UserAlreadyExists),
        outcome => outcome,
    }
}

/// The account, which nobody can use before its address is confirmed. An account that is
/// confirmed already is answered with one that there is not.
async fn to_be_confirmed(
    auth: &Auth,
    signup: &Signup,
    hash: &str,
    device: &Device,
    reader: &Reader,
) -> Result<Box<RawValue>, Error> {
    let work = async |tx: &Transaction| {
        let user = match signup.address.find(tx).await? {
            Some(user) if user.is_confirmed => return stranger(signup),
            // Password and data stay: whoever asks may be somebody else.
            Some(user) => user,
            None => {
                let (id, data) = (Uuid::new_v4(), signup.data.clone());
                let new = signup.address.account(id, Some(hash), data, false);
                auth.create(tx, &new, device).await?;
                store::find(tx, id).await?.ok_or(Error::UserNotFound)?
            }
        };
        super::session::check_size(&user.document)?;
        auth.take_turn(tx, signup.address.text(), Purpose::Confirmation).await?;
        let challenge = signup.challenge.as_ref();
        send_confirmation(auth, tx, &user, &signup.address, challenge, reader).await?;
        let user = store::find(tx, user.id).await?.ok_or(Error::UserNotFound)?;
        Ok(user.document)
    };
    auth.store.transaction(work).await
}

/// Sends what confirms an address or number.
pub(super) async fn send_confirmation(
    auth: &Auth,
    tx: &Transaction,
    user: &User,
    address: &Address,
    challenge: Option<&Challenge>,
    reader: &Reader,
) -> Result<(), Error> {
    let flow = auth.begin_flow(tx, user.id, challenge, "email/signup").await?;
    let token = auth.issue(tx, user.id, Purpose::Confirmation, address.text(), flow).await?;
    match address {
        Address::Email(email) => {
            let outgoing = Outgoing {
                letter: Letter::Confirmation,
                link_type: "signup",
                to: email,
                token: Some(&token),
                more: &[],
            };
            auth.post(tx, &user.facts()?, reader, &outgoing).await
        }
        Address::Phone(phone) => auth.text(tx, user, phone, &token.code).await,
    }
}

/// What somebody else's account looks like to whoever tries to sign up with its address.
fn stranger(signup: &Signup) -> Result<Box<RawValue>, Error> {
    let (email, phone) = (signup.address.email(), signup.address.phone());
    let now = time::OffsetDateTime::now_utc()
        .format(time::macros::format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z"
        ))
        .map_err(|error| Error::Broken(Box::new(error)))?;
    let document = json!({
        "id": Uuid::new_v4(),
        "aud": AUTHENTICATED,
        "role": "",
        "email": email.unwrap_or_default(),
        "phone": phone.unwrap_or_default(),
        "confirmation_sent_at": now,
        "app_metadata": app_metadata(Map::new(), email, phone),
        "user_metadata": signup.data,
        "identities": [],
        "created_at": now,
        "updated_at": now,
        "is_anonymous": false,
    });
    RawValue::from_string(document.to_string()).map_err(|error| Error::Broken(Box::new(error)))
}

impl Asked {
    fn is_nameless(&self) -> bool {
        [&self.email, &self.phone].into_iter().flatten().all(String::is_empty)
    }

    /// In the order in which this dialect refuses.
    async fn check(self, auth: &Auth) -> Result<Signup, Error> {
        let email = self.email.unwrap_or_default();
        let phone = self.phone.unwrap_or_default();
        if !auth.settings.auth_signup_enabled {
            return Err(Error::SignupDisabled);
        }
        let password = self.password.unwrap_or_default();
        if password.is_empty() {
            return Err(Error::Invalid("Signup requires a valid password"));
        }
        auth.check_password(&password).await?;
        let both = "Only an email address or phone number should be provided on signup.";
        let address = Address::read(auth, &email, &phone, both)?;
        phone::check_channel(self.channel.as_deref())?;
        let method = self.code_challenge_method.as_deref();
        let challenge = Challenge::read(self.code_challenge.as_deref(), method)?;
        if challenge.is_some() && address.phone().is_some() {
            return Err(Error::Invalid("PKCE not supported for phone signups"));
        }
        Ok(Signup { address, password, data: self.data.unwrap_or_default(), challenge })
    }
}

impl Address {
    /// The one that is given; `both` says what is wrong with two.
    pub(super) fn read(
        auth: &Auth,
        email: &str,
        phone: &str,
        both: &'static str,
    ) -> Result<Self, Error> {
        match (email.is_empty(), phone.is_empty()) {
            (false, false) => Err(Error::Invalid(both)),
            (true, false) if !auth.has_phones() => Err(Error::PhoneDisabled),
            (true, false) => phone::normal(phone).map(Self::Phone),
            _ => email::normal(email).map(Self::Email),
        }
    }

    pub(super) fn text(&self) -> &str {
        let (Self::Email(text) | Self::Phone(text)) = self;
        text
    }

    pub(super) fn email(&self) -> Option<&str> {
        if let Self::Email(email) = self { Some(email) } else { None }
    }

    pub(super) fn phone(&self) -> Option<&str> {
        if let Self::Phone(phone) = self { Some(phone) } else { None }
    }

    /// A new account that signs in with it.
    pub(super) fn account<'a>(
        &'a self,
        id: Uuid,
        password_hash: Option<&'a str>,
        data: Map<String, Value>,
        is_confirmed: bool,
    ) -> NewUser<'a> {
        let (email, phone) = (self.email(), self.phone());
        NewUser {
            id,
            email,
            phone,
            password_hash,
            aud: AUTHENTICATED,
            role: AUTHENTICATED,
            app_metadata: app_metadata(Map::new(), email, phone),
            user_metadata: user_metadata(data, id, email, phone, is_confirmed),
            identity: None,
        }
    }

    /// The account it belongs to.
    pub(super) async fn find(&self, tx: &Transaction) -> Result<Option<User>, Error> {
        Ok(match self {
            Self::Email(email) => address::by_email(tx, email).await?,
            Self::Phone(phone) => address::by_phone(tx, phone).await?,
        })
    }

    /// Confirms it for an account that has it.
    pub(super) async fn confirm(&self, tx: &Transaction, id: Uuid) -> Result<(), Error> {
        match self {
            Self::Email(_) => store::confirm(tx, id).await?,
            Self::Phone(_) => address::confirm_phone(tx, id).await?,
        }
        Ok(())
    }
}

/// What a new account says of itself. The server's own words come last, so nobody can claim them.
pub(super) fn user_metadata(
    mut data: Map<String, Value>,
    id: Uuid,
    email: Option<&str>,
    phone: Option<&str>,
    is_confirmed: bool,
) -> Value {
    data.insert("sub".into(), json!(id));
    for (name, address) in [("email", email), ("phone", phone)] {
        match address {
            Some(address) => data.insert(name.into(), json!(address)),
            None => data.remove(name),
        };
    }
    data.insert("email_verified".into(), json!(is_confirmed && email.is_some()));
    data.insert("phone_verified".into(), json!(is_confirmed && phone.is_some()));
    Value::Object(data)
}

/// What the service says of a new account.
pub(super) fn app_metadata(
    mut data: Map<String, Value>,
    email: Option<&str>,
    phone: Option<&str>,
) -> Value {
    let ways = [email.map(|_| "email"), phone.map(|_| "phone")];
    let ways: Vec<&str> = ways.into_iter().flatten().collect();
    data.insert("provider".into(), json!(ways.first()));
    data.insert("providers".into(), json!(ways));
    Value::Object(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_claims_another_address_in_their_metadata() {
        let data = serde_json::from_str(r#"{"name":"Ana","email":"bo@example.com"}"#).unwrap();
        let metadata = user_metadata(data, Uuid::nil(), Some("ana@example.com"), None, true);
        assert_eq!(metadata["email"], "ana@example.com");
        assert_eq!(metadata["name"], "Ana");
        assert_eq!(metadata["phone_verified"], false);
    }
}
