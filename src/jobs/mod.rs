//! What leaves the house: jobs that others asked for by a row, done once they are committed.
//!
//! Any number of servers work on the same rows. A job is taken with a lease; a server that dies
//! loses it, and another takes the job again. An effect may therefore happen twice (mail that was
//! handed over just before the end); that it is accounted for happens once.
//!
//! Reading order: here the loop, `mail` (letters leave), `inbox` (where mail of a development
//! server is read), `unsubscribe` (how readers get no more of it), `push` (browsers are woken),
//! `vault` (where, which is nobody's to know), `sealing` (so that only they can read it, pure),
//! `embed` (texts become vectors), `scan` (files are looked at for viruses), `picture` (pictures are
//! measured and stripped, the latter by `stripping`, pure), `schedules` (what is done again and
//! again), `store` (all SQL).

mod embed;
mod inbox;
mod mail;
mod picture;
mod push;
mod scan;
mod schedules;
mod sealing;
mod store;
mod stripping;
mod unsubscribe;
mod vault;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::blob::Blobs;
use crate::config::{EmbeddingSettings, ImageSettings, MailSettings, PushSettings, ScanSettings};
use crate::observe::JobMetrics;
use crate::pg::{Pg, Seal};

use embed::Model;
use mail::Post;
use picture::Studio;
use push::Bell;
use scan::Scanner;
use store::Job;
use vault::Vault;

pub use inbox::router as inbox_router;
pub use mail::{Links, SetupError};
pub use unsubscribe::router as unsubscribe_router;

/// Jobs done at once by one server, and of them those that look at files, which have places of
/// their own: a scanner that hangs keeps no letter waiting.
const AT_ONCE: usize = 8;
const FILES_AT_ONCE: usize = 2;

/// How long a server may work on a job before it counts as lost; longer than any time limit of a
/// single job.
const LEASE: Duration = Duration::from_secs(360);

/// How long the loop waits without being woken: for jobs that are due later, and for a wake-up
/// that nobody heard.
const PAUSE: Duration = Duration::from_secs(2);

/// How often lost jobs are looked for.
const SWEEP: Duration = Duration::from_secs(30);

/// The task.
pub struct Jobs {
    pg: Pg,
    effects: Arc<Effects>,
    wake: Arc<Notify>,
    metrics: JobMetrics,
    /// Name of this server on the jobs it takes.
    worker: Arc<str>,
}

/// What this server can do outside. What it cannot is left to other servers.
struct Effects {
    post: Post,
    bell: Option<Bell>,
    vault: Vault,
    model: Option<Model>,
    scanner: Option<Scanner>,
    studio: Studio,
    /// Where public files are served from.
    media_url: String,
}

/// Jobs of some kinds, of which so many are done at once.
struct Lane {
    kinds: Vec<&'static str>,
    at_once: usize,
    wake: Notify,
}

/// By what the world outside is reached.
pub struct Reach<'a> {
    /// Letters.
    pub mail: &'a MailSettings,
    /// Where they lead.
    pub links: Links,
    /// Browsers.
    pub push: &'a PushSettings,
    /// Whoever gives vectors for texts.
    pub embedding: &'a EmbeddingSettings,
    /// Whoever looks at files.
    pub scan: &'a ScanSettings,
    /// How large pictures are that are looked at.
    pub images: &'a ImageSettings,
    /// Where public files are served from.
    pub media_url: String,
}

/// Why an attempt failed.
#[derive(Debug)]
struct Failure {
    /// For whoever looks at the job; never its payload.
    why: String,
    /// Whether trying again is useless.
    is_final: bool,
}

impl Jobs {
    /// `seal` keeps what nobody may read in the database; `wake` is notified when jobs may be due.
    ///
    /// # Errors
    /// A setting of mail does not read.
    pub fn new(
        pg: Pg,
        blobs: Blobs,
        seal: Seal,
        reach: Reach<'_>,
        wake: Arc<Notify>,
        metrics: JobMetrics,
    ) -> Result<Self, SetupError> {
        let post = Post::new(pg.clone(), reach.mail, reach.links)?;
        let vault = Vault::new(pg.clone(), seal);
        let bell = Bell::new(pg.clone(), vault.clone(), reach.push, &post.address())?;
        let model = Model::new(reach.embedding)?;
        let scanner = Scanner::new(pg.clone(), blobs.clone(), reach.scan);
        let studio = Studio::new(pg.clone(), blobs, reach.images);
        let media_url = reach.media_url;
        let effects = Arc::new(Effects { post, bell, vault, model, scanner, studio, media_url });
        Ok(Self { pg, effects, wake, metrics, worker: Uuid::new_v4().to_string().into() })
    }

    /// Works until `stop`; then ends what is under way, so that no lease is left behind.
    pub async fn run(self, stop: CancellationToken) {
        self.offer().await;
        let lanes = self.effects.lanes();
        let wake = stop.run_until_cancelled(async {
            loop {
                self.wake.notified().await;
                for lane in &lanes {
                    lane.wake.notify_one();
                }
            }
        });
        let work = join_all(lanes.iter().map(|lane| self.work(lane, &stop)));
        tokio::join!(work, wake, self.free_lost(&stop), schedules::keep(&self.pg, &stop));
    }

