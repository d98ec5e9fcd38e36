//! NOTIFY: somebody says that the schema changed, and the catalog is loaded anew.
//!
//! Changes made while nobody listened are not announced again, so each new connection reloads
//! too. A reload that fails leaves the old catalog in place.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{sleep, timeout};
use tokio_postgres::AsyncMessage;
use tokio_util::sync::CancellationToken;

use super::{Error, Pg, Target, names, pool};

/// A migration announces each of its steps; one reload after the last is enough.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// The first and the longest pause before connecting again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(32));

/// Listens until `stop`, with a connection of its own made to `target`.
pub async fn run(pg: Pg, target: Target, schemas: Vec<String>, stop: CancellationToken) {
    stop.run_until_cancelled(keep_listening(&pg, &target, &schemas)).await;
}

async fn keep_listening(pg: &Pg, target: &Target, schemas: &[String]) {
    let mut pause = PAUSES.0;
    loop {
        let mut was_listening = false;
        if let Err(error) = listen(pg, target, schemas, &mut was_listening).await {
            tracing::warn!(%error, "schema changes are not heard; connecting again in {pause:?}");
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
    was_listening: &mut bool,
) -> Result<(), Error> {
    let (client, mut messages) = pool::open(target).await?;
    {
        let ask = format!("listen \"{}\"", names::RELOAD_CHANNEL);
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
    while let Some(message) = messages.next().await {
        if !asks_for_reload(&message?) {
            continue;
        }
        // What follows within the pause is answered by the same reload.
        while let Ok(message) = timeout(DEBOUNCE, messages.next()).await {
            match message {
                Some(message) => drop(message?),
                None => return Ok(()),
            }
        }
        reload(pg, schemas).await;
    }
    Ok(())
}

/// Settings are read at start, so `reload config` has nothing to reload.
fn asks_for_reload(message: &AsyncMessage) -> bool {
    match message {
        AsyncMessage::Notification(notice) => matches!(notice.payload(), "" | "reload schema"),
        _ => false,
    }
}

async fn reload(pg: &Pg, schemas: &[String]) {
    match pg.reload(schemas).await {
        Ok(()) => tracing::debug!("schema loaded"),
        Err(error) => tracing::error!(%error, "the schema was not loaded; the last one stays"),
    }
}
