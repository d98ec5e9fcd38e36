//! What leaves the house: jobs that others asked for by a row, done once they are committed.
//!
//! Any number of servers work on the same rows. A job is taken with a lease; a server that dies
//! loses it, and another takes the job again. An effect may therefore happen twice (mail that was
//! handed over just before the end); that it is accounted for happens once.
//!
//! Reading order: here the loop, `mail` and `scan` (the kinds of jobs), `inbox` (where mail of a
//! development server is read), `store` (all SQL).

mod inbox;
mod mail;
mod scan;
mod store;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::blob::Blobs;
use crate::config::{MailSettings, ScanSettings};
use crate::observe::JobMetrics;
use crate::pg::Pg;

use mail::Post;
use scan::Scanner;
use store::Job;

pub use inbox::router as inbox_router;
pub use mail::SetupError;

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
    crew: Arc<Crew>,
    wake: Arc<Notify>,
    metrics: JobMetrics,
    /// Name of this server on the jobs it takes.
    worker: Arc<str>,
}

/// Those who do the jobs.
struct Crew {
    post: Post,
    /// Jobs of this kind are left to other servers by one without a scanner.
    scanner: Option<Scanner>,
}

impl Crew {
    fn kinds(&self) -> &'static [&'static str] {
        if self.scanner.is_some() { &[mail::KIND, scan::KIND] } else { &[mail::KIND] }
    }

    async fn work(&self, job: &Job) -> Result<(), Failure> {
        match &self.scanner {
            Some(scanner) if job.kind == scan::KIND => scanner.scan(job).await,
            _ => self.post.deliver(job).await,
        }
    }
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
        (mail, scan): (&MailSettings, &ScanSettings),
        wake: Arc<Notify>,
        metrics: JobMetrics,
    ) -> Result<Self, SetupError> {
        let post = Post::new(pg.clone(), mail)?;
        let scanner = Scanner::new(pg.clone(), blobs, scan);
        let crew = Arc::new(Crew { post, scanner });
        Ok(Self { pg, crew, wake, metrics, worker: Uuid::new_v4().to_string().into() })
    }

    /// Works until `stop`; then ends what is under way, so that no lease is left behind.
    pub async fn run(self, stop: CancellationToken) {
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
                let (pg, crew) = (self.pg.clone(), Arc::clone(&self.crew));
                let (worker, metrics) = (Arc::clone(&self.worker), self.metrics.clone());
                running.spawn(work(pg, crew, worker, metrics, job));
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
        match store::claim(&self.pg, &self.worker, self.crew.kinds(), up_to, LEASE).await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::warn!(%error, "jobs cannot be taken");
                Vec::new()
            }
        }
    }

    async fn sweep(&self) {
        if self.crew.scanner.is_some()
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

async fn work(pg: Pg, crew: Arc<Crew>, worker: Arc<str>, metrics: JobMetrics, job: Job) {
    let told = match crew.work(&job).await {
        Ok(()) => store::finish(&pg, &job, &worker).await.map(|is_ours| {
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
