//! The sweep: bytes that nobody has any more are removed, first the bytes and then their entry in
//! the ledger, so that a crash in between only means to do it again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Error;
use super::store::upkeep;
use crate::blob::Blobs;
use crate::pg::Pg;

/// How long the sweep waits without being woken.
const PAUSE: Duration = Duration::from_secs(60);

/// Bytes stay for so long after they are let go of: for whoever was told of them a moment ago.
const GRACE: Duration = Duration::from_secs(2);

/// How often all bytes are compared with the ledger, and how old those are that it must know.
const AUDIT: Duration = Duration::from_secs(86_400);

/// What is done in one go, and how many removals at once.
const STEP: u32 = 500;
const AT_ONCE: usize = 8;

/// The task.
pub struct Sweep {
    pg: Pg,
    blobs: Blobs,
    wake: Arc<Notify>,
}

impl Sweep {
    /// `wake` is notified when bytes are let go of.
    pub fn new(pg: Pg, blobs: Blobs, wake: Arc<Notify>) -> Self {
        Self { pg, blobs, wake }
    }

    /// Sweeps at once, when woken, and each minute, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut next_audit = Instant::now();
        while !stop.is_cancelled() {
            let turn = async {
                let is_due_soon = self.tidy().await;
                if next_audit <= Instant::now() {
                    Self::report(self.audit().await);
                    next_audit = Instant::now() + AUDIT;
                }
                if !is_due_soon {
                    // A wake-up that is not heard is made up for by the next turn.
                    let _ = timeout(PAUSE, self.wake.notified()).await;
                }
                sleep(GRACE).await;
            };
            stop.run_until_cancelled(turn).await;
        }
    }

    /// Does what is due; whether more will be when the grace is over.
    async fn tidy(&self) -> bool {
        Self::report(self.expire().await);
        Self::report(self.remove().await);
        let left = upkeep::doomed(&self.pg, 1, 0).await;
        left.is_ok_and(|left| !left.is_empty())
    }

    fn report(outcome: Result<(), Error>) {
        if let Err(error) = outcome {
            tracing::warn!(%error, "the sweep of files could not go on and will try again");
        }
    }

    /// Lets go of what is over.
    async fn expire(&self) -> Result<(), Error> {
        while upkeep::expire(&self.pg, STEP).await? >= i32::try_from(STEP).unwrap_or(i32::MAX) {}
        Ok(())
    }

    /// Removes what was let go of.
    async fn remove(&self) -> Result<(), Error> {
        loop {
            let doomed = upkeep::doomed(&self.pg, STEP, GRACE.as_secs()).await?;
            if doomed.is_empty() {
                return Ok(());
            }
            self.remove_all(&doomed).await?;
            upkeep::forget(&self.pg, &doomed).await?;
        }
    }

    async fn remove_all(&self, versions: &[Uuid]) -> Result<(), Error> {
        let removals = stream::iter(versions.to_vec()).map(Ok::<_, Error>);
        let remove = async |version| Ok(self.blobs.delete(version).await?);
        removals.try_for_each_concurrent(AT_ONCE, remove).await?;
        Ok(())
    }

    /// Removes old bytes that the ledger does not know: what an operator or a restored database
    /// has left behind.
    async fn audit(&self) -> Result<(), Error> {
        let mut found = self.blobs.list().ready_chunks(usize::try_from(STEP).unwrap_or(500));
        let mut removed = 0_usize;
        while let Some(step) = found.next().await {
            let mut old = Vec::with_capacity(step.len());
            for found in step {
                let found = found?;
                let age = SystemTime::now().duration_since(found.written_at).unwrap_or_default();
                if age >= AUDIT {
                    old.push(found.version);
                }
            }
            let unknown = upkeep::unknown(&self.pg, &old).await?;
            self.remove_all(&unknown).await?;
            removed += unknown.len();
        }
        if removed > 0 {
            tracing::warn!(removed, "bytes that no object knew of were removed");
        }
        Ok(())
    }
}
