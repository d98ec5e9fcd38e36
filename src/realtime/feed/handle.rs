//! What the feed is asked, by whoever joins, leaves or wonders.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::super::authorize::Complete;
use super::super::explain::{Look, Standing};
use super::super::frame::Frames;
use super::super::hub::Hub;
use super::super::rights::Rights;
use super::super::subscriber::Subscriber;
use crate::observe::LogMetrics;
use crate::wal::Place;

/// What the feed is asked to do.
pub(super) enum Command {
    Subscribe(Subscriber, Greeting, oneshot::Sender<()>),
    Unsubscribe(u64),
    Look(Look, oneshot::Sender<Standing>),
}

/// What is sent to a subscriber before any event, given the place after which it has them all.
pub type Greeting = Box<dyn FnOnce(Place) -> Vec<Frames> + Send>;

/// Asks the feed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) is_connected: watch::Receiver<bool>,
    /// Name of the slot that is read.
    pub(in super::super) slot: Arc<str>,
    /// What is counted of the log.
    pub(in super::super) counts: LogMetrics,
    /// The rooms: what SQL broadcasts is told there.
    pub(in super::super) hub: Arc<Hub>,
    /// The private channels: what may change their rights is told there.
    pub(in super::super) rights: Arc<Rights>,
    /// From when on is told what policies read.
    pub(in super::super) complete: Complete,
}

impl Handle {
    /// Adds or replaces a subscriber. When it is active, `greeting` goes to its socket before
    /// any event, then "Subscribed to PostgreSQL" and what it missed; then this resolves, with
    /// `None` when the server is going down.
    pub async fn subscribe(&self, subscriber: Subscriber, greeting: Greeting) -> Option<()> {
        let (done, active) = oneshot::channel();
        self.commands.send(Command::Subscribe(subscriber, greeting, done)).await.ok()?;
        active.await.ok()
    }

    /// Removes a subscriber.
    pub async fn unsubscribe(&self, id: u64) {
        // Fails only when the feed has ended, and its subscribers with it.
        let _ = self.commands.send(Command::Unsubscribe(id)).await;
    }

    /// What is known of somebody's subscriptions and of a place; `None` when the server is going
    /// down.
    pub(in super::super) async fn look(&self, look: Look) -> Option<Standing> {
        let (done, seen) = oneshot::channel();
        self.commands.send(Command::Look(look, done)).await.ok()?;
        seen.await.ok()
    }

    /// Resolves when the log is streamed; never when it has ended.
    pub async fn connected(&self) {
        let mut is_connected = self.is_connected.clone();
        if is_connected.wait_for(|is_connected| *is_connected).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether the log is being streamed.
    pub fn is_connected(&self) -> bool {
        *self.is_connected.borrow()
    }
}
