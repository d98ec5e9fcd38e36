//! What a request asks of the database leaves in one breath: nothing waits for an answer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream, tcp, unix};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{header, plain_database, socket};
use crate::support::{Answer, Database, Standalone, eventually};

/// A way to the cluster on which answers can be held back.
struct Dam {
    port: u16,
    is_shut: watch::Sender<bool>,
    asked: Arc<Mutex<Vec<u8>>>,
    _carrying: JoinSet<()>,
}

impl Dam {
    async fn open(database: &Database) -> Self {
        let socket = socket(database).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (is_shut, shut) = watch::channel(false);
        let asked = Arc::default();
        let mut carrying = JoinSet::new();
        carrying.spawn(carry(listener, socket, shut, Arc::clone(&asked)));
        Self { port, is_shut, asked, _carrying: carrying }
    }

    fn url(&self, database: &Database) -> String {
        format!("postgresql://authenticator@127.0.0.1:{}/{}", self.port, database.name())
    }

    /// From now on questions pass and answers do not.
    fn shut(&self) {
        self.forget();
        self.is_shut.send_replace(true);
    }

    fn forget(&self) {
        self.asked.lock().expect("nobody panics").clear();
    }

    fn release(&self) {
        self.is_shut.send_replace(false);
    }

    /// How many questions have passed: each ends with a Sync.
    fn passed(&self) -> usize {
        let asked = self.asked.lock().expect("nobody panics");
        asked.windows(5).filter(|window| window == b"S\0\0\0\x04").count()
    }
}

async fn carry(
    listener: TcpListener,
    socket: PathBuf,
    shut: watch::Receiver<bool>,
    asked: Arc<Mutex<Vec<u8>>>,
) {
    // All end with this one.
    let mut carried = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let far = UnixStream::connect(&socket).await.expect("the cluster runs");
        let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
        carried.spawn(ask(from_near, to_far, Arc::clone(&asked)));
        carried.spawn(answer(from_far, to_near, shut.clone()));
    }
}

/// Carries questions and remembers them.
async fn ask(
    mut from: tcp::OwnedReadHalf,
    mut to: unix::OwnedWriteHalf,
    asked: Arc<Mutex<Vec<u8>>>,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        asked.lock().expect("nobody panics").extend_from_slice(&bytes[..count]);
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Carries answers, each when the way is open.
async fn answer(
    mut from: unix::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    mut shut: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let is_open = shut.wait_for(|is_shut| !is_shut).await.is_ok();
        if !is_open || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Everything up to the end of the transaction is sent before anything is answered: as much as
/// passes when nothing is held back.
async fn is_asked_at_once(api: &Standalone, dam: &Dam, prefer: &str) -> Answer {
    let request = || api.request(Method::GET, "/items?limit=1").header("prefer", prefer);
    // The first time, Postgres must be asked what the statements are.
    assert!(Answer::of(request()).await.status.is_success());
    dam.forget();
    assert!(Answer::of(request()).await.status.is_success());
    let all = dam.passed();
    assert!(all >= 4, "begin, settings, the statement, commit: {all}");
    dam.shut();
    let asking = tokio::spawn(Answer::of(request()));
    eventually("all of it is sent", || async { (dam.passed() == all).then_some(()) }).await;
    dam.release();
    asking.await.expect("an answer")
}

#[tokio::test]
async fn rows_and_the_guess_of_their_number_are_asked_at_once() -> anyhow::Result<()> {
    let database = plain_database().await;
    let dam = Dam::open(&database).await;
    // Nothing but requests uses its one connection.
    let settings = [("PGRST_DB_POOL", "1"), ("PGRST_DB_CHANNEL_ENABLED", "false")];
    let api = Standalone::launch(&dam.url(&database), &settings);
    eventually("the API is ready", || async {
        (api.admin("ready").await.status == 200).then_some(())
    })
    .await;

    let plain = is_asked_at_once(&api, &dam, "").await;
    let planned = is_asked_at_once(&api, &dam, "count=planned").await;
    let estimated = is_asked_at_once(&api, &dam, "count=estimated").await;

    assert_eq!(header(&plain, "content-range"), "0-0/*");
    assert!(header(&planned, "content-range").starts_with("0-0/"));
    assert!(!header(&planned, "content-range").ends_with('*'));
    assert_eq!(estimated.status, 206);
    Ok(())
}
