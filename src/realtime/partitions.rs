//! The upkeep of realtime.messages: a partition for each day to come, and none for days long gone.
//!
//! Several servers may do this at once; the functions it calls see to it that one works and
//! nobody waits.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::store;
use crate::pg::Pg;

/// How often.
const INTERVAL: Duration = Duration::from_secs(4 * 3600);

/// How soon again for a partition that was in use, and how often in a row.
const RETRY: Duration = Duration::from_millis(500);
const TRIES: usize = 20;

/// The task.
pub struct Partitions {
    pg: Pg,
    /// Age of what is dropped.
    hours: u32,
}

impl Partitions {
    /// Upkeep that drops what is older than so many hours.
    pub fn new(pg: Pg, hours: u32) -> Self {
        Self { pg, hours }
    }

    /// Works at once and then every few hours, until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let work = async {
            loop {
                for _ in 0..TRIES {
                    if self.keep().await {
                        break;
                    }
                    tokio::time::sleep(RETRY).await;
                }
                tokio::time::sleep(INTERVAL).await;
            }
        };
        shutdown.run_until_cancelled(work).await;
    }

    /// Makes and drops what is due; gives whether nothing is left to do that could be done soon.
    /// What fails is tried again next time: partitions are made days before they are needed.
    pub async fn keep(&self) -> bool {
        match store::keep_partitions(&self.pg, self.hours).await {
            Ok(in_use) => in_use == 0,
            Err(error) => {
                tracing::warn!(%error, "the partitions of realtime.messages are not kept");
                true
            }
        }
    }
}
