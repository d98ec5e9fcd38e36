//! One walsender conversation: log in, see to the slot, stream, acknowledge.

use std::time::Duration;

use pgwire_replication::{
    Lsn as WireLsn, ReplicationClient, ReplicationConfig, SslMode, TlsConfig,
};
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode as UrlSslMode};

use super::change::Message;
use super::error::Error;
use super::lsn::{Lsn, Place};
use super::transaction::{Assembly, Told};
use super::{Event, decode, slot};
use crate::pg::Target;

/// Events that wait between the socket and us; beyond it the log is not read on, and the slot
/// remembers.
const BUFFERED_EVENTS: usize = 512;

/// How often an advanced position is told to Postgres, at most.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// How long the end of a stream may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// So many demands for a reply in a row, within so many microseconds, are no question whether we
/// are alive: those come at most twice in `wal_sender_timeout`. Few enough that they do so over a
/// slow network, too, where each is a round trip.
const SHUTDOWN_DEMANDS: (usize, i64) = (8, 3_000_000);

/// How values are printed: whatever the database or the role prefers, clients and the
/// authorizer are promised one form.
const PRINTED: &str = "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c bytea_output=hex -c extra_float_digits=1";

/// Which log to stream.
#[derive(Debug, Clone)]
pub struct Source {
    config: ReplicationConfig,
}

impl Source {
    /// The log of the database that `target` names, through `slot`, of the tables in all of
    /// `publications`.
    pub fn new(target: &Target, slot: &str, publications: &[&str]) -> Self {
        let url = &target.config;
        let host = match url.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(folder)) => folder.to_string_lossy().into_owned(),
            None => "127.0.0.1".to_owned(),
        };
        let is_local = host.starts_with('/');
        let mode = match url.get_ssl_mode() {
            _ if is_local => SslMode::Disable,
            UrlSslMode::Disable => SslMode::Disable,
            UrlSslMode::Prefer => SslMode::Prefer,
            _ if target.is_verified => SslMode::VerifyFull,
            _ => SslMode::Require,
        };
        let user = url.get_user().unwrap_or("postgres");
        let password = url.get_password().map(String::from_utf8_lossy).unwrap_or_default();
        let database = url.get_dbname().unwrap_or(user);
        let publications = publications.to_vec();
        let mut config = ReplicationConfig::new(host, user, password, database, slot, publications);
        config.port = url.get_ports().first().copied().unwrap_or(5432);
        config.tls = TlsConfig { mode, ..TlsConfig::default() };
        config.buffer_events = BUFFERED_EVENTS;
        config.status_interval = STATUS_INTERVAL;
        config.application_name = Some("walkie log".to_owned());
        config.options = Some(format!("{} {PRINTED}", url.get_options().unwrap_or_default()));
        Self { config }
    }
}

/// Which log was read, and how much of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// Cluster and timeline; `None` before anything was read.
    pub(super) log: Option<(String, u32)>,
    /// End of the last transaction that was told: a new connection goes on from here.
    pub(super) told: Lsn,
    /// Up to where the server need not remember.
    pub(super) acknowledged: Lsn,
}

/// A stream that is open.
pub(super) struct Connection {
    client: ReplicationClient,
    assembly: Assembly,
    /// Commit position of the transaction being told.
    commit: Lsn,
    /// Cluster and timeline of the log.
    pub(super) log: (String, u32),
    demands: Demands,
}

/// Demands for a reply with nothing else between them. A walsender that has to end waits until
/// its client has confirmed the whole log, and demands again after each reply; we keep back
/// what the window needs, so it would wait for the window's length and the whole of Postgres
/// with it.
#[derive(Debug, Default)]
struct Demands {
    count: usize,
    /// When Postgres made the first, by its own clock, in microseconds.
    since: i64,
}

impl Demands {
    /// Counts one; gives whether Postgres is going down.
    fn is_last(&mut self, made_at: i64) -> bool {
        let (most, within) = SHUTDOWN_DEMANDS;
        if self.count == 0 || made_at.saturating_sub(self.since) > within {
            *self = Self { count: 0, since: made_at };
        }
        self.count += 1;
        self.count >= most
    }
}

