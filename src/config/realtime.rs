//! The Realtime dialect: how changes are streamed.

use std::time::Duration;

use clap::{Args, ValueEnum};

/// How changes are streamed.
#[derive(Debug, Clone, Args)]
pub struct RealtimeSettings {
    /// Name of the logical replication slot; one per server and database
    #[arg(long, env = "WALKIE_REALTIME_SLOT", default_value = "walkie", value_parser = slot_name)]
    pub realtime_slot: String,
    /// How long changes are kept for subscribers that come back, in seconds
    #[arg(long, env = "WALKIE_REALTIME_WINDOW_SECONDS", default_value_t = 600)]
    pub realtime_window_seconds: u64,
    /// Most memory for those changes, in bytes
    #[arg(long, env = "WALKIE_REALTIME_WINDOW_BYTES", default_value_t = 64 * 1024 * 1024)]
    pub realtime_window_bytes: usize,
    /// Most log that the slot may hold back for them, in bytes
    #[arg(long, env = "WALKIE_REALTIME_WINDOW_WAL_BYTES", default_value_t = 256 * 1024 * 1024)]
    pub realtime_window_wal_bytes: u64,
    /// Connections that ask Postgres who may see a change
    #[arg(long, env = "WALKIE_REALTIME_EVALUATORS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub realtime_evaluators: u16,
    /// Longest a policy may take for one person, in milliseconds
    #[arg(long, env = "WALKIE_REALTIME_POLICY_TIMEOUT_MS", default_value_t = 1_000)]
    pub realtime_policy_timeout_ms: u64,
    /// Who hears of deletions in tables with row policies, when the log has the key alone
    #[arg(long, env = "WALKIE_REALTIME_DELETE_EVENTS", value_enum, default_value_t = DeleteEvents::Compat)]
    pub realtime_delete_events: DeleteEvents,
    /// Keep verdicts that the log has made void: only to show that a test would notice
    #[arg(long, hide = true)]
    pub realtime_keep_void_verdicts: bool,
    /// Largest frame a client may send, in bytes
    #[arg(long, env = "WALKIE_REALTIME_MAX_FRAME_BYTES", default_value_t = 5_000_000)]
    pub realtime_max_frame_bytes: usize,
    /// Most broadcasts over HTTP a second, all callers together; ten seconds' worth at once
    #[arg(long, env = "WALKIE_REALTIME_HTTP_MESSAGES_PER_SECOND", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub realtime_http_messages_per_second: u32,
    /// How long broadcasts from SQL are kept for replay, in hours; whole days go at once
    #[arg(long, env = "WALKIE_REALTIME_MESSAGES_HOURS", default_value_t = 72, value_parser = clap::value_parser!(u32).range(1..=87_600))]
    pub realtime_messages_hours: u32,
    /// Frames that may wait for one socket before it is closed and told to come back
    #[arg(long, env = "WALKIE_REALTIME_QUEUE_FRAMES", default_value_t = 512)]
    pub realtime_queue_frames: usize,
    /// Bytes that may wait for one socket before it is closed and told to come back
    #[arg(long, env = "WALKIE_REALTIME_QUEUE_BYTES", default_value_t = 1024 * 1024)]
    pub realtime_queue_bytes: usize,
    /// Most sockets at once
    #[arg(long, env = "WALKIE_REALTIME_MAX_CONNECTIONS", default_value_t = 20_000)]
    pub realtime_max_connections: usize,
    /// Whether only private channels may be joined
    #[arg(long, env = "WALKIE_REALTIME_PRIVATE_ONLY", default_value_t = false, action = clap::ArgAction::Set)]
    pub realtime_private_only: bool,
    /// Most channels on one socket
    #[arg(long, env = "WALKIE_REALTIME_MAX_CHANNELS", default_value_t = 100)]
    pub realtime_max_channels: usize,
    /// Over how long a shutdown spreads the closing of sockets, in seconds: clients that all come
    /// back at one moment are a burden for whoever takes them
    #[arg(long, env = "WALKIE_REALTIME_DRAIN_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub realtime_drain_seconds: u64,
    /// A socket that says nothing for so long is closed, in seconds
    #[arg(long, env = "WALKIE_REALTIME_IDLE_SECONDS", default_value_t = 60)]
    pub realtime_idle_seconds: u64,
    /// Joins a second, of all sockets together; five seconds' worth may come at once
    #[arg(long, env = "WALKIE_REALTIME_JOINS_PER_SECOND", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub realtime_joins_per_second: u32,
    /// Joins a second of one socket; five seconds' worth may come at once
    #[arg(long, env = "WALKIE_REALTIME_CLIENT_JOINS_PER_SECOND", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub realtime_client_joins_per_second: u32,
    /// Broadcasts a second of one channel on one socket; five seconds' worth may come at once
    #[arg(long, env = "WALKIE_REALTIME_CLIENT_MESSAGES_PER_SECOND", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub realtime_client_messages_per_second: u32,
    /// Presence calls a second of one channel on one socket; five seconds' worth may come at once
    #[arg(long, env = "WALKIE_REALTIME_CLIENT_PRESENCE_PER_SECOND", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub realtime_client_presence_per_second: u32,
    /// Largest broadcast, in bytes
    #[arg(long, env = "WALKIE_REALTIME_MAX_BROADCAST_BYTES", default_value_t = 3_000_500)]
    pub realtime_max_broadcast_bytes: usize,
    /// Largest payload that one client may be present with, in bytes
    #[arg(long, env = "WALKIE_REALTIME_MAX_PRESENCE_BYTES", default_value_t = 16 * 1024)]
    pub realtime_max_presence_bytes: usize,
    /// How long the answer waits when a socket is refused, in milliseconds: clients that try
    /// again at once are slowed down
    #[arg(long, env = "WALKIE_REALTIME_REFUSAL_DELAY_MS", default_value_t = 200)]
    pub realtime_refusal_delay_ms: u64,
}

/// Who hears of a deleted row that no policy can be asked about (replica identity default).
/// With replica identity full the policies are asked about the whole row instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeleteEvents {
    /// The key goes to every subscriber of the table, as in Supabase
    Compat,
    /// Nobody
    Strict,
}

/// What the name of the second slot ends with.
const BULK_SUFFIX: &str = "_bulk";

/// What Postgres takes as the name of a slot, with room for that of the second one.
fn slot_name(text: &str) -> Result<String, String> {
    let is_name = (1..=63 - BULK_SUFFIX.len()).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if is_name && !text.ends_with(BULK_SUFFIX) {
        return Ok(text.to_owned());
    }
    Err("a slot's name has 1 to 58 of a-z, 0-9 and _, and does not end with _bulk".to_owned())
}

impl RealtimeSettings {
    /// Name of the slot for tables that are loaded in bulk.
    pub fn bulk_slot(&self) -> String {
        format!("{}{BULK_SUFFIX}", self.realtime_slot)
    }

    /// How long changes are kept.
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.realtime_window_seconds)
    }

    /// Longest a policy may take for one person.
    pub fn policy_timeout(&self) -> Duration {
        Duration::from_millis(self.realtime_policy_timeout_ms)
    }

    /// How long a refusal waits.
    pub fn refusal_delay(&self) -> Duration {
        Duration::from_millis(self.realtime_refusal_delay_ms)
    }

    /// Over how long a shutdown spreads the closing of sockets.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.realtime_drain_seconds)
    }

    /// How long a socket may be silent.
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.realtime_idle_seconds)
    }
}
