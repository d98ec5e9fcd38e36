//! Sign-ins and people whose channels are open: when a sign-in is ended, or a person is banned or
//! deleted, so are their channels.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::identity::{Identity, Revoked, unix_now};

/// The sign-ins and people.
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

/// A channel's interest in its sign-in and person, for as long as this lives.
#[derive(Debug)]
pub struct Watched {
    sessions: Arc<Sessions>,
    ids: Vec<Uuid>,
    has_ended: Arc<AtomicBool>,
}

impl Sessions {
    /// Watches the sign-in and the person of a token; `wake` is notified when either has ended.
    pub fn watch(self: &Arc<Self>, identity: &Identity, wake: &Arc<Notify>) -> Watched {
        let person = identity.subject.as_deref().and_then(|id| Uuid::try_parse(id).ok());
        let ids: Vec<Uuid> = identity.session.into_iter().chain(person).collect();
        let has_ended = Arc::new(AtomicBool::new(false));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for id in &ids {
            let watch = Watch { has_ended: Arc::clone(&has_ended), wake: Arc::clone(wake) };
            open.entry(*id).or_default().push(watch);
        }
        Watched { sessions: Arc::clone(self), ids, has_ended }
    }

    fn end(&self, has_ended: impl Fn(Uuid) -> bool) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for watch in open.iter().filter(|(id, _)| has_ended(**id)).flat_map(|(_, watches)| watches)
        {
            watch.has_ended.store(true, Ordering::Release);
            watch.wake.notify_one();
        }
    }

    /// Ends what is told to have ended, until `stop`.
    pub async fn run(&self, revoked: &Revoked, stop: &CancellationToken) {
        let mut changes = revoked.changes();
        while let Some(Ok(())) = stop.run_until_cancelled(changes.changed()).await {
            let now = unix_now();
            self.end(|id| revoked.holds(id, now));
        }
    }
}

impl Watched {
    /// Whether the sign-in or the person has ended.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut open = self.sessions.open.lock().unwrap_or_else(PoisonError::into_inner);
        for id in &self.ids {
            if let Some(watches) = open.get_mut(id) {
                watches.retain(|watch| !Arc::ptr_eq(&watch.has_ended, &self.has_ended));
                if watches.is_empty() {
                    open.remove(id);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ended_sessions_and_barred_people_wake_their_sockets_alone() {
        let sessions = Arc::new(Sessions::default());
        let wakes = [(); 3].map(|()| Arc::new(Notify::new()));
        let person = |session: u128, subject: u128| Identity {
            session: Some(Uuid::from_u128(session)),
            subject: Some(Uuid::from_u128(subject).to_string().into()),
            ..Identity::anon()
        };
        let [signed_out, banned, other] = [(1, 7), (2, 8), (3, 9)];
        let watched = [(signed_out, 0), (banned, 1), (other, 2)].map(
            |((session, subject), place): ((u128, u128), usize)| {
                sessions.watch(&person(session, subject), &wakes[place])
            },
        );
        sessions.end(|id| [1, 8, 20].map(Uuid::from_u128).contains(&id));
        wakes[0].notified().await;
        wakes[1].notified().await;
        assert_eq!(watched.each_ref().map(Watched::has_ended), [true, true, false]);
        assert!(futures_util::FutureExt::now_or_never(wakes[2].notified()).is_none());
        drop(watched);
        assert!(sessions.open.lock().expect("nobody panics with it").is_empty());
    }
}
