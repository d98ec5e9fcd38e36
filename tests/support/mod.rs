//! What tests stand on: a database of their own, the real server, and people to act as.

mod authenticator;
pub mod clamd;
mod database;
mod dice;
mod postgres;
mod process;
mod server;
mod smtp;
mod socket;
mod standalone;

pub use authenticator::{App, Device};
pub use database::{Database, rows};
pub use dice::Dice;
pub use postgres::{Postgres, Stop};
pub use process::{Process, command, free_port};
pub use server::{Answer, Person, SECRET, Server, settings};
pub use smtp::{CERTIFICATE, Silence, Smtp, Way};
pub use socket::Socket;
pub use standalone::Standalone;

use std::future::Future;
use std::path::Path;
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

/// Compares a page that is printed from the database with the one in the repository. With
/// `UPDATE_PAGES=1` the repository's is written anew, to be read in the diff.
pub fn compare_page(path: &Path, page: &str) {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests alone")]
    let is_update = std::env::var_os("UPDATE_PAGES").is_some();
    if is_update {
        std::fs::write(&whole, page).expect("the page can be written");
    }
    let kept = std::fs::read_to_string(&whole).unwrap_or_default();
    let differs = kept.lines().zip(page.lines()).position(|(kept, now)| kept != now);
    assert!(
        kept == page,
        "{} is out of date from line {}: run with UPDATE_PAGES=1 and read what changed",
        path.display(),
        differs.map_or(kept.lines().count(), |line| line) + 1,
    );
}
