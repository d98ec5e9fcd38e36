//! Keys that somebody else publishes at a URL, for tokens that they sign.
//!
//! One task fetches them: at the start, when they have grown old, and when a token names one that
//! is not known. Where that fails, the last ones stay.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::KeyError;
use super::key::{self, Key};

/// Largest set that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// How long fetching may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a request waits for a key; more than fetching takes.
const WAIT: Duration = Duration::from_secs(6);

/// Between two times of fetching, however many tokens name unknown keys.
const PAUSE: Duration = Duration::from_secs(5);

/// Until what failed is tried again, unless a token asks for it.
const RETRY: Duration = Duration::from_secs(30);

/// How old keys may grow, whatever the answer says, in seconds.
const AGES: RangeInclusive<u64> = 60..=86_400;

/// How old they may grow where it says nothing, in seconds.
const DEFAULT_AGE: u64 = 600;

/// Somebody whose keys are fetched.
pub struct Issuer {
    url: Uri,
    /// What claim `iss` of their tokens must be, if anything.
    name: Option<String>,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    known: ArcSwap<Known>,
    progress: watch::Sender<Progress>,
    /// A token names a key that is not known.
    wish: Notify,
}

/// The keys that were fetched last.
#[derive(Default)]
pub(super) struct Known {
    /// Grows when keys change, so that nobody trusts what was verified before.
    pub generation: u64,
    pub keys: Vec<Key>,
    text: Bytes,
}

/// How far fetching is.
#[derive(Clone, Copy)]
struct Progress {
    is_fetching: bool,
    /// How often it ended, well or not.
    ended: u64,
    /// When it may begin again.
    next: Instant,
}

/// Why keys were not fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("nobody answers")]
    Http(#[from] hyper_util::client::legacy::Error),
    #[error("the answer takes too long")]
    Late,
    #[error("the answer is {0}")]
    Status(StatusCode),
    #[error("the answer breaks off or is longer than {MAX_BYTES} bytes")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the answer is no set of JSON Web Keys")]
    Set(#[from] KeyError),
}

impl Issuer {
    /// Somebody who publishes keys at `url`, and calls themselves `name` in their tokens, if that
    /// matters. Nothing is fetched before [`Issuer::keep`].
    pub fn new(url: Uri, name: Option<String>) -> Arc<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authorities = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring offers TLS 1.2 and 1.3")
            .with_root_certificates(authorities)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        // Between two fetches minutes pass; no connection is worth keeping.
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        let progress = Progress { is_fetching: true, ended: 0, next: Instant::now() };
        Arc::new(Self {
            url,
            name,
            client,
            known: ArcSwap::default(),
            progress: watch::Sender::new(progress),
            wish: Notify::new(),
        })
    }

    /// Fetches the keys, and again when it is time, until `stop`.
    pub async fn keep(self: Arc<Self>, stop: CancellationToken) {
        stop.run_until_cancelled(self.fetch_forever()).await;
    }

    async fn fetch_forever(&self) {
        loop {
            self.progress.send_modify(|progress| progress.is_fetching = true);
            let age = match self.fetch().await {
                Ok(age) => age,
                Err(error) => {
                    let error = &error as &(dyn std::error::Error + 'static);
                    tracing::warn!(error, "the issuer's keys were not fetched; the last ones stay");
                    RETRY
                }
            };
            let next = Instant::now() + PAUSE;
            self.progress.send_modify(|progress| {
                *progress = Progress { is_fetching: false, ended: progress.ended + 1, next };
            });
            let wished = async {
                loop {
                    self.wish.notified().await;
                    // One that came while keys were fetched is fulfilled.
                    if Instant::now() >= next {
                        return;
                    }
                }
            };
            let _ = timeout(age, wished).await;
        }
    }

    /// Fetches the keys once, and tells how old they may grow.
    async fn fetch(&self) -> Result<Duration, FetchError> {
        let answer = timeout(FETCH_TIMEOUT, self.ask()).await;
        let (age, text) = answer.map_err(|_| FetchError::Late)??;
        let known = self.known.load();
        if known.text != text || known.generation == 0 {
            let keys = key::read_published(&text)?;
            tracing::info!(keys = keys.len(), "the issuer's keys are new");
            let generation = known.generation + 1;
            self.known.store(Arc::new(Known { generation, keys, text }));
        }
        Ok(age)
    }

    /// The text of the set, and how old it may grow. Whither an answer sends us, nobody follows.
    async fn ask(&self) -> Result<(Duration, Bytes), FetchError> {
        let request = Request::get(self.url.clone())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("walkie/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .expect("a URL and constants make a request");
        let answer = self.client.request(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let said = answer.headers().get(CACHE_CONTROL).and_then(|value| value.to_str().ok());
        let age = age(said.unwrap_or_default());
        let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
        Ok((age, body.map_err(FetchError::Body)?.to_bytes()))
    }

    /// Waits until the keys were fetched anew, if they may be now.
    pub(super) async fn renew(&self) {
        let mut progress = self.progress.subscribe();
        let Progress { is_fetching, ended, next } = *progress.borrow_and_update();
        if !is_fetching {
            if Instant::now() < next {
                return;
            }
            self.wish.notify_one();
        }
        let _ = timeout(WAIT, progress.wait_for(|progress| progress.ended > ended)).await;
    }

    /// The keys that are known.
    pub(super) fn known(&self) -> Guard<Arc<Known>> {
        self.known.load()
    }

    /// Whether a token with this claim `iss` may be theirs.
    pub(super) fn is_named(&self, iss: Option<&str>) -> bool {
        self.name.is_none() || self.name.as_deref() == iss
    }
}

/// How old an answer with this `Cache-Control` may grow.
fn age(cache_control: &str) -> Duration {
    let said = cache_control.to_ascii_lowercase();
    let mut directives = said.split(',').map(str::trim);
    let seconds = if directives.clone().any(|it| it == "no-store" || it == "no-cache") {
        0
    } else {
        let said = directives.find_map(|it| it.strip_prefix("max-age="));
        said.and_then(|seconds| seconds.trim_matches('"').parse().ok()).unwrap_or(DEFAULT_AGE)
    };
    Duration::from_secs(seconds.clamp(*AGES.start(), *AGES.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_is_what_the_answer_says_within_bounds() {
        for (said, seconds) in [
            ("", 600),
            ("public, Max-Age=3600", 3600),
            ("max-age=\"120\"", 120),
            ("max-age=0", 60),
            ("max-age=99999999", 86_400),
            ("max-age=soon", 600),
            ("no-store, max-age=3600", 60),
        ] {
            assert_eq!(age(said), Duration::from_secs(seconds), "{said}");
        }
    }
}
