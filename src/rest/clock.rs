//! How long each step took, told in `Server-Timing`.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use axum::response::Response;
use http::HeaderName;

use super::error::insert;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Takes the time of steps, one after the other.
#[derive(Debug)]
pub struct Clock {
    last: Instant,
    steps: Vec<(&'static str, Duration)>,
}

impl Clock {
    /// Runs from now.
    pub fn start() -> Self {
        Self { last: Instant::now(), steps: Vec::with_capacity(6) }
    }

    /// The step that began with the last one's end is over.
    pub fn lap(&mut self, step: &'static str) {
        let now = Instant::now();
        self.steps.push((step, now - self.last));
        self.last = now;
    }

    /// Puts the times into a response.
    pub fn stamp(&self, response: &mut Response) {
        let mut timings = String::new();
        for (step, took) in &self.steps {
            let comma = if timings.is_empty() { "" } else { ", " };
            let _ = write!(timings, "{comma}{step};dur={:.3}", took.as_secs_f64() * 1_000.0);
        }
        insert(response.headers_mut(), SERVER_TIMING, &timings);
    }
}
