//! The logs that are read: that of most tables and, if there is a publication for them, beside it
//! one of tables that are loaded in bulk.
//!
//! Postgres tells a reader of its log whole transactions, in the order of their commits: what is
//! committed behind a million rows waits for them, unless they are told to another reader. Each log
//! has a slot, a window and an authorizer of its own, and a channel belongs to one of them; between
//! the two no order is kept.

use super::feed::Handle;
use crate::config::RealtimeSettings;
use crate::observe::MAIN_LOG;
use crate::pg::names;

/// Which log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Log {
    /// That of all tables but those that the other one has to itself, and of broadcasts.
    #[default]
    Main,
    /// That of tables that are loaded in bulk.
    Bulk,
}

impl Log {
    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Main => MAIN_LOG,
            Self::Bulk => "bulk",
        }
    }

    /// The publication of the tables that subscribers may follow there.
    pub fn publication(self) -> &'static str {
        match self {
            Self::Main => names::PUBLICATION,
            Self::Bulk => names::BULK_PUBLICATION,
        }
    }

    /// The slot through which it is read.
    pub fn slot(self, settings: &RealtimeSettings) -> String {
        match self {
            Self::Main => settings.realtime_slot.clone(),
            Self::Bulk => settings.bulk_slot(),
        }
    }

    /// All publications that it tells of.
    pub fn publications(self) -> &'static [&'static str] {
        match self {
            Self::Main => &[names::PUBLICATION, names::BROADCASTS, names::POLICIES_PUBLICATION],
            Self::Bulk => &[names::BULK_PUBLICATION, names::POLICIES_PUBLICATION],
        }
    }
}

/// Asks the feeds. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Logs {
    pub(super) main: Handle,
    bulk: Option<Handle>,
}

impl Logs {
    /// The feeds that run.
    pub fn new(main: Handle, bulk: Option<Handle>) -> Self {
        Self { main, bulk }
    }

    /// Whether there is a log of tables that are loaded in bulk.
    pub fn has_bulk(&self) -> bool {
        self.bulk.is_some()
    }

    /// The feed of a log, if it is read.
    pub fn get(&self, log: Log) -> Option<&Handle> {
        match log {
            Log::Main => Some(&self.main),
            Log::Bulk => self.bulk.as_ref(),
        }
    }

    /// The feed of a log to which bindings were found to belong.
    pub(super) fn of(&self, log: Log) -> &Handle {
        self.get(log).expect("bindings belong to a log that is read")
    }

    /// All of them.
    pub(super) fn each(&self) -> impl Iterator<Item = &Handle> {
        std::iter::once(&self.main).chain(&self.bulk)
    }

    /// Resolves when all are streamed; never when one has ended.
    pub async fn connected(&self) {
        for feed in self.each() {
            feed.connected().await;
        }
    }

    /// Whether all are being streamed.
    pub fn is_connected(&self) -> bool {
        self.each().all(Handle::is_connected)
    }
}
