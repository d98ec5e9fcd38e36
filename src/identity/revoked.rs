//! Sessions and people whose tokens are refused although they have not expired: a set in memory,
//! asked once per verified token. The database fills it (`pg::revocations`).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;
use uuid::Uuid;

/// Most that are remembered. Beyond it all sessions' tokens of before are refused, which a
/// refresh cures: memory stays bounded, and nobody who signed out gets in.
const MAX_REMEMBERED: usize = 1 << 20;

/// Why a token is refused before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Revocation {
    /// Its session was ended.
    #[error("The session has ended")]
    SessionEnded,
    /// Its person is banned.
    #[error("The user is banned")]
    Banned,
    /// Its person is no more.
    #[error("The user has been deleted")]
    Deleted,
}

/// The set. Cheap to clone; clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Revoked(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Held for a look-up or for taking in what was told, never across an await.
    known: RwLock<Known>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct Known {
    capacity: usize,
    /// Until when, in seconds since 1970.
    until: HashMap<(Revocation, Uuid), i64>,
    /// Tokens of sessions that were issued up to here are refused, since some were forgotten.
    issued_until: Option<i64>,
}

impl Default for Shared {
    fn default() -> Self {
        let known = Known { capacity: MAX_REMEMBERED, until: HashMap::new(), issued_until: None };
        Self { known: RwLock::new(known), changed: watch::Sender::new(()) }
    }
}

impl Revoked {
    /// Why a token of this session and person, issued then, is refused, if it is.
    pub fn refuses(
        &self,
        session: Option<Uuid>,
        person: Option<Uuid>,
        issued_at: Option<i64>,
        now: i64,
    ) -> Option<Revocation> {
        if session.is_none() && person.is_none() {
            return None;
        }
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        let holds = |why, id: Option<Uuid>| id.is_some_and(|id| known.holds(why, id, now));
        if holds(Revocation::Banned, person) {
            return Some(Revocation::Banned);
        }
        if holds(Revocation::Deleted, person) {
            return Some(Revocation::Deleted);
        }
        let is_old = known.issued_until.is_some_and(|until| issued_at.is_none_or(|at| at <= until));
        let is_ended = holds(Revocation::SessionEnded, session) || (session.is_some() && is_old);
        is_ended.then_some(Revocation::SessionEnded)
    }

    /// Whether anything is known against this session or person.
    pub fn holds(&self, id: Uuid, now: i64) -> bool {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        [Revocation::SessionEnded, Revocation::Banned, Revocation::Deleted]
            .into_iter()
            .any(|why| known.holds(why, id, now))
    }

    /// Takes in lines of `session|banned|deleted id until`, or `lifted id`. Others are passed
    /// over: a newer server may say more.
    pub fn learn(&self, lines: &str, now: i64) {
        {
            let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
            for line in lines.lines() {
                known.learn(line, now);
            }
        }
        self.0.changed.send_replace(());
    }

    /// As [`Revoked::learn`], forgetting what is not among the lines.
    pub fn replace<'a>(&self, lines: impl IntoIterator<Item = &'a str>, now: i64) {
        {
            let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
            known.until.clear();
            for line in lines {
                known.learn(line, now);
            }
        }
        self.0.changed.send_replace(());
    }

    /// Tells of each change from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }
}

impl Known {
    fn holds(&self, why: Revocation, id: Uuid, now: i64) -> bool {
        self.until.get(&(why, id)).is_some_and(|until| *until > now)
    }

    fn learn(&mut self, line: &str, now: i64) {
        let mut words = line.split_ascii_whitespace();
        let kind = words.next().unwrap_or_default();
        let Some(id) = words.next().and_then(|id| Uuid::try_parse(id).ok()) else { return };
        if kind == "lifted" {
            self.until.remove(&(Revocation::Banned, id));
            self.until.remove(&(Revocation::Deleted, id));
            return;
        }
        let why = match kind {
            "session" => Revocation::SessionEnded,
            "banned" => Revocation::Banned,
            "deleted" => Revocation::Deleted,
            _ => return,
        };
        let Some(until) = words.next().and_then(|until| until.parse().ok()) else { return };
        if self.until.len() >= self.capacity {
            self.forget_some(now);
        }
        self.until.insert((why, id), until);
    }

