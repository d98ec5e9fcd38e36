//! The Auth dialect (GoTrue): accounts, sessions and the tokens that prove them.
//!
//! Reading order: the endpoints (`signup`, `anonymous`, `token`, `otp`, `recover`, `resend`,
//! `verify` and `link`, `reauthenticate`, `oauth`, `sso`, `oauth_server`, `user`, `devices`,
//! `logout`, `invite`, `admin`, `audit`, `settings`), who may call them (`bearer`), how often
//! (`limits`), and whether they are people (`captcha`), what they make (`session`), the means of
//! proof (`password` and `leaks`, `refresh`, `one_time`, `pkce`, `web3`, `factors`, `passkeys` and
//! their domain `webauthn`), what the operator's functions say (`hooks`), what is sent (`mail`,
//! `phone`) and where it leads (`redirect`), all SQL (`store`), what is read from a request
//! (`request`, `email`, `duration`, `page`) and every refusal (`error`).

mod admin;
mod anonymous;
mod audit;
mod bearer;
mod captcha;
mod change;
mod devices;
mod duration;
mod email;
mod error;
mod even;
mod factors;
mod hooks;
mod invite;
mod leaks;
mod limits;
mod link;
mod logout;
mod mail;
mod oauth;
mod oauth_server;
mod one_time;
mod otp;
mod page;
mod passkeys;
mod password;
mod phone;
mod pkce;
mod reauthenticate;
mod recover;
mod redirect;
mod refresh;
mod request;
mod resend;
mod session;
mod settings;
mod signup;
mod sso;
mod store;
mod token;
mod user;
mod verify;
mod web3;
mod webauthn;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, patch, post};
use sha2::{Digest, Sha256};
use url::Url;

use crate::config::{AuthSettings, MailSettings};
use crate::http::{Outbound, catch_panics};
use crate::identity::Keys;
use crate::pg::{Pg, Seal};

use error::Error;
use mail::Writer;
use oauth::Providers;
use password::Passwords;
use redirect::Redirects;
use signup::Address;
use sso::Party;
use store::Store;
use webauthn::RelyingParty;

/// Least seconds between two mails to one address, where they leave and where they do not.
const MAIL_EVERY: (u32, u32) = (60, 1);

/// Why the dialect cannot be offered as the settings ask.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// `WALKIE_AUTH_SITE_URL` is no URL.
    #[error("WALKIE_AUTH_SITE_URL is no URL: {0}")]
    SiteUrl(String),
    /// A template is missing or not understood.
    #[error("mail template {0}: {1}")]
    Template(String, String),
    /// `WALKIE_AUTH_MAILER_NOTIFICATIONS` names something that nobody is told of.
    #[error("WALKIE_AUTH_MAILER_NOTIFICATIONS knows no {0}")]
    Notification(String),
    /// A domain or origin of keys is no URL or does not fit the others.
    #[error("WALKIE_AUTH_WEBAUTHN_RP_ID and WALKIE_AUTH_WEBAUTHN_RP_ORIGINS: {0}")]
    Webauthn(String),
    /// SAML is on and cannot be offered; why.
    #[error("SAML: {0}")]
    Saml(String),
}

/// What the Auth dialect works with.
pub struct Auth {
    store: Store,
    keys: Keys,
    settings: AuthSettings,
    /// Claim `iss` of the tokens, and where the dialect is reached.
    issuer: String,
    passwords: Passwords,
    redirects: Redirects,
    writer: Writer,
    providers: Providers,
    /// Key of the digests of codes.
    code_key: [u8; 32],
    /// Whether people need not confirm their address.
    autoconfirm: bool,
    /// Least seconds between two mails of a kind to one address.
    mail_every: u32,
    seal: Seal,
    /// Keys the tokens that second factors give.
    factor_key: [u8; 32],
    /// What authenticator apps call this service.
    factor_issuer: String,
    party: RelyingParty,
    /// Nothing when SAML is off.
    party_of_saml: Option<Party>,
}

impl Auth {
    /// `secret` keys the digests of codes; `public_url` is where clients reach the server, without
    /// a slash at its end.
    ///
    /// # Errors
    /// A setting does not read.
    pub fn new(
        pg: Pg,
        keys: Keys,
        settings: &AuthSettings,
        mail: &MailSettings,
        seal: Seal,
        secret: &str,
        public_url: &str,
    ) -> Result<Self, SetupError> {
        let letters = &settings.letters;
        let leaves = mail.smtp_host.is_some() || settings.hooks.auth_hook_send_email.is_some();
        let mail_every = if leaves { MAIL_EVERY.0 } else { MAIL_EVERY.1 };
        let factors = &settings.factors;
        let site = Url::parse(&letters.auth_site_url)
            .map_err(|_| SetupError::SiteUrl(letters.auth_site_url.clone()))?;
        let factor_issuer = factors.auth_mfa_issuer.clone();
        let issuer = format!("{public_url}/auth/v1");
        Ok(Self {
            store: Store::new(pg, keys.revoked().clone(), settings.auth_token_seconds),
            keys,
            party_of_saml: Party::new(&settings.single_sign_on, &issuer)
                .map_err(SetupError::Saml)?,
            issuer,
            passwords: Passwords::new(
                settings.auth_password_min_length,
                &settings.auth_password_required_characters,
            ),
            redirects: Redirects::new(&letters.auth_site_url, &letters.auth_redirect_urls)?,
            writer: Writer::new(letters)?,
            providers: Providers::new(&settings.providers, settings.guards.urls()),
            code_key: Sha256::digest(format!("one-time codes|{secret}")).into(),
            autoconfirm: letters.auth_mailer_autoconfirm.unwrap_or(!leaves),
            mail_every: letters.auth_mail_every_seconds.unwrap_or(mail_every),
            settings: settings.clone(),
            seal,
            factor_key: Sha256::digest(format!("second factors|{secret}")).into(),
            factor_issuer: factor_issuer
                .unwrap_or_else(|| site.host_str().unwrap_or_default().to_owned()),
            party: RelyingParty::new(factors, &site).map_err(SetupError::Webauthn)?,
        })
    }

