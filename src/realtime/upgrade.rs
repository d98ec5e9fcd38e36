//! Who may open a socket: everything that is checked before there is one.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use axum::Extension;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{RawQuery, State, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::Instrument;

use super::error::Upgrade;
use super::protocol::{self, Version};
use super::{Realtime, socket};
use crate::http::identity::api_key;

/// Most refusals that wait before they are answered.
pub(super) const MAX_WAITING_REFUSALS: usize = 1000;

/// Most bytes of `x-` headers that are kept for policies to read.
const MAX_HEADERS_BYTES: usize = 8 * 1024;

/// A client that may have its socket.
pub(super) struct Admitted {
    pub(super) version: Version,
    pub(super) token: String,
    /// The `x-` headers, as JSON.
    pub(super) headers: String,
    pub(super) place: Place,
}

/// GET /websocket: checks the key and opens the socket.
pub(super) async fn open(
    State(realtime): State<Arc<Realtime>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    upgrading: Option<Extension<OnUpgrade>>,
    checked: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if let Err(rejection) = checked {
        return rejection.into_response();
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let (Some(Extension(upgrading)), Some(key)) = (upgrading, key) else {
        return StatusCode::UPGRADE_REQUIRED.into_response();
    };
    let accepted = derive_accept_key(key.as_bytes());
    let admitted = match admit(&realtime, &headers, query.as_deref()).await {
        Ok(admitted) => admitted,
        Err(refused) => {
            // Clients that try again at once are slowed down, as long as that costs little.
            if let Ok(_place) = realtime.waiting_refusals.try_acquire() {
                tokio::time::sleep(realtime.settings.refusal_delay()).await;
            }
            return refused.into_response();
        }
    };
    let sockets = realtime.sockets.clone();
    let served = async move {
        // Otherwise the client left before it had its answer.
        if let Ok(upgraded) = upgrading.await {
            socket::serve(upgraded, realtime, admitted).await;
        }
    };
    // What is logged of the socket bears the id of the request that opened it.
    sockets.spawn(served.in_current_span());
    let answer = [
        (header::CONNECTION, "upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_ACCEPT, &accepted),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, answer).into_response()
}

async fn admit(
    realtime: &Arc<Realtime>,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Admitted, Upgrade> {
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
        .map(|token| bare(&token))
        .filter(|token| !token.is_empty())
        .ok_or(Upgrade::NoKey)?;
    realtime.verify(&token).await.map_err(Upgrade::Token)?;
    if realtime.shutdown.is_cancelled() {
        return Err(Upgrade::Restarting);
    }
    let place = Place(Arc::clone(realtime));
    if realtime.open.fetch_add(1, Ordering::Relaxed) >= realtime.settings.realtime_max_connections {
        return Err(Upgrade::Full);
    }
    let mut joins = realtime.joins.lock().unwrap_or_else(PoisonError::into_inner);
    if !joins.has_one(Instant::now()) {
        return Err(Upgrade::TooManyJoins);
    }
    drop(joins);
    Ok(Admitted { version, token, headers: kept(headers), place })
}

/// Some clients encode their key twice, or break it into lines.
fn bare(token: &str) -> String {
    percent_decode_str(token).decode_utf8_lossy().split_whitespace().collect()
}

/// The `x-` headers as a JSON object, as many as may be kept.
pub(super) fn kept(headers: &HeaderMap) -> String {
    let mut bytes = 0;
    let mut kept = Map::new();
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("x-")) {
        let Ok(value) = value.to_str() else { continue };
        bytes += name.as_str().len() + value.len();
        if bytes <= MAX_HEADERS_BYTES {
            kept.insert(name.as_str().to_owned(), value.into());
        }
    }
    Value::Object(kept).to_string()
}

/// A place among the open sockets, given back however the socket ends.
pub(super) struct Place(Arc<Realtime>);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_freed_of_what_transport_did_to_them() {
        assert_eq!(bare(" a.b%2Ec \n"), "a.b.c");
        assert_eq!(bare("a.b\r\n .c"), "a.b.c");
        assert_eq!(bare("%20"), "");
    }

    #[test]
    fn own_headers_are_kept_within_bounds() {
        let header = |name: &str, value: &str| {
            (name.parse::<http::HeaderName>().expect("name"), value.parse().expect("value"))
        };
        let long = "v".repeat(MAX_HEADERS_BYTES);
        let headers: HeaderMap =
            [header("x-tenant", "a\"b"), header("accept", "*/*"), header("x-long", &long)]
                .into_iter()
                .collect();
        assert_eq!(kept(&headers), r#"{"x-tenant":"a\"b"}"#);
    }
}
