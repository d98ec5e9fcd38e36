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
    /// What clients sign requests over S3 with
    #[command(flatten)]
    pub front: FrontSettings,
    /// Most bytes of a file, whatever its bucket allows
    #[arg(long, env = "WALKIE_STORAGE_FILE_SIZE_LIMIT", default_value_t = 50 * 1024 * 1024)]
    pub storage_file_size_limit: u64,
    /// How long a signed URL for an upload counts, in seconds
    #[arg(long, env = "WALKIE_STORAGE_UPLOAD_SIGNED_URL_EXPIRATION", default_value_t = 7200, value_parser = clap::value_parser!(u32).range(1..))]
    pub storage_upload_signed_url_expiration: u32,
    /// How long a resumable upload waits for its next bytes, in seconds
    #[arg(long, env = "WALKIE_STORAGE_TUS_EXPIRY", default_value_t = 86_400, value_parser = clap::value_parser!(u32).range(1..))]
    pub storage_tus_expiry: u32,
    /// Address that public files are linked at, such as that of a CDN in front [default: where this
    /// server is reached]
    #[arg(long, env = "WALKIE_STORAGE_MEDIA_URL")]
    pub storage_media_url: Option<String>,
    /// Pictures made over
    #[command(flatten)]
    pub images: ImageSettings,
}

/// Pictures made over for whoever asks.
#[derive(Debug, Clone, Args)]
pub struct ImageSettings {
    /// Whether pictures are resized and converted on the way out
    #[arg(long, env = "WALKIE_STORAGE_IMAGES", default_value_t = true, action = clap::ArgAction::Set)]
    pub storage_images: bool,
    /// Most bytes of a picture that is made over
    #[arg(long, env = "WALKIE_STORAGE_IMAGE_FILE_SIZE", default_value_t = 25 * 1024 * 1024)]
    pub storage_image_file_size: u64,
    /// Most pixels of such a picture; each takes up to 12 bytes of memory meanwhile
    #[arg(long, env = "WALKIE_STORAGE_IMAGE_PIXELS", default_value_t = 50_000_000)]
    pub storage_image_pixels: u64,
    /// Pictures made over at the same time
    #[arg(long, env = "WALKIE_STORAGE_IMAGES_AT_ONCE", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    pub storage_images_at_once: u8,
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

/// Keys of clients that speak S3 to this server.
#[derive(Debug, Clone, Default, Args)]
pub struct FrontSettings {
    /// Access key with which servers speak S3 to this one, as service_role
    #[arg(
        long,
        env = "WALKIE_STORAGE_S3_FRONT_ACCESS_KEY_ID",
        requires = "storage_s3_front_secret_access_key"
    )]
    pub storage_s3_front_access_key_id: Option<String>,
    /// Secret of that key, at least 32 characters
    #[arg(
        long,
        env = "WALKIE_STORAGE_S3_FRONT_SECRET_ACCESS_KEY",
        hide_env_values = true,
        requires = "storage_s3_front_access_key_id"
    )]
    pub storage_s3_front_secret_access_key: Option<String>,
    /// What people sign with whose own token is the session token; no secret, the anon key will do
    /// [default: the access key they choose]
    #[arg(long, env = "WALKIE_STORAGE_S3_FRONT_SESSION_SECRET", hide_env_values = true)]
    pub storage_s3_front_session_secret: Option<String>,
}

/// The pair that the Supabase CLI prints for local use: its access key and secret. `dev` knows it
/// and `serve` refuses it.
pub const DEVELOPMENT_S3_KEYS: [&str; 2] = [
    "625729a08b95bf1b7ff351a663f3a23c",
    "850181e4652dd023b7a98c58ae0d2d34bd487ee0cc3254aed6eda37307425907",
];

/// Fewest characters of a secret that opens everything.
const MIN_FRONT_SECRET_LENGTH: usize = 32;

impl FrontSettings {
    /// The well-known pair, unless another one is set.
    #[must_use]
    pub fn or_development(mut self) -> Self {
        let [id, secret] = DEVELOPMENT_S3_KEYS.map(str::to_owned);
        if self.storage_s3_front_access_key_id.is_none() {
            self.storage_s3_front_access_key_id = Some(id);
            self.storage_s3_front_secret_access_key = Some(secret);
        }
        self
    }

    /// What is wrong with the secret for a server that others can reach, if anything.
    pub fn weakness(&self) -> Option<&'static str> {
        let secret = self.storage_s3_front_secret_access_key.as_deref()?;
        if secret == DEVELOPMENT_S3_KEYS[1] {
            return Some(
                "WALKIE_STORAGE_S3_FRONT_SECRET_ACCESS_KEY is the well-known development secret. \
                 Make your own: openssl rand -hex 32",
            );
        }
        (secret.len() < MIN_FRONT_SECRET_LENGTH).then_some(
            "WALKIE_STORAGE_S3_FRONT_SECRET_ACCESS_KEY is shorter than 32 characters. Make your \
             own: openssl rand -hex 32",
        )
    }
}

impl StorageSettings {
    /// Where public files are linked at, if that is not where the server is reached.
    #[must_use]
    pub fn media_url(&self) -> Option<String> {
        self.storage_media_url.as_deref().map(|url| url.trim_end_matches('/').to_owned())
    }

    /// The folder where files rest, unless they rest in a store.
    pub fn folder(&self) -> PathBuf {
        self.storage_dir.clone().unwrap_or_else(|| PathBuf::from("walkie-storage"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_and_short_secrets_are_weak() {
        let with = |secret: &str| FrontSettings {
            storage_s3_front_access_key_id: Some("id".into()),
            storage_s3_front_secret_access_key: Some(secret.into()),
            storage_s3_front_session_secret: None,
        };
        assert!(with(DEVELOPMENT_S3_KEYS[1]).weakness().is_some());
        assert!(with("short").weakness().is_some());
        assert!(with(&"x".repeat(MIN_FRONT_SECRET_LENGTH)).weakness().is_none());
        assert!(FrontSettings::default().weakness().is_none());
        assert!(FrontSettings::default().or_development().weakness().is_some());
    }
}
