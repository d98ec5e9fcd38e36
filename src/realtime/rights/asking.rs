//! The questions of the review, and how their answers take effect.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::News;
use super::review::{RETRY, Review};
use crate::realtime::Realtime;
use crate::realtime::error::Join;
use crate::realtime::hub::Hears;
use crate::realtime::store::{self, Answer, Asker, Doubt};

/// From one round to the next, at least; a round may take half of the time.
const PAUSE: Duration = Duration::from_millis(250);

/// How long to wait for a snapshot to contain what the log has told.
const SETTLE_WAIT: Duration = Duration::from_millis(1);

/// Channels asked about in one transaction.
const BATCH: usize = 100;

impl Review<'_> {
    /// Asks about some channels: those of people whom a change names first.
    pub(super) async fn ask(&mut self) {
        let now = Instant::now();
        if self.named.is_empty() && self.round.is_empty() && now >= self.next_at {
            self.round = std::mem::take(&mut self.next);
            self.round_began = now;
        }
        let is_round = self.named.is_empty();
        let doubts = if is_round { &mut self.round } else { &mut self.named };
        let asked: Vec<(u64, bool)> =
            doubts.iter().map(|(id, it)| (*id, *it)).take(BATCH).collect();
        for (id, _) in &asked {
            doubts.remove(id);
        }
        self.put(asked).await;
        if is_round && self.round.is_empty() {
            let took = self.round_began.elapsed();
            self.next_at = self.round_began + PAUSE.max(2 * took);
        }
    }

    /// Puts the questions to Postgres, and lets the answers take effect.
    async fn put(&mut self, asked: Vec<(u64, bool)>) {
        let askers: Vec<_> = {
            let state = self.rights.lock();
            let asker = |(id, presence): (u64, bool)| {
                let listed = state.listed.get(&id)?;
                let identity = listed.identity.clone();
                Some((id, presence, identity, Arc::clone(&listed.headers), listed.room.clone()))
            };
            asked.into_iter().filter_map(asker).collect()
        };
        let doubts: Vec<Doubt<'_>> = askers
            .iter()
            .map(|(_, presence, identity, headers, room)| Doubt {
                asker: Asker { identity, headers, name: room.name() },
                presence: *presence,
            })
            .collect();
        if doubts.is_empty() {
            return;
        }
        let limit = self.realtime.settings.policy_timeout();
        let answers = match store::ask_again(&self.realtime.pg, &doubts, limit).await {
            Ok(answers) => answers,
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, "rights in private channels cannot be asked; trying again");
                for (id, presence, ..) in &askers {
                    self.again(*id, *presence);
                }
                self.rest_until = Instant::now() + RETRY;
                return;
            }
            Err(error) => {
                let why = Join::from(error);
                for (id, ..) in &askers {
                    self.settle(*id, News::Undecided(why.clone()), None);
                }
                return;
            }
        };
        let mut first = None;
        for ((id, presence, ..), answer) in askers.iter().zip(answers) {
            match answer {
                Answer::Rights { hears, may_be_present, snapshot } => {
                    if self.unsettled.are_in(&snapshot) {
                        self.settle(*id, News::Hears(hears), may_be_present);
                        first.get_or_insert(snapshot);
                    } else {
                        self.again(*id, *presence);
                        self.rest_until = Instant::now() + SETTLE_WAIT;
                    }
                }
                Answer::Failed => self.settle(*id, News::Hears(Hears::NOTHING), Some(false)),
                Answer::Undecided(error) => {
                    self.settle(*id, News::Undecided(error.into()), Some(false));
                }
                Answer::Locked => *self.next.entry(*id).or_default() |= presence,
            }
        }
        // Later snapshots contain what this one does.
        if let Some(snapshot) = first {
            self.unsettled.forget(&snapshot);
        }
    }

    fn again(&mut self, id: u64, presence: bool) {
        *self.named.entry(id).or_default() |= presence;
    }

    /// An answer takes effect: in the room at once, then the socket is woken to tell its client.
    fn settle(&self, id: u64, news: News, may_be_present: Option<bool>) {
        let Realtime { hub, metrics, .. } = self.realtime;
        // Held until all is done: who has left, or has another token, is not touched.
        let mut state = self.rights.lock();
        let Some(listed) = state.listed.get_mut(&id) else { return };
        // It is over, and its socket has yet to notice.
        if listed.hears == Some(Hears::NOTHING) {
            return;
        }
        let mut outcome = "same";
        if may_be_present == Some(false) && std::mem::take(&mut listed.is_present) {
            outcome = "changed";
            if hub.untrack(&listed.room, &listed.outbox) {
                metrics.presence.inc();
            }
        }
        match news {
            News::Hears(hears) if listed.hears == Some(hears) => {
                metrics.count_rights(outcome);
                return;
            }
            News::Hears(hears) if hears != Hears::NOTHING => {
                outcome = "changed";
                listed.hears = Some(hears);
                hub.withhold(&listed.room, &listed.outbox, hears);
            }
            _ => {
                outcome = if matches!(news, News::Hears(_)) { "lost" } else { "undecided" };
                listed.hears = Some(Hears::NOTHING);
                if hub.leave(&listed.room, &listed.outbox) {
                    metrics.presence.inc();
                }
            }
        }
        metrics.count_rights(outcome);
        listed.news = Some(news);
        listed.wake.notify_one();
    }
}
