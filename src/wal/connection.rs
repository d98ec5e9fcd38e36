//! One walsender conversation: log in, see to the slot, stream, acknowledge.

use std::time::Duration;

use pgwire_replication::{
    Lsn as WireLsn, ReplicationClient, ReplicationConfig, SslMode, TlsConfig,
};
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode as UrlSslMode};

use super::error::Error;
use super::lsn::Lsn;
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

/// A stream that is open.
pub(super) struct Connection {
    client: ReplicationClient,
    assembly: Assembly,
    /// Commit position of the transaction being told.
    commit: Lsn,
}

impl Connection {
    /// Opens the stream after `told`; the server need not remember up to `acknowledged`. With
    /// `anew` the slot is made anew first: the log it stands in cannot be read.
    pub(super) async fn open(
        source: Source,
        told: Lsn,
        acknowledged: Lsn,
        anew: bool,
    ) -> Result<(Self, Event), Error> {
        let mut config = source.config;
        config.start_lsn = WireLsn(told.0);
        config.ack_lsn = Some(WireLsn(acknowledged.0));
        let (slot, publications) = (config.slot.clone(), config.publication.clone());
        let mut client = ReplicationClient::connect_gated(config).await?;
        slot::require(&mut client, publications.names()).await?;
        let from = slot::ensure(&mut client, &slot, anew).await?;
        let end = Lsn(client.identify_system().await?.xlogpos.0);
        client.start().await?;
        client.wait_started().await?;
        let connection = Self { client, assembly: Assembly::default(), commit: Lsn(0) };
        // What nobody told us and we did not let go of, somebody else did, or the slot is new.
        let is_gap = from > told.max(acknowledged);
        Ok((connection, Event::Connected { from: from.max(told), end, is_gap }))
    }

    pub(super) async fn next(&mut self) -> Result<Event, Error> {
        use pgwire_replication::ReplicationEvent as Wire;
        loop {
            match self.client.recv().await?.ok_or(Error::Ended)? {
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
                Wire::Message { transactional: true, prefix, .. } => {
                    return Ok(Event::Message { prefix });
                }
                Wire::Message { .. } => {}
                Wire::StoppedAt { .. } => return Err(Error::Ended),
            }
        }
    }

    /// Ends the stream in order: what was acknowledged is told, and the slot is free at once.
    pub(super) async fn close(mut self) {
        // Without an answer the connection is dropped, which Postgres notices too.
        let _ = timeout(CLOSE_TIMEOUT, self.client.shutdown()).await;
    }

    pub(super) fn acknowledge(&self, position: Lsn) {
        self.client.update_applied_lsn(WireLsn(position.0));
    }
}