    /// How other servers are asked.
    fn outbound(&self) -> &Outbound {
        self.providers.outbound()
    }

    /// Whether an address or number is taken as proven without a message.
    fn confirms_at_once(&self, address: &Address) -> bool {
        self.autoconfirm && matches!(address, Address::Email(_))
    }

    /// What stands at the root of the server, where others look for the OAuth server's document;
    /// nothing where that is off.
    pub fn well_known_router(&self) -> Router {
        oauth_server::discovery_router(self)
    }

    /// Everything below `/auth/v1`.
    pub fn router(self) -> Router {
        let auth = Arc::new(self);
        let router = Router::new()
            .route("/health", get(settings::health))
            .route("/settings", get(settings::settings))
            .route("/.well-known/jwks.json", get(settings::keys))
            .route("/signup", post(signup::sign_up))
            .route("/token", post(token::grant))
            .route("/otp", post(otp::send))
            .route("/magiclink", post(otp::send))
            .route("/recover", post(recover::recover))
            .route("/resend", post(resend::resend))
            .route("/verify", get(link::follow).head(link::look).post(verify::verify))
            .route("/verify/link", post(link::press))
            .route("/reauthenticate", get(reauthenticate::send))
            .route("/invite", post(invite::invite))
            .route("/admin/generate_link", post(invite::generate_link))
            .route("/authorize", get(oauth::authorize))
            .route("/sso", post(sso::start))
            .route("/sso/saml/metadata", get(sso::metadata))
            .route("/sso/saml/acs", post(sso::consume))
            .route("/admin/sso/providers", get(sso::list).post(sso::create))
            .route("/admin/sso/providers/{id}", get(sso::read).put(sso::change).delete(sso::delete))
            .route("/callback", get(oauth::come_back).post(oauth::come_back_by_form))
            .route("/user/identities/authorize", get(oauth::link))
            .route("/user/identities/{id}", delete(oauth::unlink))
            .route("/admin/audit", get(audit::list))
            .route("/admin/custom-providers", get(oauth::list).post(oauth::create))
            .route(
                "/admin/custom-providers/{identifier}",
                get(oauth::read).put(oauth::change).delete(oauth::delete),
            )
            .route("/user", get(user::read).put(user::change).delete(user::leave))
            .route("/user/merge", post(anonymous::merge))
            .route("/user/sessions", get(devices::list))
            .route("/user/sessions/{id}", delete(devices::end))
            .route("/logout", post(logout::log_out))
            .route("/admin/users", get(admin::list).post(admin::create))
            .route("/admin/users/{id}", get(admin::read).put(admin::change).delete(admin::delete))
            .route("/admin/users/{id}/factors", get(factors::admin::list))
            .route(
                "/admin/users/{id}/factors/{factor_id}",
                delete(factors::admin::remove).put(factors::admin::change),
            )
            .route("/admin/users/{id}/passkeys", get(passkeys::list_of))
            .route("/admin/users/{id}/passkeys/{passkey_id}", delete(passkeys::remove_by_admin))
            .route("/factors", post(factors::enroll::enroll))
            .route("/factors/{id}", delete(factors::enroll::unenroll))
            .route("/factors/{id}/challenge", post(factors::challenge::challenge))
            .route("/factors/{id}/verify", post(factors::verify::verify))
            .route(
                "/factors/recovery-codes",
                get(factors::recovery::status)
                    .post(factors::recovery::generate)
                    .delete(factors::recovery::unenroll),
            )
            .route("/factors/recovery-codes/verify", post(factors::recovery::verify))
            .route("/factors/recovery-codes/regenerate", post(factors::recovery::regenerate))
            .route("/passkeys", get(passkeys::list))
            .route("/passkeys/{id}", patch(passkeys::rename).delete(passkeys::remove))
            .route("/passkeys/registration/options", post(passkeys::begin_registration))
            .route("/passkeys/registration/verify", post(passkeys::register))
            .route("/passkeys/authentication/options", post(passkeys::begin_authentication))
            .route("/passkeys/authentication/verify", post(passkeys::authenticate))
            .merge(if auth.has_oauth_server() { oauth_server::router() } else { Router::new() })
            .route_layer(from_fn_with_state(Arc::clone(&auth), captcha::ask))
            .route_layer(from_fn_with_state(Arc::clone(&auth), limits::count))
            .fallback(async || Error::NoSuchPath)
            .method_not_allowed_fallback(async || Error::WrongMethod)
            .with_state(auth);
        catch_panics(router, || Error::Panicked)
            .layer(DefaultBodyLimit::max(request::MAX_BODY_BYTES))
            .layer(from_fn(error::answer))
    }
}
