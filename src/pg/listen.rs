//! NOTIFY: somebody says that the schema or the settings changed; or says something to others,
//! which is passed on.
//!
//! What is said while nobody listens is not said again. Each new connection therefore counts as
//! an announcement; what was said to others is lost. A reload that fails leaves the old catalog
//! in place.

use std::pin::pin;
use std::time::Duration;

use futures_util::{StreamExt, future};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_postgres::AsyncMessage;
use tokio_util::sync::CancellationToken;

use super::{Error, Pg, Target, names, pool};

/// A migration announces each of its steps; one reload after the last is enough.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// The first and the longest pause before connecting again.
pub const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(32));

/// The longest pause of who passes on what is said to others: it is lost meanwhile.
const LONGEST_BRIDGE_PAUSE: Duration = Duration::from_secs(3);

/// Announcements that wait for a reload; those behind wait in the connection.
pub const MAX_WAITING: usize = 8;

/// What shall be read anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// The catalog.
    Schema,
    /// The settings.
    Settings,
    /// Both.
    Everything,
}

impl Announced {
    /// Whether the catalog shall be read anew.
    pub fn is_schema(self) -> bool {
        self != Self::Settings
    }

    /// Whether the settings shall be read anew.
    pub fn is_settings(self) -> bool {
        self != Self::Schema
    }

    fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Everything }
    }
}

/// Who hears what is said on [`names::BRIDGE`].
type Hearer = dyn Fn(&str) + Send + Sync;

/// What is listened for.
pub struct Ears<'a> {
    /// Channel on which reloads are announced.
    pub channel: &'a str,
    /// Who hears of them.
    pub tell: &'a mpsc::Sender<Announced>,
    /// Who hears what is said on [`names::BRIDGE`], if anybody.
    pub bridge: Option<&'a Hearer>,
}

/// Keeps the catalog fresh until `stop`, with a connection of its own made to `target`, and lets
/// `hearer` hear what is said to others. Settings are read at start, so there are none to reload.
pub async fn run(
    pg: Pg,
    target: Target,
    schemas: Vec<String>,
    hearer: Box<Hearer>,
    stop: CancellationToken,
) {
    let (tell, mut heard) = mpsc::channel(MAX_WAITING);
    let ears = Ears { channel: names::RELOAD_CHANNEL, tell: &tell, bridge: Some(&*hearer) };
    let listening = keep_listening(&pg, &target, &ears);
    let reloading = async {
        while let Some(announced) = heard.recv().await {
            if announced.is_schema() {
                reload(&pg, &schemas).await;
            }
        }
    };
    stop.run_until_cancelled(future::join(listening, reloading)).await;
}

/// Listens for as long as it is polled, and connects again when the connection is lost.
pub async fn keep_listening(pg: &Pg, target: &Target, ears: &Ears<'_>) {
    let mut pause = PAUSES.0;
    let longest = if ears.bridge.is_some() { LONGEST_BRIDGE_PAUSE } else { PAUSES.1 };
    loop {
        let mut was_listening = false;
        if let Err(error) = listen(pg, target, ears, &mut was_listening).await {
            tracing::warn!(%error, "notifications are not heard; connecting again in {pause:?}");
        }
        if was_listening {
            pause = PAUSES.0;
        }
        pg.set_next_try(Some(pause));
        sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

/// Listens until the connection is lost.
///
/// # Errors
/// Why it was lost or could not be made.
pub async fn listen(
    pg: &Pg,
    target: &Target,
    ears: &Ears<'_>,
    was_listening: &mut bool,
) -> Result<(), Error> {
    let (client, mut messages) = pool::open(target).await?;
    {
        let bridge = ears.bridge.map(|_| format!("; listen \"{}\"", names::BRIDGE));
        let channel = ears.channel.replace('"', "\"\"");
        let ask = format!("listen \"{channel}\"{}", bridge.unwrap_or_default());
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
    pg.set_next_try(None);
    tracing::debug!(channel = ears.channel, "listening for notifications");
    // What follows an announcement within the pause is answered by the same reload.
    let mut announced = Some((Announced::Everything, Instant::now()));
    loop {
        let tell_at = announced.map_or_else(Instant::now, |(_, at)| at);
        let message = tokio::select! {
            message = messages.next() => message,
            () = sleep_until(tell_at), if announced.is_some() => {
                // Whoever reloads may have gone, with the server.
                if let Some((announced, _)) = announced.take()
                    && ears.tell.send(announced).await.is_err()
                {
                    return Ok(());
                }
                continue;
            }
        };
        let notice = match message.transpose()? {
            None => return Ok(()),
            Some(AsyncMessage::Notification(notice)) => notice,
            Some(_) => continue,
        };
        if notice.channel() == names::BRIDGE
            && let Some(hearer) = ears.bridge
        {
            hearer(notice.payload());
        } else if let Some(more) = announcement(notice.payload()) {
            let all = announced.map_or(more, |(announced, _)| announced.and(more));
            announced = Some((all, Instant::now() + DEBOUNCE));
        }
    }
}

fn announcement(payload: &str) -> Option<Announced> {
    match payload {
        "" => Some(Announced::Everything),
        "reload schema" => Some(Announced::Schema),
        "reload config" => Some(Announced::Settings),
        _ => None,
    }
}

async fn reload(pg: &Pg, schemas: &[String]) {
    match pg.reload(schemas).await {
        Ok(()) => tracing::debug!("schema loaded"),
        Err(error) => tracing::error!(%error, "the schema was not loaded; the last one stays"),
    }
}
