//! How connections of pools are made, and how they end: what still runs on a connection that was
//! given up runs for nobody, so Postgres is asked to cancel it.

use std::pin::{Pin, pin};
use std::time::Duration;

use deadpool_postgres::Connect;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{CancelToken, Client, Config, Connection, Error, Socket};

/// How long sending a cancellation may take.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection that was given up may take to end before what runs on it is cancelled,
/// and then before that is tried again: a cancellation that comes between two statements is lost.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(10),
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(5),
];

/// Makes connections with this kind of encryption, and cancels with the same.
pub struct Dial<T>(pub T);

/// What [`Connect`] gives: a client, and a task that is aborted when the client is given up.
type Dialed<'a> =
    Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

impl<T> Connect for Dial<T>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send + Sync,
    T::TlsConnect: Send + Sync,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(&self, config: &Config) -> Dialed<'_> {
        let config = config.clone();
        Box::pin(async move {
            let (client, connection) = config.connect(self.0.clone()).await?;
            let (leash, loose) = oneshot::channel();
            tokio::spawn(drive(connection, loose, client.cancel_token(), self.0.clone()));
            let held = tokio::spawn(async move {
                let _leash: oneshot::Sender<()> = leash;
                std::future::pending::<()>().await;
            });
            Ok((client, held))
        })
    }
}

/// Carries what is asked and answered until the connection is lost or its client is `loose`. Then
/// it ends as soon as nothing runs on it.
async fn drive<T>(
    connection: Connection<Socket, T::Stream>,
    loose: oneshot::Receiver<()>,
    cancel: CancelToken,
    tls: T,
) where
    T: MakeTlsConnect<Socket> + Clone,
{
    let mut connection = pin!(connection);
    tokio::select! {
        end = &mut connection => {
            if let Err(error) = end {
                tracing::warn!(%error, "a connection to the database was lost");
            }
            return;
        }
        // The other end says nothing; it goes away.
        _ = loose => {}
    }
    for pause in PAUSES {
        if timeout(pause, &mut connection).await.is_ok() {
            return;
        }
        // Whether it was sent shows in the connection's end.
        let _ = timeout(CANCEL_TIMEOUT, cancel.cancel_query(tls.clone())).await;
    }
    tracing::warn!("a statement does not let itself be cancelled; its connection is cut");
}
