//! Remembers a bounded number of values. When full it forgets by SIEVE: those that nobody asked
//! for since the hand last passed them go first, and one look-up saves a value from its pass.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// SHA-256 of a token: how long comparing takes tells nothing of the token.
type Digested = [u8; 32];

/// Values by the text they were made of.
#[derive(Debug)]
pub struct Cache<V> {
    /// Held for a look-up or an insertion alone.
    sieve: Mutex<Sieve<V>>,
    requests: AtomicU64,
    hits: AtomicU64,
    evictions: AtomicU64,
}

/// What a cache has counted since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Look-ups.
    pub requests: u64,
    /// Look-ups that found something.
    pub hits: u64,
    /// Values forgotten for others.
    pub evictions: u64,
}

impl<V> Cache<V> {
    /// For at most so many values, at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            sieve: Mutex::new(Sieve::new(capacity.max(1))),
            requests: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    /// What was made of `text`, if it is still known and `counts`; else `make` is asked. Failures
    /// are not remembered.
    pub fn get_or_make<E>(
        &self,
        text: &str,
        counts: impl FnOnce(&V) -> bool,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<Arc<V>, E> {
        let key: Digested = Sha256::digest(text).into();
        self.requests.fetch_add(1, Ordering::Relaxed);
        let known = self.sieve.lock().unwrap_or_else(PoisonError::into_inner).get(&key);
        if let Some(known) = known.filter(|known| counts(known)) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(known);
        }
        let made = Arc::new(make()?);
        let mut sieve = self.sieve.lock().unwrap_or_else(PoisonError::into_inner);
        if sieve.insert(key, Arc::clone(&made)) {
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
        Ok(made)
    }

    /// What was counted.
    pub fn counts(&self) -> CacheCounts {
        CacheCounts {
            requests: self.requests.load(Ordering::Relaxed),
            hits: self.hits.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
        }
    }
}

/// A queue from the newest to the oldest value, and a hand that walks from old to new.
#[derive(Debug)]
struct Sieve<V> {
    capacity: usize,
    entries: Vec<Entry<V>>,
    places: HashMap<Digested, usize>,
    newest: Option<usize>,
    oldest: Option<usize>,
    hand: Option<usize>,
}

#[derive(Debug)]
struct Entry<V> {
    key: Digested,
    value: Arc<V>,
    is_visited: bool,
    newer: Option<usize>,
    older: Option<usize>,
}

impl<V> Sieve<V> {
    fn new(capacity: usize) -> Self {
        Self {
            capacity,
            entries: Vec::new(),
            places: HashMap::new(),
            newest: None,
            oldest: None,
            hand: None,
        }
    }

    fn get(&mut self, key: &Digested) -> Option<Arc<V>> {
        let entry = &mut self.entries[*self.places.get(key)?];
        entry.is_visited = true;
        Some(Arc::clone(&entry.value))
    }

    /// Whether another value had to go.
    fn insert(&mut self, key: Digested, value: Arc<V>) -> bool {
        if let Some(place) = self.places.get(&key) {
            self.entries[*place].value = value;
            return false;
        }
        let entry = Entry { key, value, is_visited: false, newer: None, older: self.newest };
        let is_full = self.entries.len() >= self.capacity;
        let place = if is_full {
            let place = self.evict();
            // What went may have been the newest.
            self.entries[place] = Entry { older: self.newest, ..entry };
            place
        } else {
            self.entries.push(entry);
            self.entries.len() - 1
        };
        match self.newest {
            Some(newest) => self.entries[newest].newer = Some(place),
            None => self.oldest = Some(place),
        }
        self.newest = Some(place);
        self.places.insert(key, place);
        is_full
    }

    /// Takes out the first unvisited value the hand meets; its place is free then.
    fn evict(&mut self) -> usize {
        let mut place = self.hand.or(self.oldest).unwrap_or_default();
        while self.entries[place].is_visited {
            self.entries[place].is_visited = false;
            place = self.entries[place].newer.or(self.oldest).unwrap_or_default();
        }
        let Entry { key, newer, older, .. } = self.entries[place];
        self.hand = newer;
        match newer {
            Some(newer) => self.entries[newer].older = older,
            None => self.newest = older,
        }
        match older {
            Some(older) => self.entries[older].newer = newer,
            None => self.oldest = newer,
        }
        self.places.remove(&key);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for each text and tells which had to be made.
    fn made(cache: &Cache<String>, texts: &[&str]) -> Vec<String> {
        let mut made = Vec::new();
        for text in texts {
            let value = cache.get_or_make(
                text,
                |_| true,
                || {
                    made.push((*text).to_owned());
                    Ok::<_, ()>((*text).to_owned())
                },
            );
            assert_eq!(value.as_deref().map(String::as_str), Ok(*text));
        }
        made
    }

    #[test]
    fn what_is_asked_for_again_outlives_what_is_not() {
        let cache = Cache::new(3);
        assert_eq!(made(&cache, &["a", "b", "c", "a"]), ["a", "b", "c"]);
        // The hand spares a and takes b, then goes on from there and takes c.
        assert_eq!(made(&cache, &["d", "a", "e", "a"]), ["d", "e"]);
        assert_eq!(made(&cache, &["d", "e"]), [""; 0]);
        assert_eq!(made(&cache, &["b", "c"]), ["b", "c"]);
        assert_eq!(cache.counts(), CacheCounts { requests: 12, hits: 5, evictions: 4 });
    }

    #[test]
    fn cache_stays_within_its_bounds_whatever_is_asked() {
        for capacity in [1, 2, 7] {
            let cache = Cache::new(capacity);
            for step in 0..1_000_u64 {
                let text = (step * step % 31).to_string();
                made(&cache, &[&text, &text]);
                let sieve = cache.sieve.lock().expect("nobody panics with it");
                assert!(sieve.entries.len() <= capacity && sieve.places.len() <= capacity);
            }
        }
    }

    #[test]
    fn failures_are_not_remembered() {
        let cache: Cache<()> = Cache::new(2);
        assert_eq!(cache.get_or_make("a", |()| true, || Err(1)).err(), Some(1));
        assert_eq!(cache.get_or_make("a", |()| true, || Err(2)).err(), Some(2));
    }

    #[test]
    fn what_does_not_count_any_more_is_made_anew_in_its_place() {
        let cache = Cache::new(1);
        let get = |least: u8, new: u8| {
            let value = cache.get_or_make("a", |known| *known >= least, || Ok::<_, ()>(new));
            value.map(|value| *value)
        };
        assert_eq!((get(1, 1), get(1, 2), get(2, 3), get(2, 4)), (Ok(1), Ok(1), Ok(3), Ok(3)));
        assert_eq!(cache.counts(), CacheCounts { requests: 4, hits: 2, evictions: 0 });
    }
}
