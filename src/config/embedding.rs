//! Embeddings: who says what texts mean.

use clap::Args;

/// Who is asked for vectors.
#[derive(Debug, Clone, Default, Args)]
pub struct EmbeddingSettings {
    /// URL that gives vectors for texts as OpenAI's /v1/embeddings does; without one there are none
    #[arg(long, env = "WALKIE_EMBEDDING_URL")]
    pub embedding_url: Option<String>,
    /// Model that is asked for there
    #[arg(long, env = "WALKIE_EMBEDDING_MODEL", default_value = "text-embedding-3-small")]
    pub embedding_model: String,
    /// Key that is shown there as a bearer token
    #[arg(long, env = "WALKIE_EMBEDDING_KEY", hide_env_values = true)]
    pub embedding_key: Option<String>,
    /// How long an answer may take, in seconds
    #[arg(long, env = "WALKIE_EMBEDDING_TIMEOUT_SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub embedding_timeout_seconds: u64,
}
