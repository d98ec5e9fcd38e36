//! Functions of the operator's own that are asked: what claims a token has, whether an account may
//! be made, whether a password counts; and those that send.
//!
//! A hook takes and gives jsonb. What it raises, or answers as
//! `{"error": {"http_code": 403, "message": "..."}}`, refuses the request in its words.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::request::Device;
use super::store::{self, NewUser, User};
use super::{Auth, Error};
use crate::config::{FunctionName, HookSettings};
use crate::pg::{self, Transaction};

/// Longest a hook may take.
const TIMEOUT: &str = "2s";

/// Said when a hook refuses without words.
const PASSWORD_REFUSED: &str = "Further password verification attempts will be rejected.";
const FACTOR_REFUSED: &str = "Further MFA verification attempts will be rejected.";

/// Whether a claim is of its kind.
type IsOfKind = fn(&Value) -> bool;

/// Claims that every access token has, and what they are.
const REQUIRED: [(&str, IsOfKind); 10] = [
    ("aud", |claim| claim.is_string() || claim.is_array()),
    ("exp", Value::is_i64),
    ("iat", Value::is_i64),
    ("sub", Value::is_string),
    ("email", Value::is_string),
    ("phone", Value::is_string),
    ("role", Value::is_string),
    ("aal", Value::is_string),
    ("session_id", Value::is_string),
    ("is_anonymous", Value::is_boolean),
];

/// Which function is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hook {
    CustomAccessToken,
    BeforeUserCreated,
    PasswordVerificationAttempt,
    MfaVerificationAttempt,
    SendEmail,
    SendSms,
    SignInName,
    MergeUsers,
}

impl Hook {
    fn name(self) -> &'static str {
        match self {
            Self::CustomAccessToken => "custom_access_token",
            Self::BeforeUserCreated => "before_user_created",
            Self::PasswordVerificationAttempt => "password_verification_attempt",
            Self::MfaVerificationAttempt => "mfa_verification_attempt",
            Self::SendEmail => "send_email",
            Self::SendSms => "send_sms",
            Self::SignInName => "sign_in_name",
            Self::MergeUsers => "merge_users",
        }
    }

    fn of(self, settings: &HookSettings) -> Option<&FunctionName> {
        let function = match self {
            Self::CustomAccessToken => &settings.auth_hook_custom_access_token,
            Self::BeforeUserCreated => &settings.auth_hook_before_user_created,
            Self::PasswordVerificationAttempt => &settings.auth_hook_password_verification_attempt,
            Self::MfaVerificationAttempt => &settings.auth_hook_mfa_verification_attempt,
            Self::SendEmail => &settings.auth_hook_send_email,
            Self::SendSms => &settings.auth_hook_send_sms,
            Self::SignInName => &settings.auth_hook_sign_in_name,
            Self::MergeUsers => &settings.auth_hook_merge_users,
        };
        function.as_ref()
    }
}

/// What a hook says of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Continue,
    Reject {
        message: String,
        /// Whether all sessions of the person shall end.
        ends_sessions: bool,
    },
}

/// How a hook refuses.
#[derive(Deserialize)]
struct Refusal {
    http_code: Option<u16>,
    message: Option<String>,
}

impl Auth {
    /// Whether the operator has set this hook.
    pub(super) fn has_hook(&self, hook: Hook) -> bool {
        hook.of(&self.settings.hooks).is_some()
    }

    /// What a hook answers; nothing when there is none.
    ///
    /// # Errors
    /// It refuses, takes too long, or cannot be called. The transaction is lost then, unless the
    /// answer itself was the refusal.
    pub(super) async fn ask(
        &self,
        tx: &Transaction,
        hook: Hook,
        payload: &Value,
    ) -> Result<Option<Value>, Error> {
        let Some(function) = hook.of(&self.settings.hooks) else { return Ok(None) };
        let answer = store::call(tx, &function.quoted(), payload, TIMEOUT).await;
        match answer {
            Ok(answer) => read(hook, answer).map(Some),
            Err(error) if error.sqlstate() == Some("57014") => Err(Error::HookTimeout),
            Err(error) => Err(told(hook, error)),
        }
    }

