//! Whose tokens count no more: read whole when a connection is made, then as NOTIFY tells it.
//!
//! What is told while nobody listens is not told again, so a lost connection is made anew at
//! once, and everything is read again. A connection that does not answer counts as lost.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::sync::CancellationToken;

use super::pool::{self, Messages};
use super::{Error, Target, names};
use crate::identity::{Revoked, unix_now};

/// Pause before a lost connection is made again: sockets of ended sessions close in five seconds.
const PAUSE: Duration = Duration::from_secs(1);

/// How often the connection is asked whether it is still there, and how long it may take.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How often everything is read again, which also forgets what has run out.
const REREAD: Duration = Duration::from_secs(600);

/// A connection that is told of revocations.
pub struct Ear {
    target: Target,
    revoked: Revoked,
    client: Client,
    messages: Messages,
}

impl Ear {
    /// Listens, and reads what there is into `revoked`.
    ///
    /// # Errors
    /// The database cannot be reached, or is not at this version.
    pub async fn open(target: Target, revoked: Revoked) -> Result<Self, Error> {
        let (client, messages) = pool::open(&target).await?;
        let mut ear = Self { target, revoked, client, messages };
        let listen = format!("listen \"{}\"", names::REVOKED_CHANNEL);
        let asked = ear.client.batch_execute(&listen);
        meanwhile(asked, &mut ear.messages, &mut Vec::new()).await?;
        ear.read().await?;
        Ok(ear)
    }

    /// Listens until `stop`, and connects again when the connection is lost.
    pub async fn keep(mut self, stop: CancellationToken) {
        let keeping = async {
            loop {
                if let Err(error) = self.listen().await {
                    tracing::warn!(%error, "ended sessions are not heard of; connecting again");
                }
                loop {
                    let again = Self::open(self.target.clone(), self.revoked.clone());
                    match timeout(HEARTBEAT, again).await {
                        Ok(Ok(ear)) => {
                            self = ear;
                            break;
                        }
                        Ok(Err(error)) => tracing::warn!(%error, "ended sessions are not heard of"),
                        Err(_) => tracing::warn!("ended sessions are not heard of: no answer"),
                    }
                    sleep(PAUSE).await;
                }
            }
        };
        stop.run_until_cancelled(keeping).await;
    }

    /// What is told while it is read comes after what was read.
    async fn read(&mut self) -> Result<(), Error> {
        let mut heard = Vec::new();
        let asked = self.client.query("select auth.revocation_lines()", &[]);
        let rows = meanwhile(asked, &mut self.messages, &mut heard).await?;
        let lines: Vec<&str> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        self.revoked.replace(lines, unix_now());
        for lines in heard {
            self.revoked.learn(&lines, unix_now());
        }
        Ok(())
    }

    async fn listen(&mut self) -> Result<(), Error> {
        let mut reread_at = Instant::now() + REREAD;
        let mut asked_at = Instant::now();
        loop {
            tokio::select! {
                message = self.messages.next() => match message {
                    Some(message) => {
                        if let Some(lines) = told(message?) {
                            self.revoked.learn(&lines, unix_now());
                        }
                    }
                    None => return Ok(()),
                },
                () = sleep_until(asked_at + HEARTBEAT) => {
                    asked_at = Instant::now();
                    let mut heard = Vec::new();
                    let asked = self.client.batch_execute("");
                    let answered = meanwhile(asked, &mut self.messages, &mut heard);
                    match timeout(HEARTBEAT, answered).await {
                        Ok(answered) => answered?,
                        Err(_) => return Err(Error::Busy),
                    }
                    for lines in heard {
                        self.revoked.learn(&lines, unix_now());
                    }
                    if asked_at >= reread_at {
                        self.read().await?;
                        reread_at = asked_at + REREAD;
                    }
                }
            }
        }
    }
}

/// Drives the connection until a question is answered; keeps what is told before.
async fn meanwhile<T>(
    asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    messages: &mut Messages,
    heard: &mut Vec<String>,
) -> Result<T, Error> {
    let mut asked = pin!(asked);
    let mut is_over = false;
    loop {
        tokio::select! {
            answer = &mut asked => return Ok(answer?),
            message = messages.next(), if !is_over => match message {
                Some(message) => heard.extend(told(message?)),
                // The question then fails by itself.
                None => is_over = true,
            },
        }
    }
}

fn told(message: AsyncMessage) -> Option<String> {
    match message {
        AsyncMessage::Notification(notice) => Some(notice.payload().to_owned()),
        _ => None,
    }
}
