//! NOTIFY: somebody says that the schema changed, and the catalog is loaded anew; or says
//! something to others, which is passed on.
//!
//! What is said while nobody listens is not said again. Each new connection therefore reloads
//! the catalog; what was said to others is lost. A reload that fails leaves the old catalog in
//! place.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_postgres::{AsyncMessage, Notification};
use tokio_util::sync::CancellationToken;

use super::{Error, Pg, Target, names, pool};

/// A migration announces each of its steps; one reload after the last is enough.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// The first and the longest pause before connecting again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(32));

/// Who hears what is said on [`names::BRIDGE`].
type Hearer = dyn Fn(&str) + Send + Sync;

/// Listens until `stop`, with a connection of its own made to `target`.
pub async fn run(
    pg: Pg,
    target: Target,
    schemas: Vec<String>,
    hearer: Box<Hearer>,
    stop: CancellationToken,
) {
    stop.run_until_cancelled(keep_listening(&pg, &target, &schemas, &*hearer)).await;
}

async fn keep_listening(pg: &Pg, target: &Target, schemas: &[String], hearer: &Hearer) {
    let mut pause = PAUSES.0;
    loop {
        let mut was_listening = false;
        if let Err(error) = listen(pg, target, schemas, hearer, &mut was_listening).await {
            tracing::warn!(%error, "notifications are not heard; connecting again in {pause:?}");
        }
        if was_listening {
            pause = PAUSES.0;
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Ends only with an error or with the connection.
async fn listen(
    pg: &Pg,
    target: &Target,
    schemas: &[String],
    hearer: &Hearer,
    was_listening: &mut bool,
) -> Result<(), Error> {
    let (client, mut messages) = pool::open(target).await?;
    {
        let ask = format!("listen \"{}\"; listen \"{}\"", names::RELOAD_CHANNEL, names::BRIDGE);
        let mut asked = pin!(client.batch_execute(&ask));
        loop {
            tokio::select! {
                answer = &mut asked => break answer?,
                message = messages.next() => match message {
                    Some(message) => drop(message?),
                    None => return Ok(()),
                },
            }
        }
    }
    *was_listening = true;
    reload(pg, schemas).await;
    let mut reload_at: Option<Instant> = None;
    loop {
        let message = tokio::select! {
            message = messages.next() => message,
            () = sleep_until(reload_at.unwrap_or_else(Instant::now)), if reload_at.is_some() => {
                reload_at = None;
                reload(pg, schemas).await;
                continue;
            }
        };
        match message.transpose()? {
            None => return Ok(()),
            Some(AsyncMessage::Notification(notice)) if notice.channel() == names::BRIDGE => {
                hearer(notice.payload());
            }
            // What follows within the pause is answered by the same reload.
            Some(AsyncMessage::Notification(notice)) if asks_for_reload(&notice) => {
                reload_at = Some(Instant::now() + DEBOUNCE);
            }
            Some(_) => {}
        }
    }
}

/// Settings are read at start, so `reload config` has nothing to reload.
fn asks_for_reload(notice: &Notification) -> bool {
    matches!(notice.payload(), "" | "reload schema")
}

async fn reload(pg: &Pg, schemas: &[String]) {
    match pg.reload(schemas).await {
        Ok(()) => tracing::debug!("schema loaded"),
        Err(error) => tracing::error!(%error, "the schema was not loaded; the last one stays"),
    }
}