    /// Makes an account, if neither the rules nor the hook are against it.
    pub(super) async fn create(
        &self,
        tx: &Transaction,
        new: &NewUser<'_>,
        device: &Device,
    ) -> Result<(), Error> {
        if let Some(email) = new.email {
            store::check_sign_up(tx, email).await?;
        }
        if self.has_hook(Hook::BeforeUserCreated) {
            let payload = json!({
                "metadata": metadata("before-user-created", device),
                "user": {
                    "id": new.id,
                    "aud": new.aud,
                    "role": new.role,
                    "email": new.email.unwrap_or_default(),
                    "phone": new.phone.unwrap_or_default(),
                    "app_metadata": new.app_metadata,
                    "user_metadata": new.user_metadata,
                    "identities": [],
                    "is_anonymous": false,
                },
            });
            self.ask(tx, Hook::BeforeUserCreated, &payload).await?;
        }
        Ok(store::create(tx, new).await?)
    }

    /// Asks the hook whether somebody without a name may have an account.
    pub(super) async fn admit_anonymous(
        &self,
        tx: &Transaction,
        id: Uuid,
        data: &Map<String, Value>,
        device: &Device,
    ) -> Result<(), Error> {
        if self.has_hook(Hook::BeforeUserCreated) {
            let payload = json!({
                "metadata": metadata("before-user-created", device),
                "user": {
                    "id": id, "aud": "authenticated", "role": "authenticated", "email": "",
                    "phone": "", "app_metadata": {}, "user_metadata": data, "identities": [],
                    "is_anonymous": true,
                },
            });
            self.ask(tx, Hook::BeforeUserCreated, &payload).await?;
        }
        Ok(())
    }

    /// The account that a name other than an address signs in to, as the operator's hook knows.
    pub(super) async fn named(&self, name: &str) -> Result<Option<User>, Error> {
        let work = async |tx: &Transaction| {
            let answer = self.ask(tx, Hook::SignInName, &json!({ "name": name })).await?;
            let id = answer.as_ref().and_then(|answer| answer["user_id"].as_str());
            match id.and_then(|id| Uuid::try_parse(id).ok()) {
                Some(id) => Ok(store::find(tx, id).await?),
                None => Ok(None),
            }
        };
        self.store.transaction(work).await
    }

    /// The claims of an access token as the operator wants them.
    pub(super) async fn claims(
        &self,
        tx: &Transaction,
        claims: Value,
        method: &str,
    ) -> Result<Value, Error> {
        let payload = json!({
            "user_id": claims["sub"],
            "claims": claims,
            "authentication_method": method,
        });
        let Some(mut answer) = self.ask(tx, Hook::CustomAccessToken, &payload).await? else {
            return Ok(claims);
        };
        check_claims(&claims, answer["claims"].take()).ok_or(Error::HookClaims)
    }

    /// What the operator says of a password that was tried.
    pub(super) async fn password_tried(
        &self,
        tx: &Transaction,
        user_id: Uuid,
        is_right: bool,
    ) -> Result<Decision, Error> {
        let payload = json!({ "user_id": user_id, "valid": is_right });
        let answer = self.ask(tx, Hook::PasswordVerificationAttempt, &payload).await?;
        Ok(answer.map_or(Decision::Continue, |answer| decision(&answer, PASSWORD_REFUSED)))
    }

    /// What the operator says of a code or key of a second factor that was tried.
    pub(super) async fn factor_tried(
        &self,
        tx: &Transaction,
        (user_id, factor_id, factor_type): (Uuid, Uuid, &str),
        is_right: bool,
    ) -> Result<Decision, Error> {
        let payload = json!({
            "user_id": user_id,
            "factor_id": factor_id,
            "factor_type": factor_type,
            "valid": is_right,
        });
        let answer = self.ask(tx, Hook::MfaVerificationAttempt, &payload).await?;
        Ok(answer.map_or(Decision::Continue, |answer| decision(&answer, FACTOR_REFUSED)))
    }
}

/// When, for what and from where a hook is asked.
fn metadata(name: &str, device: &Device) -> Value {
    let time = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    let address = device.ip.map(|ip| ip.to_string()).unwrap_or_default();
    json!({ "uuid": Uuid::new_v4(), "time": time, "name": name, "ip_address": address })
}

/// An answer that is no refusal.
fn read(hook: Hook, answer: Option<Value>) -> Result<Value, Error> {
    let mut answer = answer.unwrap_or(Value::Null);
    let refusal = answer.get_mut("error").map(Value::take);
    match refusal.filter(|refusal| !refusal.is_null()) {
        None => Ok(answer),
        Some(refusal) => {
            let refusal: Refusal = serde_json::from_value(refusal)
                .unwrap_or(Refusal { http_code: None, message: None });
            let status = refusal.http_code.and_then(|code| StatusCode::from_u16(code).ok());
            let status = status.filter(|code| code.is_client_error() || code.is_server_error());
            let message = refusal.message.filter(|message| !message.is_empty());
            Err(Error::HookRefused {
                status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                message: message.unwrap_or_else(|| format!("Hook {} refused", hook.name())),
            })
        }
    }
}

