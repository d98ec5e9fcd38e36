//! Where browsers are woken and with which keys: kept sealed, opened to wake one.

use serde::Deserialize;
use serde_json::Value;

use super::Failure;
use super::store::{self, Job, PushTarget};
use crate::pg::{Pg, Seal, Unopened};

/// Kind of the jobs that seal what a client has just left; written by `walkie.subscribe_push`.
pub(super) const KIND: &str = "push_seal";

/// Opens and seals subscriptions.
#[derive(Clone)]
pub(super) struct Vault {
    pg: Pg,
    seal: Seal,
}

/// Where a browser is woken, and its keys in base64url.
#[derive(Deserialize)]
pub(super) struct Target {
    pub endpoint: String,
    pub p256dh: String,
    pub auth: String,
}

impl Vault {
    pub(super) fn new(pg: Pg, seal: Seal) -> Self {
        Self { pg, seal }
    }

    /// Seals the subscription of a job, unless it is sealed or gone.
    pub(super) async fn lock(&self, job: &Job) -> Result<(), Failure> {
        let id = job.payload.get("subscription").and_then(Value::as_str);
        let id = id.ok_or_else(|| Failure::lasting("the payload names no subscription"))?;
        let Some(PushTarget::Plain(plain)) = self.read(id).await? else { return Ok(()) };
        let sealed = self.seal.seal(id, &plain).map_err(unopened)?;
        let kept = store::seal_push_target(&self.pg, id, &plain, &sealed).await;
        kept.map_err(|error| Failure::passing(error.to_string()))
    }

    /// Opens a subscription, unless it is gone.
    pub(super) async fn open(&self, id: &str) -> Result<Option<Target>, Failure> {
        let text = match self.read(id).await? {
            None => return Ok(None),
            Some(PushTarget::Plain(plain)) => plain,
            Some(PushTarget::Sealed(sealed)) => self.seal.open(id, &sealed).map_err(unopened)?,
        };
        let target = serde_json::from_str(&text);
        target.map(Some).map_err(|_| Failure::lasting("the subscription is none"))
    }

    async fn read(&self, id: &str) -> Result<Option<PushTarget>, Failure> {
        let target = store::push_target(&self.pg, id).await;
        target.map_err(|error| Failure::passing(error.to_string()))
    }
}

/// Another server may have the secret, or this one after it was set up again.
#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn unopened(error: Unopened) -> Failure {
    Failure::passing(error.to_string())
}
