//! The Realtime dialect: Phoenix channels over WebSocket.
//!
//! Reading order: `protocol` (frames, pure), `upgrade` (who may open a socket), `socket` (one
//! connection), `outbox` (its bounded queue), `join` (what is asked of a channel, pure),
//! `channel` (one joined topic), `speech` (what is said there), `renewal` (its token), `sessions`
//! (sign-ins and people that end), `rights` (what a private channel may, when something has changed),
//! `limits` (how much is too much, pure), `presence` (who is there, pure), `hub` (topic ->
//! sockets), `subscription` (could this change matter? pure), `roster` (to whom?), `authorize`
//! (may they see it?), `event` (a change as JSON, pure), `latest` (which change makes which
//! superfluous, pure), `window` (recent changes), `reading` (what somebody has read, pure),
//! `sightings` (where in the log that is, pure), `part` (what the log told, pure), `delivery` (a
//! change through all of these), `concern` (who is shown what of it), `subscriber`, `feed` (the
//! task that owns them), `logs` (which of them), `slot` (how much log it may hold back),
//! `broadcast` (what SQL says to the rooms), `bridge` (the same as JSON, pure), `replay` (what it
//! said before), `partitions` (where that is kept), `api` (broadcasts over HTTP), `batch` (their
//! bodies, pure), `rate` (how many), `explain` (why no event came), `store` (SQL), `error`
//! (reasons and close codes).

mod api;
pub mod authorize;
mod batch;
mod bridge;
mod broadcast;
mod channel;
mod concern;
mod delivery;
pub mod error;
pub mod event;
mod explain;
pub mod feed;
mod frame;
pub mod hub;
mod join;
mod latest;
mod limits;
pub mod logs;
pub mod outbox;
mod part;
pub mod partitions;
mod presence;
pub mod protocol;
mod rate;
mod reading;
mod renewal;
mod replay;
mod rights;
mod roster;
mod sessions;
mod sightings;
pub mod slot;
mod socket;
mod speech;
mod store;
mod subscriber;
pub mod subscription;
mod upgrade;
pub mod window;
mod wire;

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use deadpool_postgres::Pool;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::RealtimeSettings;
use crate::identity::{Identity, Keys, is_api_key};
use crate::observe::RealtimeMetrics;
use crate::pg::{Pg, names};

use error::Token;
use limits::Bucket;
use rights::Review;
use sessions::Sessions;
use upgrade::Admitted;

/// What topics of channels begin with.
pub const TOPIC_PREFIX: &str = "realtime:";

/// How long whoever asks for metrics waits for what Postgres knows of a slot.
const SLOT_TIMEOUT: Duration = Duration::from_secs(2);

/// The slice.
pub struct Realtime {
    keys: Keys,
    pg: Pg,
    hub: Arc<hub::Hub>,
    /// What is sent over HTTP, all callers together.
    rate: rate::Rate,
    logs: logs::Logs,
    settings: RealtimeSettings,
    metrics: RealtimeMetrics,
    shutdown: CancellationToken,
    /// One task a socket; the server waits for them.
    sockets: TaskTracker,
    open: AtomicUsize,
    /// Sign-ins whose channels are open.
    sessions: Arc<Sessions>,
    /// What joins found of tables and columns.
    facts: subscription::Facts,
    /// Of all sockets together; held for a calculation.
    joins: Mutex<Bucket>,
    /// How many refusals may wait at once; more are answered at once.
    waiting_refusals: Semaphore,
    /// How many questions why no event came are answered at once; more are refused.
    explaining: Semaphore,
}

impl Realtime {
    /// A slice whose sockets end in the course of `shutdown`, each a task of `sockets`.
    pub fn new(
        keys: Keys,
        pg: Pg,
        logs: logs::Logs,
        settings: RealtimeSettings,
        metrics: RealtimeMetrics,
        shutdown: CancellationToken,
        sockets: TaskTracker,
    ) -> Arc<Self> {
        let joins = Mutex::new(Bucket::new(settings.realtime_joins_per_second));
        Arc::new(Self {
            keys,
            pg,
            hub: Arc::clone(&logs.main.hub),
            rate: rate::Rate::new(settings.realtime_http_messages_per_second),
            facts: subscription::Facts::new(logs.has_bulk()),
            logs,
            settings,
            metrics,
            shutdown,
            sockets,
            open: AtomicUsize::new(0),
            sessions: Arc::default(),
            joins,
            waiting_refusals: Semaphore::new(upgrade::MAX_WAITING_REFUSALS),
            explaining: Semaphore::new(explain::MAX_AT_ONCE),
        })
    }

    /// Ends channels whose sign-in has ended or whose person is barred, until `stop`.
    pub async fn watch_sessions(self: Arc<Self>, stop: CancellationToken) {
        self.sessions.run(self.keys.revoked(), &stop).await;
    }

    /// Brings up to date what is counted of the logs and their slots.
    pub async fn measure(&self) {
        let asked = self.logs.each().map(async |feed| {
            let slot = store::slot(&self.pg, &feed.slot);
            let slot = tokio::time::timeout(SLOT_TIMEOUT, slot).await;
            feed.counts.measure(slot.ok().and_then(Result::ok).flatten().as_ref());
        });
        futures_util::future::join_all(asked).await;
    }

    /// Tells the rooms what somebody notified on [`names::BRIDGE`].
    pub fn hear(&self, payload: &str) {
        let read = bridge::read(payload.as_bytes(), self.settings.realtime_max_broadcast_bytes);
        let what = || format!("a notification on {}", names::BRIDGE);
        if let Some((room, said)) = broadcast::count(&self.metrics, what, read) {
            self.hub.say(&room, &said, None);
        }
    }

    /// Asks again about rights in private channels when something changes that they stand on,
    /// until `stop`; `pool` is for reading policies.
    pub async fn watch_rights(self: Arc<Self>, pool: Pool, stop: CancellationToken) {
        Review::new(&self, &pool).run(&stop).await;
    }

    /// Who a token speaks for, by this dialect's rules.
    async fn verify(&self, token: &str) -> Result<Identity, Token> {
        self.keys.learn(token).await;
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
