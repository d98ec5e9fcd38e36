//! What leaves the house: jobs that others asked for by a row, done once they are committed.
//!
//! Any number of servers work on the same rows. A job is taken with a lease; a server that dies
//! loses it, and another takes the job again. An effect may therefore happen twice (mail that was
//! handed over just before the end); that it is accounted for happens once.
//!
//! Reading order: here the loop, `mail` (letters leave), `inbox` (where mail of a development
//! server is read), `unsubscribe` (how readers get no more of it), `push` (browsers are woken),
//! `sealing` (so that only they can read it, pure), `embed` (texts become vectors), `scan` (files are
//! looked at for viruses), `schedules`
//! (what is done again and again), `store` (all SQL).

mod embed;
mod inbox;
mod mail;
mod push;
mod scan;
mod schedules;
mod sealing;
mod store;
mod unsubscribe;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::blob::Blobs;
use crate::config::{EmbeddingSettings, MailSettings, PushSettings, ScanSettings};
use crate::observe::JobMetrics;
use crate::pg::Pg;

use embed::Model;
use mail::Post;
use push::Bell;
use scan::Scanner;
use store::Job;

pub use inbox::router as inbox_router;
pub use mail::{Links, SetupError};
pub use unsubscribe::router as unsubscribe_router;

/// Jobs done at once by one server.
const AT_ONCE: usize = 8;

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
    model: Option<Model>,
    scanner: Option<Scanner>,
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
    /// `wake` is notified when jobs may be due.
    ///
    /// # Errors
    /// A setting of mail does not read.
    pub fn new(
        pg: Pg,
        blobs: Blobs,
        reach: Reach<'_>,
        wake: Arc<Notify>,
        metrics: JobMetrics,
    ) -> Result<Self, SetupError> {
        let post = Post::new(pg.clone(), reach.mail, reach.links)?;
        let bell = Bell::new(pg.clone(), reach.push, &post.address())?;
        let model = Model::new(reach.embedding)?;
        let scanner = Scanner::new(pg.clone(), blobs, reach.scan);
        let effects = Arc::new(Effects { post, bell, model, scanner });
        Ok(Self { pg, effects, wake, metrics, worker: Uuid::new_v4().to_string().into() })
    }

    /// Works until `stop`; then ends what is under way, so that no lease is left behind.
    pub async fn run(self, stop: CancellationToken) {
        self.offer().await;
        tokio::join!(self.work(&stop), schedules::keep(&self.pg, &stop));
    }

    /// SQL asks only for what somebody can do.
    async fn offer(&self) {
        for (name, value) in self.effects.offers() {
            if let Err(error) = store::offer(&self.pg, name, value).await {
                tracing::warn!(%error, name, "the database is not told what this server can do");
            }
        }
    }

    async fn work(&self, stop: &CancellationToken) {
        let mut running = JoinSet::new();
        let mut next_sweep = Instant::now();
        while !stop.is_cancelled() {
            if next_sweep <= Instant::now() {
                self.sweep().await;
                next_sweep = Instant::now() + SWEEP;
            }
            let taken = self.take(AT_ONCE - running.len()).await;
            let may_be_more = !taken.is_empty();
            for job in taken {
                let (pg, effects) = (self.pg.clone(), Arc::clone(&self.effects));
                let (worker, metrics) = (Arc::clone(&self.worker), self.metrics.clone());
                running.spawn(attempt(pg, effects, worker, metrics, job));
            }
            if may_be_more && running.len() < AT_ONCE {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                Some(_) = running.join_next() => {}
                _ = timeout(PAUSE, self.wake.notified()), if running.len() < AT_ONCE => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    async fn take(&self, up_to: usize) -> Vec<Job> {
        if up_to == 0 {
            return Vec::new();
        }
        match store::claim(&self.pg, &self.worker, &self.effects.kinds(), up_to, LEASE).await {
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
    fn kinds(&self) -> Vec<&'static str> {
        let bell = self.bell.as_ref().map(|_| push::KIND);
        let model = self.model.as_ref().map(|_| embed::KIND);
        let scanner = self.scanner.as_ref().map(|_| scan::KIND);
        [Some(mail::KIND), bell, model, scanner].into_iter().flatten().collect()
    }

    /// What SQL may ask for only where it can be done.
    fn offers(&self) -> [(&'static str, Option<&str>); 2] {
        let bell = self.bell.as_ref().map(|bell| bell.public_key.as_str());
        [
            ("push_key", bell),
            ("embedding_model", self.model.as_ref().map(|model| model.name.as_str())),
        ]
    }

    /// Does what a job asks for, and gives what came of it.
    async fn bring_about(&self, job: &Job) -> Result<Option<Value>, Failure> {
        match (job.kind.as_str(), &self.bell, &self.model, &self.scanner) {
            (mail::KIND, ..) => self.post.deliver(job).await.map(|()| None),
            (push::KIND, Some(bell), ..) => bell.ring(job).await.map(|()| None),
            (embed::KIND, _, Some(model), _) => model.ask(job).await.map(Some),
            (scan::KIND, .., Some(scanner)) => scanner.scan(job).await.map(|()| None),
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
