//! Whose turn it is to work on an upload: one request at a time. A newer one asks the older to
//! let go, since that one's connection is often dead without the server knowing.
//!
//! This holds within one process. Between several, the database takes a piece only at the place
//! where the upload ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long somebody waits until the other has let go.
const PATIENCE: Duration = Duration::from_secs(5);

/// The uploads that are being worked on.
#[derive(Default)]
pub struct Turns {
    /// Held for a look-up, never while waiting.
    places: Arc<Mutex<HashMap<Uuid, Place>>>,
}

/// One upload.
struct Place {
    seat: Arc<tokio::sync::Mutex<()>>,
    /// Tells whoever sits there that somebody waits.
    ask: CancellationToken,
    /// How many sit or wait; the place goes with the last.
    people: usize,
}

/// The right to work on an upload, until dropped.
pub struct Turn {
    /// Cancelled when somebody else wants it.
    pub asked: CancellationToken,
    seat: Option<OwnedMutexGuard<()>>,
    _presence: Presence,
}

/// Somebody who sits or waits.
struct Presence {
    version: Uuid,
    places: Arc<Mutex<HashMap<Uuid, Place>>>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get_mut(&self.version) {
            place.people -= 1;
            if place.people == 0 {
                places.remove(&self.version);
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // The seat is free before the place may go.
        self.seat.take();
    }
}

impl Turns {
    /// Asks whoever works on the upload to let go, and waits for it. None when they do not.
    pub async fn take(&self, version: Uuid) -> Option<Turn> {
        let (seat, presence) = self.come(version);
        let seat = timeout(PATIENCE, seat.lock_owned()).await.ok()?;
        let asked = CancellationToken::new();
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.get_mut(&version)?;
        if place.people > 1 {
            // Somebody came while this one waited.
            asked.cancel();
        }
        place.ask = asked.clone();
        drop(places);
        Some(Turn { asked, seat: Some(seat), _presence: presence })
    }

    fn come(&self, version: Uuid) -> (Arc<tokio::sync::Mutex<()>>, Presence) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.entry(version).or_insert_with(|| Place {
            seat: Arc::default(),
            ask: CancellationToken::new(),
            people: 0,
        });
        place.people += 1;
        place.ask.cancel();
        let presence = Presence { version, places: Arc::clone(&self.places) };
        (Arc::clone(&place.seat), presence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newer_one_asks_and_gets_the_turn() {
        let turns = Arc::new(Turns::default());
        let version = Uuid::new_v4();
        let first = turns.take(version).await.expect("free");
        assert!(!first.asked.is_cancelled());
        let waiting = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move { turns.take(version).await.is_some() }
        });
        first.asked.cancelled().await;
        assert!(turns.take(Uuid::new_v4()).await.is_some(), "another upload is free");
        drop(first);
        assert!(waiting.await.expect("no panic"));
        assert!(turns.places.lock().expect("unpoisoned").is_empty(), "nothing is left");
    }

    #[tokio::test]
    async fn whoever_does_not_let_go_keeps_it() {
        let turns = Turns::default();
        let version = Uuid::new_v4();
        let first = turns.take(version).await.expect("free");
        assert!(turns.take(version).await.is_none());
        drop(first);
        assert!(turns.take(version).await.is_some());
    }
}
