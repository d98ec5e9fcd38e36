//! Who asks: whoever holds the keys of the servers, or a person who shows their token beside keys
//! that everybody may know.

use http::request::Parts;
use time::OffsetDateTime;

use super::super::Storage;
use super::super::caller::Caller;
use super::super::error::token_words;
use super::error::Error;
use super::policy::{self, Allowed, Fields};
use super::signature::{Credential, Head, Payload, Signature, Verified};
use crate::config::FrontSettings;
use crate::identity::{self, Identity, SERVICE_ROLE};

/// The keys that requests are signed with.
pub(in super::super) struct Front {
    /// Access key and secret of servers.
    pair: Option<(String, String)>,
    /// What people sign with, whose token is what counts.
    session_secret: Option<String>,
}

impl Front {
    /// As the settings say.
    pub(in super::super) fn new(settings: &FrontSettings) -> Self {
        let id = settings.storage_s3_front_access_key_id.clone();
        let secret = settings.storage_s3_front_secret_access_key.clone();
        let session_secret = settings.storage_s3_front_session_secret.clone();
        Self { pair: id.zip(secret), session_secret }
    }

    /// The secret behind an access key.
    fn secret<'a>(&'a self, access_key: &'a str, has_token: bool) -> Result<&'a str, Error> {
        if has_token {
            return Ok(self.session_secret.as_deref().unwrap_or(access_key));
        }
        let (_, secret) =
            self.pair.as_ref().filter(|(id, _)| id == access_key).ok_or(Error::UnknownKey)?;
        Ok(secret)
    }
}

/// How a body is bound to the signature of its request.
pub(super) enum Binding {
    Unsigned,
    Digest([u8; 32]),
    Chunked {
        /// From what signatures of chunks go on.
        signed: Option<Verified>,
        has_trailer: bool,
    },
}

/// Who signed a request, and how its body is bound to that.
///
/// # Errors
/// Nobody did, or not rightly.
pub(super) async fn caller(
    storage: &Storage,
    signed_path: &str,
    parts: &Parts,
    query: &[(String, String)],
) -> Result<(Caller, Binding), Error> {
    let head =
        Head { method: parts.method.as_str(), path: signed_path, query, headers: &parts.headers };
    let signature = Signature::read(&head)?;
    let token = signature.session_token.clone();
    let access_key = signature.credential.access_key.clone();
    let payload = signature.payload;
    let secret = storage.front.secret(&access_key, token.is_some())?;
    let verified = signature.verify(&head, secret, OffsetDateTime::now_utc())?;
    let binding = match payload {
        Payload::Unsigned => Binding::Unsigned,
        Payload::Digest(digest) => Binding::Digest(digest),
        Payload::Chunked { is_signed, has_trailer } => {
            Binding::Chunked { signed: is_signed.then_some(verified), has_trailer }
        }
    };
    Ok((identify(storage, token, parts).await?, binding))
}

/// Who signed the policy of a form, and what it allows.
///
/// # Errors
/// Nobody did, or it does not allow what the form says.
pub(super) async fn form(
    storage: &Storage,
    parts: &Parts,
    fields: &Fields,
    bucket: &str,
) -> Result<(Caller, Allowed), Error> {
    let Credential { access_key, .. } = policy::credential(fields)?;
    let token = fields.get("x-amz-security-token").map(str::to_owned);
    let secret = storage.front.secret(&access_key, token.is_some())?;
    let allowed = policy::verify(fields, bucket, secret, OffsetDateTime::now_utc())?;
    Ok((identify(storage, token, parts).await?, allowed))
}

async fn identify(
    storage: &Storage,
    token: Option<String>,
    parts: &Parts,
) -> Result<Caller, Error> {
    let Some(token) = token else {
        let server = Identity { names_role: true, ..Identity::stranger(SERVICE_ROLE) };
        return Ok(Caller::new(server, "", parts));
    };
    storage.keys.learn(&token).await;
    let identity = storage.keys.verify(&token).map_err(|why| match why {
        identity::Error::Expired(_) => Error::Expired,
        why => Error::BadToken(token_words(&why).into_owned()),
    })?;
    Ok(Caller::new(identity, &token, parts))
}
