//! The Realtime dialect: Phoenix channels over WebSocket.
//!
//! Reading order: `protocol` (frames, pure), `socket` (one connection), `channel` (one joined
//! topic), `hub` (topic -> sockets), `subscription` (could this change matter? pure), `roster` (to whom?),
//! `authorize` (may they see it?), `event` (a change as JSON, pure), `window` (recent changes),
//! `delivery` (a change through all of these), `subscriber`, `feed` (the task that owns them),
//! `broadcast` (what SQL says to the rooms), `replay` (what it said before), `partitions` (where
//! that is kept), `api` (broadcasts over HTTP), `batch` (their bodies, pure), `rate` (how many),
//! `store` (SQL), `error` (reasons and close codes).

mod api;
pub mod authorize;
mod batch;
mod broadcast;
mod channel;
mod delivery;
pub mod error;
pub mod event;
pub mod feed;
pub mod hub;
pub mod partitions;
pub mod protocol;
mod rate;
mod replay;
mod roster;
mod socket;
mod store;
mod subscriber;
pub mod subscription;
pub mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{RawQuery, State, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, header};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::RealtimeSettings;
use crate::http::identity::api_key;
use crate::identity::{Identity, Keys};
use crate::observe::{Counted, RealtimeMetrics};
use crate::pg::Pg;

use error::{Token, Upgrade};
use protocol::Version;

/// What topics of channels begin with.
pub const TOPIC_PREFIX: &str = "realtime:";

/// Memory that an idle connection holds for reading, in bytes: the library's default of
/// 128 KiB is meant for few connections.
const READ_BUFFER_BYTES: usize = 4096;

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
}

impl Realtime {
    /// A slice whose sockets end with `shutdown`, each a task of `sockets`; `feed` speaks in the
    /// same `hub`.
    pub fn new(
        keys: Keys,
        pg: Pg,
        hub: Arc<hub::Hub>,
        feed: feed::Handle,
        settings: RealtimeSettings,
        metrics: RealtimeMetrics,
        shutdown: CancellationToken,
        sockets: TaskTracker,
    ) -> Arc<Self> {
        let rate = rate::Rate::new(settings.realtime_http_messages_per_second);
        let open = AtomicUsize::new(0);
        Arc::new(Self { keys, pg, hub, rate, feed, settings, metrics, shutdown, sockets, open })
    }

    /// Who a token speaks for, by this dialect's rules.
    fn verify(&self, token: &str) -> Result<Identity, Token> {
        let identity = self.keys.verify_strictly(token.trim())?;
        if identity.expires_at.is_none() || !identity.names_role {
            return Err(Token::Incomplete);
        }
        Ok(identity)
    }
}

pub use api::router as api_router;

/// The route of the sockets.
pub fn router(realtime: Arc<Realtime>) -> Router {
    Router::new().route("/websocket", get(open)).with_state(realtime)
}

/// GET /websocket: checks the key and opens the socket.
async fn open(
    State(realtime): State<Arc<Realtime>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let (version, token, place) = match admit(&realtime, &headers, query.as_deref()) {
        Ok(admitted) => admitted,
        Err(refused) => return refused.into_response(),
    };
    let most_bytes = realtime.settings.realtime_max_frame_bytes;
    let sockets = realtime.sockets.clone();
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(most_bytes)
        .max_frame_size(most_bytes)
        .on_upgrade(move |ws| {
            sockets.track_future(async move {
                let _open = Counted::new(&realtime.metrics.sockets);
                socket::serve(ws, realtime, version, token).await;
                drop(place);
            })
        })
}

/// Checks everything that can be checked before the socket is open.
fn admit(
    realtime: &Arc<Realtime>,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<(Version, String, Place), Upgrade> {
    let parameter = |name: &str| {
        form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.into_owned())
    };
    let version = Version::read(parameter("vsn").as_deref()).ok_or(Upgrade::Version)?;
    let token = headers
        .get("x-api-key")
        .and_then(|key| key.to_str().ok().map(str::to_owned))
        .or_else(|| api_key(headers, query))
        .filter(|token| !token.trim().is_empty())
        .ok_or(Upgrade::NoKey)?;
    realtime.verify(&token).map_err(Upgrade::Token)?;
    let place = Place(Arc::clone(realtime));
    if realtime.open.fetch_add(1, Ordering::Relaxed) >= realtime.settings.realtime_max_connections {
        return Err(Upgrade::Full);
    }
    Ok((version, token, place))
}

/// A place among the open sockets, given back however the socket ends.
struct Place(Arc<Realtime>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl IntoResponse for Upgrade {
    fn into_response(self) -> Response {
        let body = format!("{{\"error\":{}}}", protocol::json_text(Some(&self.text())));
        (self.status(), [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}
