//! A session as the wire has it, and the access token in it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::password::Weakness;
use super::request::Device;
use super::store::{self, Amr, Grant, NewSession, Proof, Proven, Refreshing, User};
use super::{Auth, Error, refresh};
use crate::identity::unix_now;
use crate::pg::Transaction;

/// The largest account, in bytes of its document: most of it travels in every access token, and
/// proxies refuse long headers.
const MAX_DOCUMENT_BYTES: usize = 8 * 1024;

/// What a sign-in or a refresh gives.
#[derive(Serialize)]
pub(super) struct Session {
    access_token: String,
    token_type: &'static str,
    expires_in: u32,
    expires_at: i64,
    refresh_token: String,
    user: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weak_password: Option<Weakness>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_refresh_token: Option<String>,
    /// What it was granted, when it is an OAuth client's.
    #[serde(skip)]
    scopes: Option<String>,
}

/// What an OAuth client gets of a session.
#[derive(Serialize)]
pub(super) struct Tokens {
    pub access_token: String,
    token_type: &'static str,
    expires_in: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// What the access token tells of the user; read from the document so that both agree.
#[derive(Deserialize, Serialize)]
struct Subject<'a> {
    #[serde(rename(serialize = "sub"))]
    id: Uuid,
    aud: String,
    role: String,
    email: String,
    phone: String,
    #[serde(borrow)]
    app_metadata: &'a RawValue,
    #[serde(borrow)]
    user_metadata: &'a RawValue,
    is_anonymous: bool,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    exp: i64,
    iat: i64,
    #[serde(flatten)]
    subject: Subject<'a>,
    aal: &'a str,
    amr: &'a [Amr],
    session_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
}

/// What a token is made of besides its user.
struct Standing<'a> {
    session_id: Uuid,
    aal: &'a str,
    proven: &'a Proven,
    grant: Option<&'a Grant>,
}

/// Whether tokens can carry what is known of the user.
pub(super) fn check_size(document: &RawValue) -> Result<(), Error> {
    if document.get().len() > MAX_DOCUMENT_BYTES {
        return Err(Error::Invalid("Metadata is too large: every access token carries it"));
    }
    Ok(())
}

impl Session {
    /// As [`check_size`], for the user of a new session.
    pub(super) fn check_size(&self) -> Result<(), Error> {
        check_size(&self.user)
    }

    /// The session as the fragment of a URL, with what kind of link it is for.
    pub(super) fn fragment(&self, link_type: Option<&str>) -> String {
        let (expires_at, expires_in) = (self.expires_at.to_string(), self.expires_in.to_string());
        let pairs = [
            ("access_token", Some(self.access_token.as_str())),
            ("expires_at", Some(&expires_at)),
            ("expires_in", Some(&expires_in)),
            ("provider_refresh_token", self.provider_refresh_token.as_deref()),
            ("provider_token", self.provider_token.as_deref()),
            ("refresh_token", Some(&self.refresh_token)),
            ("token_type", Some(self.token_type)),
            ("type", link_type),
        ];
        let given = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish()
    }

    /// The same with what a provider gave for its own API.
    pub(super) fn with_provider_tokens(
        self,
        token: Option<String>,
        refresh: Option<String>,
    ) -> Self {
        Self { provider_token: token, provider_refresh_token: refresh, ..self }
    }

    /// What it was granted, when it is an OAuth client's.
    pub(super) fn scopes(&self) -> Option<&str> {
        self.scopes.as_deref()
    }

    /// What an OAuth client gets; the refresh token only if it may refresh.
    pub(super) fn tokens(self, may_refresh: bool) -> Tokens {
        Tokens {
            access_token: self.access_token,
            token_type: self.token_type,
            expires_in: self.expires_in,
            refresh_token: may_refresh.then_some(self.refresh_token),
        }
    }

    /// Says that the password just used would not be accepted for a new account.
    pub(super) fn with_weakness(mut self, weakness: Option<Weakness>) -> Self {
        self.weak_password = weakness;
        self
    }
}

impl Auth {
    /// A new session for whoever gave this proof; nothing when it counts no longer, see
    /// [`store::sign_in`].
    pub(super) async fn sign_in(
        &self,
        tx: &Transaction,
        user_id: Uuid,
        proof: &Proof<'_>,
        device: &Device,
    ) -> Result<Option<Session>, Error> {
        self.sign_in_until(tx, user_id, proof, device, None).await
    }

