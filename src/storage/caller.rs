//! Who is asking, and the transactions in which that is so.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Error, Storage};
use crate::http::identity::{api_key, bearer, caller};
use crate::identity::{Identity, SERVICE_ROLE};
use crate::pg::{Session, names};

/// Longest claim `sub` that is written down as an owner, in bytes.
const MAX_OWNER_BYTES: usize = 256;

/// Somebody who asks, and the request they ask with, as policies may look at it.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub identity: Identity,
    token: String,
    headers: String,
    method: String,
    path: String,
}

impl Caller {
    /// Somebody and their request.
    pub(super) fn new(identity: Identity, token: &str, parts: &Parts) -> Self {
        let mut headers = Map::new();
        for (name, value) in &parts.headers {
            let value = String::from_utf8_lossy(value.as_bytes()).replace('\0', "");
            headers.insert(name.as_str().to_owned(), Value::String(value));
        }
        Self {
            identity,
            token: token.to_owned(),
            headers: Value::Object(headers).to_string(),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
        }
    }

    /// A transaction as this person.
    pub(super) fn session(&self, operation: &'static str) -> Session<'_> {
        self.work(&self.identity.role, operation)
    }

    /// A transaction as the owner of the schema, for this person.
    pub(super) fn own(&self, operation: &'static str) -> Session<'_> {
        self.work(names::STORAGE_ROLE, operation)
    }

    /// A transaction that no policy binds, for this person: what triggers of theirs may do, it may.
    pub(super) fn service(&self, operation: &'static str) -> Session<'_> {
        self.work(SERVICE_ROLE, operation)
    }

    fn work<'a>(&'a self, role: &'a str, operation: &'static str) -> Session<'a> {
        Session::own(role)
            .set("request.jwt", &self.token)
            .set("request.jwt.claims", &self.identity.claims)
            .set("request.jwt.claim.sub", self.identity.subject.as_deref().unwrap_or_default())
            .set("request.jwt.claim.role", &self.identity.role)
            .set("request.headers", &self.headers)
            .set("request.method", &self.method)
            .set("request.path", &self.path)
            .set("storage.operation", operation)
            .set("storage.allow_delete_query", "true")
    }

    /// What is written down as the owner of what they make: the text, and the uuid if it is one.
    pub(super) fn owner(&self) -> (Option<&str>, Option<Uuid>) {
        let subject = self.identity.subject.as_deref();
        let subject = subject.filter(|it| !it.is_empty() && it.len() <= MAX_OWNER_BYTES);
        (subject, subject.and_then(|subject| Uuid::try_parse(subject).ok()))
    }

    /// Whether they showed who they are, rather than being a stranger.
    pub(super) fn is_known(&self) -> bool {
        !self.token.is_empty() && self.identity.names_role
    }

    /// Whether no policy binds them.
    pub(super) fn is_service(&self) -> bool {
        &*self.identity.role == SERVICE_ROLE
    }
}

/// Whoever shows a token or a project key; nobody else comes in.
impl FromRequestParts<Arc<Storage>> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, storage: &Arc<Storage>) -> Result<Self, Error> {
        let token = token(parts).ok_or_else(|| {
            Error::Form("headers must have required property 'authorization'".into())
        })?;
        let identity = caller(&storage.keys, &parts.headers, parts.uri.query()).await?;
        Ok(Self::new(identity, &token, parts))
    }
}

/// Whoever asks; without a good token they are a stranger.
pub(super) struct Visitor(pub Caller);

impl FromRequestParts<Arc<Storage>> for Visitor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, storage: &Arc<Storage>) -> Result<Self, Error> {
        let token = token(parts).unwrap_or_default();
        let known = caller(&storage.keys, &parts.headers, parts.uri.query()).await;
        let identity = known.unwrap_or_else(|_| Identity::anon());
        Ok(Self(Caller::new(identity, &token, parts)))
    }
}

fn token(parts: &Parts) -> Option<String> {
    let shown = bearer(&parts.headers).map(str::to_owned);
    shown.or_else(|| api_key(&parts.headers, parts.uri.query()))
}
