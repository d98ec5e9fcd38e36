//! The live log: bytes in, committed changes out. Knows no sockets.
//!
//! Reading order: `lsn` (positions and places), `pgoutput` (bytes -> message, pure),
//! `transaction` (messages -> changes, pure), `change`, `value` (column text -> JSON, pure),
//! `slot`, `connection`, and the door, [`Feed`].

mod change;
mod connection;
mod error;
mod lsn;
mod pgoutput;
mod slot;
mod transaction;
pub mod value;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

pub use change::{Action, Change, Message, Transaction};
pub use connection::Source;
pub use error::{Error, Malformed};
pub use lsn::{Lsn, NotAPosition, Place};
pub use pgoutput::{Column, Datum, Message as Decoded, Old, Relation, Tuple, decode};

use connection::{Connection, Progress};

/// Waits between attempts to connect.
const BACK_OFF: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// What the log tells, in commit order.
#[derive(Debug, Clone)]
pub enum Event {
    /// The stream was opened, or opened again.
    Connected {
        /// Everything committed from here on is in the stream.
        from: Lsn,
        /// Where the log ended at that moment.
        end: Lsn,
        /// Some of what was committed before is not in the stream, and never was: so it is the
        /// first time, and when the slot had to be made anew.
        is_gap: bool,
    },
    /// A transaction begins; it is committed.
    Begin(Arc<Transaction>),
    /// A table is as described from here on.
    Relation(Arc<Relation>),
    /// A row changed.
    Change(Change),
    /// Tables were emptied.
    Truncate(Vec<Arc<Relation>>),
    /// A message that SQL put into the log (`pg_logical_emit_message`).
    Message(Message),
    /// All of a transaction was told.
    Commit {
        /// Position of its commit record.
        commit: Lsn,
        /// Where the log goes on.
        end: Lsn,
    },
    /// The log ends here, at least.
    End(Lsn),
    /// The stream broke; it is being opened again.
    Broken,
}

/// The stream of committed changes. Connects, and connects again, by itself.
pub struct Feed {
    source: Source,
    connection: Option<Connection>,
    /// An attempt under way; it outlives the futures that wait for it.
    attempt: Option<BoxFuture<'static, Result<(Connection, Event), Error>>>,
    /// The connection was ended, which is still to be told.
    has_hung_up: bool,
    /// The slot stands where its log cannot be read.
    is_unreadable: bool,
    /// Failed attempts in a row.
    failures: usize,
    progress: Progress,
    /// The last change or message that was told: a transaction that was cut is sent again from
    /// its start.
    last: Option<Place>,
}

impl Feed {
    /// A feed that connects when first asked.
    pub fn new(source: Source) -> Self {
        Self {
            source,
            connection: None,
            attempt: None,
            has_hung_up: false,
            is_unreadable: false,
            failures: 0,
            progress: Progress::default(),
            last: None,
        }
    }

    /// The next event. Never fails: a broken stream is opened again, and after it goes on where
    /// it broke. May be dropped and called again without losing anything.
    pub async fn next(&mut self) -> Event {
        loop {
            if std::mem::take(&mut self.has_hung_up) {
                return Event::Broken;
            }
            let Some(connection) = &mut self.connection else {
                if let Some(event) = self.connect().await {
                    return event;
                }
                continue;
            };
            match connection.next().await {
                Ok(Event::Change(Change { place, .. }) | Event::Message(Message { place, .. }))
                    if self.last.is_some_and(|last| place <= last) => {}
                Ok(event) => {
                    match &event {
                        Event::Change(Change { place, .. })
                        | Event::Message(Message { place, .. }) => self.last = Some(*place),
                        Event::Commit { end, .. } => {
                            self.progress.told = self.progress.told.max(*end);
                        }
                        _ => {}
                    }
                    return event;
                }
                Err(error) => {
                    tracing::warn!(%error, "the log stream broke; connecting again");
                    if let Some(connection) = self.connection.take() {
                        connection.hang_up();
                    }
                    self.is_unreadable = error.is_before_publication();
                    return Event::Broken;
                }
            }
        }
    }

    /// The next event if it is here already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.connection.as_ref()?;
        self.next().now_or_never()
    }

    /// Ends the connection, for whoever cannot read on: Postgres, when it is going down, waits
    /// for whoever streams the log. The next event is [`Event::Broken`].
    pub fn hang_up(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.hang_up();
            self.has_hung_up = true;
        }
    }

    /// Postgres may forget the log up to here.
    pub fn acknowledge(&mut self, position: Lsn) {
        if position > self.progress.acknowledged {
            self.progress.acknowledged = position;
            if let Some(connection) = &self.connection {
                connection.acknowledge(position);
            }
        }
    }

    /// Ends the stream in order.
    pub async fn close(self) {
        if let Some(connection) = self.connection {
            connection.close().await;
        }
    }

    /// Tries once, after a little wait if the last attempt failed.
    async fn connect(&mut self) -> Option<Event> {
        let attempt = self.attempt.get_or_insert_with(|| {
            let wait = match self.failures {
                0 => Duration::ZERO,
                failures => BACK_OFF[(failures - 1).min(BACK_OFF.len() - 1)],
            };
            let (source, progress) = (self.source.clone(), self.progress.clone());
            let anew = self.is_unreadable;
            Box::pin(async move {
                tokio::time::sleep(wait).await;
                Connection::open(source, progress, anew).await
            })
        });
        let outcome = attempt.await;
        self.attempt = None;
        match outcome {
            Ok((connection, event)) => {
                self.failures = 0;
                self.is_unreadable = false;
                if let Event::Connected { from, is_gap: true, .. } = event {
                    // What was told before the gap says nothing about what comes after it.
                    self.progress = Progress { told: from, ..Progress::default() };
                    self.last = None;
                }
                self.progress.log = Some(connection.log.clone());
                self.connection = Some(connection);
                Some(event)
            }
            Err(Error::OtherLog) => {
                tracing::error!("this is not the log that was read before: it is read anew");
                // Whatever the slot still has is told as after a gap.
                self.progress = Progress::default();
                self.last = None;
                None
            }
            Err(error) => {
                self.failures += 1;
                self.is_unreadable |= error.is_before_publication();
                if self.failures > 2 {
                    tracing::warn!(%error, "the log cannot be streamed; trying again");
                }
                None
            }
        }
    }
}
