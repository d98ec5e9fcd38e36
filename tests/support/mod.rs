//! What tests stand on: a database of their own, the real server, and people to act as.

mod database;
mod process;
mod server;
mod socket;

pub use database::{Database, rows};
pub use process::{Process, command};
pub use server::{Answer, Person, SECRET, Server};
pub use socket::Socket;

use std::future::Future;
use std::time::Duration;

/// How long a condition may take to come true before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` gives something.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
