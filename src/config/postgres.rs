//! Where the programs of a private Postgres come from.
#![expect(clippy::disallowed_methods, reason = "settings are read here and nowhere else")]

use std::path::PathBuf;

use clap::Args;

/// Where the programs of a private Postgres come from.
#[derive(Debug, Clone, Default, Args)]
pub struct PostgresBinaries {
    /// Folder with postgres and initdb [default: a managed copy, else the system's newest]
    #[arg(long, env = "WALKIE_PG_BIN")]
    pub pg_bin: Option<PathBuf>,
    /// Folder for the managed copy [default: the user's cache folder]
    #[arg(long, env = "WALKIE_CACHE")]
    pub cache: Option<PathBuf>,
}

impl PostgresBinaries {
    /// The same choice as the command line makes, for tests and benches, which have none.
    pub fn from_env() -> Self {
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        Self { pg_bin: path("WALKIE_PG_BIN"), cache: path("WALKIE_CACHE") }
    }

    /// The folder for the managed copy. Root's home is closed to the unprivileged user that
    /// Postgres then runs as, hence a place of the system.
    pub fn cache_folder(&self, is_root: bool) -> PathBuf {
        if let Some(folder) = &self.cache {
            return folder.clone();
        }
        if is_root {
            return PathBuf::from("/var/cache/walkie");
        }
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_else(std::env::temp_dir);
        match std::env::var_os("XDG_CACHE_HOME") {
            Some(cache) => PathBuf::from(cache).join("walkie"),
            None if cfg!(target_os = "macos") => home.join("Library/Caches/walkie"),
            None => home.join(".cache/walkie"),
        }
    }
}
