//! How long each step took, told in `Server-Timing`.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use axum::response::Response;
use http::HeaderName;

use super::error::insert;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Takes the time of steps, one after the other, where it is told.
#[derive(Debug)]
pub struct Clock {
    /// When the last step ended; none when nobody wants to know.
    last: Option<Instant>,
    steps: Vec<(&'static str, Duration)>,
}

impl Clock {
    /// Runs from now, if it `is_told`.
    pub fn start(is_told: bool) -> Self {
        Self { last: is_told.then(Instant::now), steps: Vec::new() }
    }

    /// The step that began with the last one's end is over.
    pub fn lap(&mut self, step: &'static str) {
        if let Some(last) = &mut self.last {
            let now = Instant::now();
            self.steps.push((step, now - *last));
            *last = now;
        }
    }

    /// Puts the times into a response, if they are told.
    pub fn stamp(&self, response: &mut Response) {
        if self.last.is_none() {
            return;
        }
        let mut timings = String::new();
        for (step, took) in &self.steps {
            let comma = if timings.is_empty() { "" } else { ", " };
            let _ = write!(timings, "{comma}{step};dur={:.3}", took.as_secs_f64() * 1_000.0);
        }
        insert(response.headers_mut(), SERVER_TIMING, &timings);
    }
}
