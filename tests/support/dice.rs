//! Chance from a seed: the same seed throws the same.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Throws.
#[derive(Debug)]
pub struct Dice {
    random: StdRng,
}

impl Dice {
    /// Dice that fall as this seed says.
    pub fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed) }
    }

    /// From 0 up to but without `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.random.random_range(0..end)
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        self.random.random_range(low..=high)
    }

    /// True in so many of a hundred throws.
    pub fn percent(&mut self, share: u32) -> bool {
        self.random.random_ratio(share, 100)
    }

    /// One of them; there must be one.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// One of the words.
    pub fn word(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }

    /// Some of them, in their order, at least one.
    pub fn some<T: Clone>(&mut self, from: &[T]) -> Vec<T> {
        let chosen: Vec<T> = from.iter().filter(|_| self.percent(50)).cloned().collect();
        if chosen.is_empty() { vec![self.pick(from).clone()] } else { chosen }
    }
}