    fn forget_some(&mut self, now: i64) {
        self.until.retain(|_, until| *until > now);
        // Half, so that the next one does not walk through all of them again.
        if self.until.len() > self.capacity / 2 {
            self.until.retain(|(why, _), _| *why != Revocation::SessionEnded);
            self.issued_until = Some(now);
            tracing::warn!("too many sessions have ended: tokens issued before now are refused");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;
    const SESSION: Uuid = Uuid::from_u128(1);
    const PERSON: Uuid = Uuid::from_u128(2);

    fn why(revoked: &Revoked, now: i64) -> Option<Revocation> {
        revoked.refuses(Some(SESSION), Some(PERSON), Some(NOW), now)
    }

    #[test]
    fn what_is_told_counts_until_its_time() {
        let revoked = Revoked::default();
        let mut changes = revoked.changes();
        assert_eq!(why(&revoked, NOW), None);
        revoked.learn(&format!("session {SESSION} {}", NOW + 10), NOW);
        assert!(changes.has_changed().is_ok_and(|changed| changed));
        changes.mark_unchanged();
        assert_eq!(why(&revoked, NOW + 9), Some(Revocation::SessionEnded));
        assert!(revoked.holds(SESSION, NOW) && !revoked.holds(PERSON, NOW));
        assert_eq!(why(&revoked, NOW + 10), None);
        assert_eq!(revoked.refuses(None, Some(SESSION), None, NOW), None, "another kind of id");
    }

    #[test]
    fn ban_comes_first_and_is_lifted() {
        let revoked = Revoked::default();
        let until = NOW + 10;
        revoked.learn(&format!("session {SESSION} {until}\nbanned {PERSON} {until}"), NOW);
        assert_eq!(why(&revoked, NOW), Some(Revocation::Banned));
        revoked.learn(&format!("lifted {PERSON}"), NOW);
        assert_eq!(why(&revoked, NOW), Some(Revocation::SessionEnded));
        revoked.replace([format!("deleted {PERSON} {until}").as_str()], NOW);
        assert_eq!(why(&revoked, NOW), Some(Revocation::Deleted));
        assert!(!revoked.holds(SESSION, NOW), "it was not among the lines");
    }

    #[test]
    fn what_is_no_line_is_passed_over() {
        let revoked = Revoked::default();
        revoked
            .learn(&format!("\n{SESSION}\nsession x 9\nsession {SESSION}\nother {SESSION} 9"), NOW);
        assert!(revoked.0.known.read().expect("nobody panics with it").until.is_empty());
    }

    #[test]
    fn beyond_its_bound_older_tokens_of_sessions_are_refused_and_new_ones_are_not() {
        let revoked = Revoked::default();
        revoked.0.known.write().expect("nobody panics with it").capacity = 4;
        revoked.learn(&format!("banned {PERSON} {}", NOW + 100), NOW);
        for session in 10..20 {
            let id = Uuid::from_u128(session);
            revoked.learn(&format!("session {id} {}", NOW + 100), NOW);
            assert!(revoked.refuses(Some(id), None, Some(NOW), NOW).is_some());
        }
        let (first, other) = (Uuid::from_u128(10), Uuid::from_u128(99));
        assert!(revoked.refuses(Some(first), None, Some(NOW), NOW).is_some(), "never forgotten");
        assert!(revoked.refuses(Some(other), None, Some(NOW), NOW).is_some(), "the price");
        assert_eq!(revoked.refuses(Some(other), None, Some(NOW + 1), NOW + 1), None);
        assert_eq!(revoked.refuses(None, Some(other), None, NOW), None, "no session, no price");
        assert!(revoked.refuses(None, Some(PERSON), Some(NOW + 1), NOW + 1).is_some());
        assert!(revoked.0.known.read().expect("nobody panics with it").until.len() <= 4);
    }
}
