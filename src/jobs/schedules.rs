//! What is done again and again: functions that `walkie.schedules` names, called when they are due.
//!
//! Every server looks once a second; the row's lock gives each call to one of them.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::store;
use crate::pg::Pg;

/// How long nobody looks when nothing was due.
const PAUSE: Duration = Duration::from_secs(1);

/// Calls what is due until `stop`.
pub(super) async fn keep(pg: &Pg, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let ran = store::run_due_schedule(pg).await;
        match &ran {
            Ok(Some((name, Some(error)))) => tracing::warn!(name, error, "a schedule failed"),
            Err(error) => tracing::warn!(%error, "schedules cannot be run"),
            Ok(_) => {}
        }
        if !matches!(ran, Ok(Some(_))) {
            let _ = timeout(PAUSE, stop.cancelled()).await;
        }
    }
}