impl Connection {
    /// Opens the stream where `progress` ends. With `anew` the slot is made anew first: the log
    /// it stands in cannot be read.
    pub(super) async fn open(
        source: Source,
        progress: Progress,
        anew: bool,
    ) -> Result<(Self, Event), Error> {
        let Progress { log: known, told, acknowledged } = progress;
        let mut config = source.config;
        config.start_lsn = WireLsn(told.0);
        config.ack_lsn = Some(WireLsn(acknowledged.0));
        let (slot, publications) = (config.slot.clone(), config.publication.clone());
        let mut client = ReplicationClient::connect_gated(config).await?;
        let system = client.identify_system().await?;
        let log = (system.system_id, system.timeline);
        let left_at = match &known {
            Some((id, timeline)) if *id == log.0 && *timeline < log.1 => {
                let history = client.timeline_history(log.1).await?.content;
                switch_position(&String::from_utf8_lossy(&history), *timeline)
            }
            Some(known) => (*known == log).then_some(Lsn(u64::MAX)),
            None => Some(Lsn(u64::MAX)),
        };
        // Positions beyond it mean something else in this log, or nothing for long.
        let is_ours = left_at.is_some_and(|at| told <= at.min(Lsn(system.xlogpos.0)));
        if !is_ours {
            return Err(Error::OtherLog);
        }
        slot::require(&mut client, publications.names()).await?;
        let from = slot::ensure(&mut client, &slot, anew).await?;
        let end = Lsn(client.identify_system().await?.xlogpos.0);
        client.start().await?;
        client.wait_started().await?;
        let (assembly, demands) = (Assembly::default(), Demands::default());
        let connection = Self { client, assembly, commit: Lsn(0), log, demands };
        // What nobody told us and we did not let go of, somebody else did, or the slot is new.
        let is_gap = from > told.max(acknowledged);
        Ok((connection, Event::Connected { from: from.max(told), end, is_gap }))
    }

    pub(super) async fn next(&mut self) -> Result<Event, Error> {
        use pgwire_replication::ReplicationEvent as Wire;
        loop {
            let received = self.client.recv().await?.ok_or(Error::Ended)?;
            match received {
                Wire::KeepAlive { reply_requested: true, server_time_micros, .. }
                    if self.demands.is_last(server_time_micros) =>
                {
                    return Err(Error::ShuttingDown);
                }
                Wire::KeepAlive { .. } => {}
                _ => self.demands = Demands::default(),
            }
            match received {
                Wire::KeepAlive { wal_end, .. } => return Ok(Event::End(Lsn(wal_end.0))),
                Wire::Begin { final_lsn, xid, commit_time_micros } => {
                    self.commit = Lsn(final_lsn.0);
                    let transaction = self.assembly.begin(xid, self.commit, commit_time_micros);
                    return Ok(Event::Begin(transaction));
                }
                Wire::Commit { end_lsn, .. } => {
                    return Ok(Event::Commit { commit: self.commit, end: Lsn(end_lsn.0) });
                }
                Wire::XLogData { data, .. } => match self.assembly.take(decode(&data)?)? {
                    Some(Told::Relation(relation)) => return Ok(Event::Relation(relation)),
                    Some(Told::Change(change)) => return Ok(Event::Change(change)),
                    Some(Told::Truncate(relations)) => return Ok(Event::Truncate(relations)),
                    None => {}
                },
                Wire::Message { transactional, lsn, prefix, content } => {
                    let place = if transactional {
                        self.assembly.next_place()
                    } else {
                        // The position is that of its end, where a commit may begin.
                        Place::before(Lsn(lsn.0))
                    };
                    let is_transactional = transactional;
                    return Ok(Event::Message(Message {
                        place,
                        is_transactional,
                        prefix,
                        content,
                    }));
                }
                Wire::StoppedAt { .. } => return Err(Error::Ended),
            }
        }
    }

    /// Ends the stream in order: what was acknowledged is told, and the slot is free at once.
    pub(super) async fn close(mut self) {
        // Without an answer the connection is dropped, which Postgres notices too.
        let _ = timeout(CLOSE_TIMEOUT, self.client.shutdown()).await;
    }

    /// Ends it without a goodbye, to which a walsender that has to end would not listen.
    pub(super) fn hang_up(mut self) {
        self.client.abort();
    }

    pub(super) fn acknowledge(&self, position: Lsn) {
        self.client.update_applied_lsn(WireLsn(position.0));
    }
}

/// Where a timeline was left, by the history of a later one: lines of timeline, position and
/// reason.
fn switch_position(history: &str, timeline: u32) -> Option<Lsn> {
    history.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let is_it = words.next()?.parse() == Ok(timeline);
        words.next().filter(|_| is_it)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_tell_where_a_timeline_was_left() {
        let history = "1\t0/16B3748\tno recovery target specified\n\n2\t0/3000000\tx\n";
        assert_eq!(switch_position(history, 1), "0/16B3748".parse().ok());
        assert_eq!(switch_position(history, 2), "0/3000000".parse().ok());
        assert_eq!(switch_position(history, 3), None);
    }

    #[test]
    fn only_a_storm_of_demands_is_an_end() {
        let is_last_of = |demands: &mut Demands, every_us: i64| {
            (1..=8).map(|number| demands.is_last(number * every_us)).position(|is_last| is_last)
        };
        assert_eq!(is_last_of(&mut Demands::default(), 100), Some(7));
        assert_eq!(is_last_of(&mut Demands::default(), 400_000), Some(7), "a slow network");
        assert_eq!(is_last_of(&mut Demands::default(), 30_000_000), None);
    }
}
