//! Storage: where bytes rest, and how much they may be.

use std::path::PathBuf;

use clap::Args;

/// The Storage dialect.
#[derive(Debug, Clone, Args)]
pub struct StorageSettings {
    /// Folder on this machine where files rest; one for each database
    /// [default: walkie-storage; dev: inside of --data]
    #[arg(long, env = "WALKIE_STORAGE_DIR")]
    pub storage_dir: Option<PathBuf>,
    /// Files rest in an S3-compatible store instead
    #[command(flatten)]
    pub store: StoreSettings,
    /// Most bytes of a file, whatever its bucket allows
    #[arg(long, env = "WALKIE_STORAGE_FILE_SIZE_LIMIT", default_value_t = 50 * 1024 * 1024)]
    pub storage_file_size_limit: u64,
    /// How long a signed URL for an upload counts, in seconds
    #[arg(long, env = "WALKIE_STORAGE_UPLOAD_SIGNED_URL_EXPIRATION", default_value_t = 7200, value_parser = clap::value_parser!(u32).range(1..))]
    pub storage_upload_signed_url_expiration: u32,
}

/// An S3-compatible store.
#[derive(Debug, Clone, Default, Args)]
pub struct StoreSettings {
    /// Bucket of an S3-compatible store where files rest instead of on the disk; one for each
    /// database
    #[arg(long, env = "WALKIE_STORAGE_S3_BUCKET")]
    pub storage_s3_bucket: Option<String>,
    /// URL of that store [default: Amazon's]
    #[arg(long, env = "WALKIE_STORAGE_S3_ENDPOINT")]
    pub storage_s3_endpoint: Option<String>,
    /// Region of that store
    #[arg(long, env = "WALKIE_STORAGE_S3_REGION", default_value = "us-east-1")]
    pub storage_s3_region: String,
    /// Access key there [default: what the machine's role gives]
    #[arg(long, env = "WALKIE_STORAGE_S3_ACCESS_KEY_ID")]
    pub storage_s3_access_key_id: Option<String>,
    /// Secret of that key
    #[arg(long, env = "WALKIE_STORAGE_S3_SECRET_ACCESS_KEY", hide_env_values = true)]
    pub storage_s3_secret_access_key: Option<String>,
}

impl StorageSettings {
    /// The folder where files rest, unless they rest in a store.
    pub fn folder(&self) -> PathBuf {
        self.storage_dir.clone().unwrap_or_else(|| PathBuf::from("walkie-storage"))
    }
}
