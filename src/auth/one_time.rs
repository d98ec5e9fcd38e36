//! Codes and links: how they are made, sent to somebody, and recognised when they come back.
//!
//! The link's secret is long and kept as its hash. The code is short, so its hash is keyed with
//! the server's secret and a few wrong guesses void it: neither a copy of the table nor patience
//! lets anybody in.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use rand::RngExt;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::error::TooSoon;
use super::hooks::Hook;
use super::mail::{Letter, Reader, Values};
use super::store::User;
use super::store::token::{self, NewToken, Purpose, Token};
use super::{Auth, Error, refresh};
use crate::pg::Transaction;

/// A code and a link as they leave; nothing of it is kept.
pub(super) struct OneTime {
    pub code: String,
    pub secret: String,
}

/// What the document says of a person, as far as letters and links ask.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Facts {
    pub email: String,
    pub phone: String,
    pub new_email: Option<String>,
    pub new_phone: Option<String>,
    pub email_confirmed_at: Option<String>,
    pub phone_confirmed_at: Option<String>,
    pub user_metadata: Map<String, Value>,
    /// The whole of it, for the operator's functions.
    #[serde(skip)]
    pub document: Value,
}

/// A letter to be.
pub(super) struct Outgoing<'a> {
    pub letter: Letter,
    /// What its link is called in `type`.
    pub link_type: &'a str,
    pub to: &'a str,
    pub token: Option<&'a OneTime>,
    /// What there is besides the account's own facts.
    pub more: &'a [(&'static str, &'a str)],
}

impl User {
    /// What the document says.
    pub(super) fn facts(&self) -> Result<Facts, Error> {
        let read = || {
            let document: Value = serde_json::from_str(self.document.get())?;
            Ok(Facts { document: document.clone(), ..serde_json::from_value(document)? })
        };
        read().map_err(|error: serde_json::Error| Error::Broken(Box::new(error)))
    }
}

impl Facts {
    /// The language the person has chosen.
    fn locale(&self) -> Option<&str> {
        self.user_metadata.get("locale").and_then(Value::as_str)
    }
}

impl Auth {
    /// Makes a code and a link in place of earlier ones for the same purpose.
    pub(super) async fn issue(
        &self,
        tx: &Transaction,
        user_id: Uuid,
        purpose: Purpose,
        address: &str,
        flow_id: Option<Uuid>,
    ) -> Result<OneTime, Error> {
        let code = self.code_for(address);
        // Clients tell the flow by the prefix.
        let prefix = if flow_id.is_some() { "pkce_" } else { "" };
        let secret = format!("{prefix}{}", hex::encode(rand::random::<[u8; 28]>()));
        let new = NewToken {
            user_id,
            purpose,
            relates_to: address,
            secret_hash: &refresh::hash(&secret),
            code_hash: &self.code_hash(user_id, address, &code),
            flow_id,
        };
        token::issue(tx, &new).await?;
        Ok(OneTime { code, secret })
    }

    /// Whether this is the code of the token.
    pub(super) fn is_code_of(&self, token: &Token, code: &str) -> bool {
        let shown = self.code_hash(token.user_id, &token.relates_to, code);
        token.code_hash.as_ref().is_some_and(|kept| shown.as_bytes().ct_eq(kept.as_bytes()).into())
    }

    /// Whether it came in time.
    pub(super) fn is_fresh(&self, token: &Token) -> bool {
        let letters = &self.settings.letters;
        let is_mail = token.relates_to.contains('@');
        let seconds =
            if is_mail { letters.auth_mail_otp_seconds } else { letters.auth_sms_otp_seconds };
        token.age_seconds <= f64::from(seconds)
    }

    /// Refuses to write to an address again too soon, be there an account or not.
    pub(super) async fn take_turn(
        &self,
        tx: &Transaction,
        address: &str,
        purpose: Purpose,
    ) -> Result<(), Error> {
        let is_mail = address.contains('@');
        let every =
            if is_mail { self.mail_every } else { self.settings.letters.auth_sms_every_seconds };
        match token::take_turn(tx, &refresh::hash(address), purpose.name(), every).await? {
            None => Ok(()),
            Some(seconds) if is_mail => Err(Error::MailTooSoon(TooSoon::new(seconds))),
            Some(seconds) => Err(Error::SmsTooSoon(TooSoon::new(seconds))),
        }
    }