/// A hook that failed in words of its own tells them; another is a fault of the set-up.
fn told(hook: Hook, error: pg::Error) -> Error {
    match Error::from(error) {
        Error::Broken(why) => {
            tracing::error!(hook = hook.name(), "a hook cannot be called");
            Error::Broken(why)
        }
        told => told,
    }
}

fn decision(answer: &Value, default: &str) -> Decision {
    if answer["decision"] != "reject" {
        return Decision::Continue;
    }
    let message = answer["message"].as_str().filter(|message| !message.is_empty());
    Decision::Reject {
        message: message.unwrap_or(default).to_owned(),
        ends_sessions: answer["should_logout_user"] == true,
    }
}

/// The new claims, if they are those of a token: none is missing or of another type, the session,
/// the person and the client that acts for them are the same, and the token lives no longer than it would have.
fn check_claims(former: &Value, claims: Value) -> Option<Value> {
    let Value::Object(claims) = claims else { return None };
    let is_there =
        |(name, is_so): &(&str, fn(&Value) -> bool)| claims.get(*name).is_some_and(is_so);
    let is_same = |name: &str| claims.get(name) == former.get(name);
    let expires_at = |claims: Option<&Value>| claims.and_then(Value::as_i64);
    let lives_longer = expires_at(claims.get("exp")) > expires_at(former.get("exp"));
    let is_sound = REQUIRED.iter().all(is_there)
        && ["sub", "session_id", "iat", "client_id"].into_iter().all(is_same)
        && !lives_longer;
    is_sound.then(|| Value::Object(claims))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Value {
        json!({"aud": "authenticated", "exp": 20, "iat": 10, "sub": "p", "email": "", "phone": "",
               "role": "authenticated", "aal": "aal1", "session_id": "s", "is_anonymous": false})
    }

    fn changed(name: &str, value: Value) -> Option<Value> {
        let mut after = claims();
        after[name] = value;
        check_claims(&claims(), after)
    }

    #[test]
    fn claims_are_added_and_the_necessary_ones_stay() {
        assert!(changed("team", json!("red")).is_some());
        assert!(changed("role", json!("moderator")).is_some());
        assert!(changed("exp", json!(15)).is_some());
        for (name, value) in [
            ("role", json!(null)),
            ("aal", json!(1)),
            ("exp", json!(21)),
            ("exp", json!("20")),
            ("sub", json!("q")),
            ("session_id", json!("t")),
            ("client_id", json!("c")),
        ] {
            assert!(changed(name, value.clone()).is_none(), "{name} {value}");
        }
        assert!(check_claims(&claims(), json!({"role": "authenticated"})).is_none());
        assert!(check_claims(&claims(), json!(null)).is_none());
    }

    #[test]
    fn refusals_have_a_status_and_words() {
        let refused = |answer: Value| match read(Hook::BeforeUserCreated, Some(answer)) {
            Err(Error::HookRefused { status, message }) => (status.as_u16(), message),
            other => panic!("{other:?}"),
        };
        let full = json!({"error": {"http_code": 403, "message": "Not you"}});
        assert_eq!(refused(full), (403, "Not you".to_owned()));
        let words = "Hook before_user_created refused".to_owned();
        assert_eq!(refused(json!({"error": {"http_code": 200}})), (500, words.clone()));
        assert_eq!(refused(json!({"error": "no"})), (500, words));
        assert!(read(Hook::SendSms, Some(json!({"error": null}))).is_ok());
        assert!(read(Hook::SendSms, None).is_ok());
    }

    #[test]
    fn decisions_are_to_continue_unless_told_otherwise() {
        let reject = |answer| decision(&answer, "no");
        assert_eq!(reject(json!({})), Decision::Continue);
        assert_eq!(reject(json!(null)), Decision::Continue);
        let told = json!({"decision": "reject", "message": "stop", "should_logout_user": true});
        assert_eq!(reject(told), Decision::Reject { message: "stop".into(), ends_sessions: true });
        let untold = Decision::Reject { message: "no".into(), ends_sessions: false };
        assert_eq!(reject(json!({"decision": "reject"})), untold);
    }
}
