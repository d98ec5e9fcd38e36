//! Settings and catalog follow the database: when somebody announces a change, by NOTIFY or by a
//! signal, and when the database comes back. Requests go on with what was known meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::config::Sources;
use super::{Error, Shared};
use crate::pg::catalog::LoadError;
use crate::pg::listen::{self, Announced, Ears, PAUSES};
use crate::pg::{self, Target};

/// Loads what is announced, all of it first. What fails is tried again, less and less often.
pub async fn follow(
    shared: Arc<Shared>,
    sources: Sources,
    mut heard: mpsc::Receiver<Announced>,
    channel: watch::Sender<Option<String>>,
) -> Result<(), Error> {
    let mut announced = Announced::Everything;
    loop {
        let mut pause = PAUSES.0;
        while let Err(error) = load(&shared, &sources, announced, &channel).await {
            let is_lost = matches!(&error, LoadError::Database(pg::Error::Down(_)));
            tracing::error!(%error, "the schema was not loaded; trying again in {pause:?}");
            if is_lost {
                shared.pg.set_next_try(Some(pause));
            }
            if is_lost && !shared.config.load().is_recovering {
                return Err(Error::Lost);
            }
            // Whatever is announced meanwhile is loaded with it.
            if let Ok(None) = timeout(pause, heard.recv()).await {
                return Ok(());
            }
            announced = Announced::Everything;
            pause = (pause * 2).min(PAUSES.1);
        }
        announced = match heard.recv().await {
            Some(announced) => announced,
            None => return Ok(()),
        };
    }
}

async fn load(
    shared: &Shared,
    sources: &Sources,
    announced: Announced,
    channel: &watch::Sender<Option<String>>,
) -> Result<(), LoadError> {
    // Where the database says settings, they may be part of what changed.
    if announced.is_settings() || shared.config.load().asks_database {
        renew(shared, sources, channel).await;
    }
    if !announced.is_schema() {
        return Ok(());
    }
    let started = Instant::now();
    let schemas = shared.config.load().rest.schemas.clone();
    let loads = &shared.loads;
    match shared.pg.reload(&schemas).await {
        Ok(()) => {
            let took = started.elapsed();
            loads.succeeded.fetch_add(1, Ordering::Relaxed);
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            loads.last_micros.store(micros, Ordering::Relaxed);
            shared.pg.set_next_try(None);
            tracing::info!(?took, "schema cache loaded");
            Ok(())
        }
        Err(error) => {
            loads.failed.fetch_add(1, Ordering::Relaxed);
            Err(error)
        }
    }
}

/// Reads the settings anew; those that cannot be used change nothing.
async fn renew(shared: &Shared, sources: &Sources, channel: &watch::Sender<Option<String>>) {
    match sources.ask().await {
        Ok((mut config, None)) => {
            // Tokens that were verified need not be again when nothing about them is new.
            let former = shared.config.load();
            if config.tokens == former.tokens {
                config.keys = former.keys.clone();
            }
            channel.send_if_modified(|known| {
                let is_new = *known != config.channel;
                known.clone_from(&config.channel);
                is_new
            });
            let keys = config.keys.clone().with_issuer(shared.issuer.clone());
            shared.rest.renew(keys, config.rest.clone());
            shared.config.store(Arc::new(config));
            tracing::info!("config reloaded");
        }
        Ok((_, Some(error))) => {
            tracing::error!(%error, "the database was not asked for settings; the last ones stay");
        }
        Err(error) => tracing::error!(%error, "the config was not reloaded; the last one stays"),
    }
}

/// Listens on the channel that the settings name, when they name one.
pub async fn listen(
    shared: Arc<Shared>,
    target: Target,
    mut channels: watch::Receiver<Option<String>>,
    tell: mpsc::Sender<Announced>,
) -> Result<(), Error> {
    loop {
        let channel = channels.borrow_and_update().clone();
        let listening = async {
            let Some(channel) = &channel else { return std::future::pending().await };
            let ears = Ears { channel, tell: &tell, bridge: None };
            if shared.config.load().is_recovering {
                listen::keep_listening(&shared.pg, &target, &ears).await;
                return Ok(());
            }
            if let Err(error) = listen::listen(&shared.pg, &target, &ears, &mut false).await {
                tracing::error!(%error, "the database was lost");
            }
            Err(Error::Lost)
        };
        tokio::select! {
            end = listening => return end,
            changed = channels.changed() => if changed.is_err() {
                return Ok(());
            },
        }
    }
}

/// SIGUSR1 announces the schema, SIGUSR2 the settings.
pub fn signals(
    tell: mpsc::Sender<Announced>,
) -> std::io::Result<impl Future<Output = Result<(), Error>>> {
    let mut of_schema = signal(SignalKind::user_defined1())?;
    let mut of_settings = signal(SignalKind::user_defined2())?;
    Ok(async move {
        loop {
            let announced = tokio::select! {
                _ = of_schema.recv() => Announced::Schema,
                _ = of_settings.recv() => Announced::Settings,
            };
            if tell.send(announced).await.is_err() {
                return Ok(());
            }
        }
    })
}