    /// Writes a letter and hands it to the jobs; notifications only when the operator wants them.
    pub(super) async fn post(
        &self,
        tx: &Transaction,
        facts: &Facts,
        reader: &Reader,
        outgoing: &Outgoing<'_>,
    ) -> Result<(), Error> {
        if outgoing.to.is_empty() || !self.writer.tells(outgoing.letter) {
            return Ok(());
        }
        if self.has_hook(Hook::SendEmail) {
            return self.hand_over(tx, facts, reader, outgoing).await;
        }
        let mut values = Values { data: facts.user_metadata.clone(), ..Values::default() };
        let mut set = |name, value: &str| {
            values.named.insert(name, value.to_owned());
        };
        set("SiteURL", self.redirects.site_url());
        set("RedirectTo", &reader.redirect_to);
        set("Email", &facts.email);
        set("NewEmail", facts.new_email.as_deref().unwrap_or_default());
        set("Phone", &facts.phone);
        set("SendingTo", outgoing.to);
        if let Some(token) = outgoing.token {
            let url = self.link(&token.secret, outgoing.link_type, &reader.redirect_to);
            set("ConfirmationURL", &url);
            set("Token", &token.code);
            set("TokenHash", &token.secret);
        }
        for &(name, value) in outgoing.more {
            set(name, value);
        }
        let languages = reader.languages_of(facts.locale());
        let written = self.writer.write(outgoing.letter, &languages, &values);
        let message = json!({
            "to": outgoing.to,
            "subject": written.subject,
            "text": written.text,
            "html": written.html,
        });
        Ok(token::enqueue(tx, &message).await?)
    }

    /// Lets the operator's function send in place of the server.
    async fn hand_over(
        &self,
        tx: &Transaction,
        facts: &Facts,
        reader: &Reader,
        outgoing: &Outgoing<'_>,
    ) -> Result<(), Error> {
        let (code, secret) =
            outgoing.token.map_or(("", ""), |token| (token.code.as_str(), token.secret.as_str()));
        let mut data = json!({
            "token": code,
            "token_hash": secret,
            "redirect_to": reader.redirect_to,
            "email_action_type": outgoing.link_type,
            "site_url": self.redirects.site_url(),
            "sending_to": outgoing.to,
            "new_email": facts.new_email,
        });
        for (name, key) in [
            ("OldEmail", "old_email"),
            ("OldPhone", "old_phone"),
            ("Provider", "provider"),
            ("FactorType", "factor_type"),
        ] {
            if let Some((_, value)) = outgoing.more.iter().find(|(given, _)| *given == name) {
                data[key] = json!(value);
            }
        }
        let payload = json!({ "user": facts.document, "email_data": data });
        self.ask(tx, Hook::SendEmail, &payload).await?;
        Ok(())
    }

    /// The URL of a link in mail.
    pub(super) fn link(&self, secret: &str, link_type: &str, redirect_to: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", secret)
            .append_pair("type", link_type)
            .append_pair("redirect_to", redirect_to)
            .finish();
        format!("{}/verify?{query}", self.issuer)
    }

    /// A new code for an address or a number.
    pub(super) fn code_for(&self, address: &str) -> String {
        if let Some(code) = self.test_code(address) {
            return code.to_owned();
        }
        let mut random = rand::rng();
        let mut code = String::new();
        for _ in 0..self.settings.letters.auth_otp_digits {
            let _ = write!(code, "{}", random.random_range(0..10));
        }
        code
    }

    /// What is kept of a code: useless without the server's secret.
    pub(super) fn code_hash(&self, user_id: Uuid, address: &str, code: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.code_key).expect("HMAC takes keys of any length");
        mac.update(format!("{user_id}|{address}|{code}").as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}
