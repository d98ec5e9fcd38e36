//! Sign-ins whose channels are open: when one is ended, so are its channels.
//!
//! Postgres is asked every two seconds which of them are gone, in one question for all, and
//! only while there are any.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::store;
use crate::pg::Pg;

/// How often Postgres is asked.
const INTERVAL: Duration = Duration::from_secs(2);

/// The sign-ins.
#[derive(Debug, Default)]
pub struct Sessions {
    /// Held for a look-up or a walk over what is open, never across an await.
    open: Mutex<HashMap<Uuid, Vec<Watch>>>,
}

#[derive(Debug)]
struct Watch {
    has_ended: Arc<AtomicBool>,
    /// Wakes the socket.
    wake: Arc<Notify>,
}

/// A channel's interest in its sign-in, for as long as this lives.
#[derive(Debug)]
pub struct Watched {
    sessions: Arc<Sessions>,
    id: Uuid,
    has_ended: Arc<AtomicBool>,
}

impl Sessions {
    /// Watches a sign-in; `wake` is notified when it has ended.
    pub fn watch(self: &Arc<Self>, id: Uuid, wake: &Arc<Notify>) -> Watched {
        let has_ended = Arc::new(AtomicBool::new(false));
        let watch = Watch { has_ended: Arc::clone(&has_ended), wake: Arc::clone(wake) };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.entry(id).or_default().push(watch);
        Watched { sessions: Arc::clone(self), id, has_ended }
    }

    fn ids(&self) -> Vec<Uuid> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    fn end(&self, ended: &[Uuid]) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for watch in ended.iter().filter_map(|id| open.get(id)).flatten() {
            watch.has_ended.store(true, Ordering::Release);
            watch.wake.notify_one();
        }
    }

    /// Asks again and again, until `shutdown`.
    pub async fn run(&self, pg: &Pg, shutdown: &CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
            let ids = self.ids();
            if ids.is_empty() {
                continue;
            }
            match store::ended_sessions(pg, &ids).await {
                Ok(ended) => self.end(&ended),
                Err(error) => tracing::warn!(%error, "ended sessions cannot be looked for"),
            }
        }
    }
}

impl Watched {
    /// Whether the sign-in has ended.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut open = self.sessions.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watches) = open.get_mut(&self.id) {
            watches.retain(|watch| !Arc::ptr_eq(&watch.has_ended, &self.has_ended));
            if watches.is_empty() {
                open.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ended_sessions_wake_their_sockets_alone() {
        let sessions = Arc::new(Sessions::default());
        let (ana, bo) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (first, second) = (sessions.watch(one, &ana), sessions.watch(two, &bo));
        sessions.end(&[one, Uuid::from_u128(3)]);
        ana.notified().await;
        assert!(first.has_ended() && !second.has_ended());
        assert!(futures_util::FutureExt::now_or_never(bo.notified()).is_none());
        drop((first, second));
        assert!(sessions.ids().is_empty());
    }
}