    /// The same for a session that ends at this second since 1970.
    pub(super) async fn sign_in_until(
        &self,
        tx: &Transaction,
        user_id: Uuid,
        proof: &Proof<'_>,
        device: &Device,
        ends_at: Option<i64>,
    ) -> Result<Option<Session>, Error> {
        let made = self.new_session(tx, user_id, proof, device, None, ends_at).await?;
        let Some((session_id, session)) = made else { return Ok(None) };
        if self.settings.auth_single_session {
            store::end_others(tx, user_id, session_id).await?;
        }
        Ok(Some(session))
    }

    /// A new session and its id, in which an OAuth client acts for a person if there is a grant;
    /// nothing as with [`Auth::sign_in`].
    pub(super) async fn new_session(
        &self,
        tx: &Transaction,
        user_id: Uuid,
        proof: &Proof<'_>,
        device: &Device,
        grant: Option<&Grant>,
        ends_at: Option<i64>,
    ) -> Result<Option<(Uuid, Session)>, Error> {
        let session_id = Uuid::new_v4();
        let refresh_token = refresh::secret();
        let new = NewSession {
            id: session_id,
            user_id,
            proof,
            grant,
            refresh_key: &refresh::secret(),
            token_hash: &refresh::hash(&refresh_token),
            device,
            ends_at,
        };
        let Some(user) = store::sign_in(tx, &new).await? else { return Ok(None) };
        let proven = if user.is_managed {
            store::proofs(tx, session_id).await?
        } else {
            let (method, timestamp) = (proof.method.to_owned(), unix_now());
            Proven { amr: vec![Amr { method, timestamp, provider: None }], ends_at }
        };
        let standing = Standing { session_id, aal: "aal1", proven: &proven, grant };
        let session = self.session(tx, user, &standing, refresh_token).await?;
        Ok(Some((session_id, session)))
    }

    /// The session again, with another access token.
    pub(super) async fn go_on(
        &self,
        tx: &Transaction,
        refreshing: Refreshing,
        refresh_token: String,
    ) -> Result<Session, Error> {
        let Refreshing { session_id, user, aal, grant, .. } = refreshing;
        let proven = store::proofs(tx, session_id).await?;
        let standing = Standing { session_id, aal: &aal, proven: &proven, grant: grant.as_ref() };
        self.session(tx, user, &standing, refresh_token).await
    }

    /// The session again, after it rose to another level.
    pub(super) async fn session_at(
        &self,
        tx: &Transaction,
        user: User,
        session_id: Uuid,
        aal: &str,
        refresh_token: String,
    ) -> Result<Session, Error> {
        let proven = store::proofs(tx, session_id).await?;
        let standing = Standing { session_id, aal, proven: &proven, grant: None };
        self.session(tx, user, &standing, refresh_token).await
    }

    async fn session(
        &self,
        tx: &Transaction,
        user: User,
        standing: &Standing<'_>,
        refresh_token: String,
    ) -> Result<Session, Error> {
        let &Standing { session_id, aal, proven, grant } = standing;
        let iat = unix_now();
        let life = i64::from(self.settings.auth_token_seconds);
        // No token outlives its session.
        let exp = proven.ends_at.unwrap_or(i64::MAX).max(iat).min(iat + life);
        let expires_in = u32::try_from(exp - iat).unwrap_or_default();
        let amr = proven.amr.as_slice();
        let subject = serde_json::from_str(user.document.get())
            .map_err(|error| Error::Broken(Box::new(error)))?;
        let claims = Claims {
            iss: &self.issuer,
            exp,
            iat,
            subject,
            aal,
            amr,
            session_id,
            client_id: grant.map(|grant| grant.client_id),
            scope: grant.map(|grant| grant.scopes.as_str()),
        };
        let claims =
            serde_json::to_value(claims).map_err(|error| Error::Broken(Box::new(error)))?;
        let method = amr.first().map_or("", |proof| &proof.method);
        let claims = self.claims(tx, claims, method).await?;
        Ok(Session {
            access_token: self.keys.sign(&claims)?,
            token_type: "bearer",
            expires_in,
            expires_at: exp,
            refresh_token,
            user: user.document,
            weak_password: None,
            provider_token: None,
            provider_refresh_token: None,
            scopes: grant.map(|grant| grant.scopes.clone()),
        })
    }
}
