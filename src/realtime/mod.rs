//! The Realtime dialect: Phoenix channels over WebSocket.
//!
//! Reading order: `protocol` (frames, pure), `upgrade` (who may open a socket), `socket` (one
//! connection), `outbox` (its bounded queue), `join` (what is asked of a channel, pure),
//! `channel` (one joined topic), `speech` (what is said there), `renewal` (its token), `sessions`
//! (sign-ins that end), `limits` (how much is too much, pure), `presence` (who is there, pure),
//! `hub` (topic -> sockets), `subscription` (could this change matter? pure), `roster` (to
//! whom?), `authorize` (may they see it?), `event` (a change as JSON, pure), `window` (recent
//! changes), `delivery` (a change through all of these), `concern` (who is shown what of it),
//! `subscriber`, `feed` (the task that owns them), `slot` (how much log it may hold back),
//! `broadcast` (what SQL says to the rooms), `replay` (what it said before), `partitions` (where
//! that is kept), `api` (broadcasts over HTTP), `batch` (their bodies, pure), `rate` (how many),
//! `store` (SQL), `error` (reasons and close codes).

mod api;
pub mod authorize;
mod batch;
mod broadcast;
mod channel;
mod concern;
mod delivery;
pub mod error;
pub mod event;
pub mod feed;
pub mod hub;
mod join;
mod limits;
pub mod outbox;
pub mod partitions;
mod presence;
pub mod protocol;
mod rate;
mod renewal;
mod replay;
mod roster;
mod sessions;
pub mod slot;
mod socket;
mod speech;
mod store;
mod subscriber;
pub mod subscription;
mod upgrade;
pub mod window;

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::RealtimeSettings;
use crate::identity::{Identity, Keys, is_api_key};
use crate::observe::RealtimeMetrics;
use crate::pg::Pg;

use error::Token;
use limits::Bucket;
use sessions::Sessions;
use upgrade::Admitted;

/// What topics of channels begin with.
pub const TOPIC_PREFIX: &str = "realtime:";

/// The slice.
pub struct Realtime {
    keys: Keys,
    pg: Pg,
    hub: Arc<hub::Hub>,
    /// What is sent over HTTP, all callers together.
    rate: rate::Rate,
    feed: feed::Handle,
    settings: RealtimeSettings,
    metrics: RealtimeMetrics,
    shutdown: CancellationToken,
    /// One task a socket; the server waits for them.
    sockets: TaskTracker,
    open: AtomicUsize,
    /// Sign-ins whose channels are open.
    sessions: Arc<Sessions>,
    /// Of all sockets together; held for a calculation.
    joins: Mutex<Bucket>,
    /// How many refusals may wait at once; more are answered at once.
    waiting_refusals: Semaphore,
}

impl Realtime {
    /// A slice whose sockets end with `shutdown`, each a task of `sockets`.
    pub fn new(
        keys: Keys,
        pg: Pg,
        feed: feed::Handle,
        settings: RealtimeSettings,
        metrics: RealtimeMetrics,
        shutdown: CancellationToken,
        sockets: TaskTracker,
    ) -> Arc<Self> {
        let joins = Mutex::new(Bucket::new(settings.realtime_joins_per_second));
        Arc::new(Self {
            keys,
            pg,
            hub: Arc::clone(&feed.hub),
            rate: rate::Rate::new(settings.realtime_http_messages_per_second),
            feed,
            settings,
            metrics,
            shutdown,
            sockets,
            open: AtomicUsize::new(0),
            sessions: Arc::default(),
            joins,
            waiting_refusals: Semaphore::new(upgrade::MAX_WAITING_REFUSALS),
        })
    }

    /// Ends channels whose sign-in has ended, until shutdown.
    pub async fn watch_sessions(self: Arc<Self>) {
        self.sessions.run(&self.pg, &self.shutdown).await;
    }

    /// Who a token speaks for, by this dialect's rules.
    fn verify(&self, token: &str) -> Result<Identity, Token> {
        let identity = self.keys.verify_strictly(token)?;
        let never_expires = identity.expires_at.is_none() && !is_api_key(token);
        if never_expires || !identity.names_role {
            return Err(Token::Incomplete);
        }
        Ok(identity)
    }
}

pub use api::router as api_router;

/// The route of the sockets.
pub fn router(realtime: Arc<Realtime>) -> Router {
    Router::new().route("/websocket", get(upgrade::open)).with_state(realtime)
}