    /// SQL asks only for what somebody can do.
    async fn offer(&self) {
        for (name, value) in self.effects.offers() {
            if let Err(error) = store::offer(&self.pg, name, value).await {
                tracing::warn!(%error, name, "the database is not told what this server can do");
            }
        }
    }

    async fn free_lost(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let turn = async {
                self.sweep().await;
                sleep(SWEEP).await;
            };
            stop.run_until_cancelled(turn).await;
        }
    }

    async fn work(&self, lane: &Lane, stop: &CancellationToken) {
        let mut running = JoinSet::new();
        while !stop.is_cancelled() {
            let taken = self.take(lane, lane.at_once - running.len()).await;
            let may_be_more = !taken.is_empty();
            for job in taken {
                let (pg, effects) = (self.pg.clone(), Arc::clone(&self.effects));
                let (worker, metrics) = (Arc::clone(&self.worker), self.metrics.clone());
                running.spawn(attempt(pg, effects, worker, metrics, job));
            }
            let is_free = running.len() < lane.at_once;
            if may_be_more && is_free {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                Some(_) = running.join_next() => {}
                _ = timeout(PAUSE, lane.wake.notified()), if is_free => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    async fn take(&self, lane: &Lane, up_to: usize) -> Vec<Job> {
        if up_to == 0 {
            return Vec::new();
        }
        match store::claim(&self.pg, &self.worker, &lane.kinds, up_to, LEASE).await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::warn!(%error, "jobs cannot be taken");
                Vec::new()
            }
        }
    }

    async fn sweep(&self) {
        if self.effects.scanner.is_some()
            && let Err(error) = store::note_scanner(&self.pg).await
        {
            tracing::warn!(%error, "that files are scanned could not be written down");
        }
        match store::sweep(&self.pg).await {
            Ok(0) => {}
            Ok(freed) => tracing::warn!(freed, "jobs of a lost server are taken up again"),
            Err(error) => tracing::warn!(%error, "lost jobs are not looked for"),
        }
    }
}

impl Effects {
    /// The kinds of job that it takes.
    fn lanes(&self) -> [Lane; 2] {
        let bell = self.bell.as_ref().map(|_| push::KIND);
        let model = self.model.as_ref().map(|_| embed::KIND);
        let scanner = self.scanner.as_ref().map(|_| scan::KIND);
        let lane = |kinds: &[Option<&'static str>], at_once| {
            let kinds = kinds.iter().copied().flatten().collect();
            Lane { kinds, at_once, wake: Notify::new() }
        };
        [
            lane(&[Some(mail::KIND), Some(vault::KIND), bell, model], AT_ONCE - FILES_AT_ONCE),
            lane(&[Some(picture::KIND), scanner], FILES_AT_ONCE),
        ]
    }

    /// What SQL may ask for only where it can be done.
    fn offers(&self) -> [(&'static str, Option<&str>); 3] {
        let bell = self.bell.as_ref().map(|bell| bell.public_key.as_str());
        [
            ("push_key", bell),
            ("embedding_model", self.model.as_ref().map(|model| model.name.as_str())),
            ("media_url", Some(&self.media_url)),
        ]
    }

    /// Does what a job asks for, and gives what came of it.
    async fn bring_about(&self, job: &Job) -> Result<Option<Value>, Failure> {
        match (job.kind.as_str(), &self.bell, &self.model, &self.scanner) {
            (mail::KIND, ..) => self.post.deliver(job).await.map(|()| None),
            (vault::KIND, ..) => self.vault.lock(job).await.map(|()| None),
            (push::KIND, Some(bell), ..) => bell.ring(job).await.map(|()| None),
            (embed::KIND, _, Some(model), _) => model.ask(job).await.map(Some),
            (scan::KIND, .., Some(scanner)) => scanner.scan(job).await.map(|()| None),
            (picture::KIND, ..) => self.studio.look(job).await.map(|()| None),
            _ => Err(Failure::passing("this server does no such jobs".into())),
        }
    }
}

impl Failure {
    /// Trying again is useless.
    fn lasting(why: &str) -> Self {
        Self { why: why.to_owned(), is_final: true }
    }

    /// Trying again may help.
    fn passing(why: String) -> Self {
        Self { why, is_final: false }
    }
}

async fn attempt(pg: Pg, effects: Arc<Effects>, worker: Arc<str>, metrics: JobMetrics, job: Job) {
    let told = match effects.bring_about(&job).await {
        Ok(result) => store::finish(&pg, &job, &worker, result.as_ref()).await.map(|is_ours| {
            metrics.count(if is_ours { "done" } else { "lost" });
        }),
        Err(Failure { why, is_final }) => {
            store::fail(&pg, &job, &worker, &why, is_final).await.map(|state| {
                let outcome = match state.as_deref() {
                    Some("dead") => "dead",
                    Some(_) => "failed",
                    None => "lost",
                };
                metrics.count(outcome);
                let (id, kind, attempt) = (job.id, job.kind.as_str(), job.attempt);
                tracing::warn!(id, kind, attempt, why, outcome, "a job failed");
            })
        }
    };
    if let Err(error) = told {
        // The lease runs out, and somebody takes the job again.
        tracing::warn!(id = job.id, %error, "what became of a job could not be written down");
    }
}
