//! Looking for viruses, with a clamd of the test's own that speaks the real protocol.

use std::sync::{Arc, Mutex};

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Database, Server, eventually, free_port};

/// What every scanner calls a virus, in two halves, so that this file is none.
const EICAR: [&str; 2] =
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"];

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    /// Hangs up when it has seen everything.
    HangsUp,
    /// Hangs up in the middle of its answer.
    BreaksOff,
    /// Has no memory left.
    Fails,
}

/// A clamd.
struct Clamd {
    port: u16,
    mood: Arc<Mutex<Mood>>,
    signatures: Arc<Mutex<u32>>,
    /// What it was shown.
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// As StreamMaxLength in its settings.
const MAX_STREAM_BYTES: usize = 1024 * 1024;

impl Clamd {
    async fn start() -> Self {
        Self::start_on(0, Mood::Well).await
    }

    async fn start_on(port: u16, mood: Mood) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let clamd = Self {
            port,
            mood: Arc::new(Mutex::new(mood)),
            signatures: Arc::new(Mutex::new(27_000)),
            seen: Arc::default(),
        };
        let (mood, signatures) = (Arc::clone(&clamd.mood), Arc::clone(&clamd.signatures));
        let seen = Arc::clone(&clamd.seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mood = *mood.lock().expect("nobody panics with it");
                let signatures = *signatures.lock().expect("nobody panics with it");
                tokio::spawn(converse(stream, mood, signatures, Arc::clone(&seen)));
            }
        });
        clamd
    }

    fn seen(&self) -> Vec<Vec<u8>> {
        self.seen.lock().expect("nobody panics with it").clone()
    }

    fn feels(&self, mood: Mood) {
        *self.mood.lock().expect("nobody panics with it") = mood;
    }

    fn learns(&self) {
        *self.signatures.lock().expect("nobody panics with it") += 1;
    }

    async fn server(&self, database: &Database) -> Server {
        server_with(database, self.port).await
    }
}

async fn converse(
    mut stream: TcpStream,
    mood: Mood,
    signatures: u32,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
) -> std::io::Result<()> {
    let mut command = Vec::new();
    loop {
        match stream.read_u8().await? {
            0 => break,
            byte => command.push(byte),
        }
    }
    let answer = match command.as_slice() {
        b"zVERSION" => format!("ClamAV 1.4.3/{signatures}/Sat Nov 21 09:00:00 2026\0"),
        b"zINSTREAM" => {
            let mut shown = Vec::new();
            loop {
                let length = usize::try_from(stream.read_u32().await?).expect("it fits");
                if length == 0 {
                    break;
                }
                if shown.len() + length > MAX_STREAM_BYTES {
                    return stream.write_all(b"INSTREAM size limit exceeded. ERROR\0").await;
                }
                let from = shown.len();
                shown.resize(from + length, 0);
                stream.read_exact(&mut shown[from..]).await?;
            }
            let is_virus = shown == EICAR.concat().as_bytes();
            seen.lock().expect("nobody panics with it").push(shown);
            match mood {
                Mood::HangsUp => return Ok(()),
                Mood::BreaksOff => "stream: OK".to_owned(),
                Mood::Fails => "stream: Can't allocate memory ERROR\0".to_owned(),
                Mood::Well if is_virus => "stream: Eicar-Test-Signature FOUND\0".to_owned(),
                Mood::Well => "stream: OK\0".to_owned(),
            }
        }
        _ => "UNKNOWN COMMAND\0".to_owned(),
    };
    stream.write_all(answer.as_bytes()).await
}

/// A server that asks a clamd on this port.
async fn server_with(database: &Database, port: u16) -> Server {
    let folder = std::env::temp_dir().join(format!("walkie-scan-{}", database.name()));
    let clamd = format!("127.0.0.1:{port}");
    let flags = [
        "--storage-dir",
        folder.to_str().expect("a readable path"),
        "--clamd",
        &clamd,
        "--clamd-max-bytes",
        "2000000",
    ];
    Server::start_with(database, &flags).await
}

/// Puts a file there and has it looked at.
async fn put(database: &Database, server: &Server, name: &str, bytes: Vec<u8>) {
    database
        .sql("insert into storage.buckets (id, name) values ('box', 'box') on conflict do nothing")
        .await;
    let answer = server
        .request(Method::POST, &format!("/storage/v1/object/box/{name}"))
        .bearer_auth(server.service_key())
        .header("content-type", "application/octet-stream")
        .body(bytes)
        .send()
        .await
        .expect("answers");
    assert_eq!(answer.status(), 200, "{}", answer.text().await.expect("text"));
    let request = format!(
        "select storage.request_scan(version::uuid) from storage.objects where name = '{name}'"
    );
    database.sql(&request).await;
}

/// `verdict engine signature` of a file, once there is one.
async fn verdict(database: &Database, name: &str) -> String {
    let sql = format!(
        "select concat_ws(' ', s.verdict, s.engine, s.signature)
           from storage.scans s join storage.objects o on o.version = s.version::text
          where o.name = '{name}'"
    );
    eventually(&format!("{name} is looked at"), || async {
        database.rows(&sql).await.concat().into_iter().flatten().next()
    })
    .await
}

/// Waits until the only job has failed, and gives why.
async fn failure(database: &Database) -> String {
    let sql = "select last_error from walkie.jobs where kind = 'scan' and state = 'ready' and attempts > 0";
    eventually("the job has failed", || async {
        database.rows(sql).await.concat().into_iter().flatten().next()
    })
    .await
}

async fn none_is_clean(database: &Database) {
    assert_eq!(database.value("select count(*) from storage.scans").await, "0");
}

#[tokio::test]
async fn scanner_is_shown_every_byte() {
    let (database, clamd) = (Database::scratch().await, Clamd::start().await);
    let server = clamd.server(&database).await;
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).take(700_000).collect();

    put(&database, &server, "large.bin", bytes.clone()).await;
    let told = verdict(&database, "large.bin").await;
    put(&database, &server, "empty.bin", Vec::new()).await;

    assert_eq!(told, "clean ClamAV 1.4.3/27000/Sat Nov 21 09:00:00 2026");
    assert!(verdict(&database, "empty.bin").await.starts_with("clean"));
    assert_eq!(clamd.seen(), [bytes, Vec::new()]);
}

#[tokio::test]
async fn virus_is_named() {
    let (database, clamd) = (Database::scratch().await, Clamd::start().await);
    let server = clamd.server(&database).await;

    put(&database, &server, "eicar.com", EICAR.concat().into_bytes()).await;

    let told = verdict(&database, "eicar.com").await;
    let words: Vec<&str> = told.split(' ').collect();
    assert_eq!((words.first(), words.last()), (Some(&"infected"), Some(&"Eicar-Test-Signature")));
}

#[tokio::test]
async fn same_bytes_are_looked_at_once_for_each_state_of_signatures() {
    let (database, clamd) = (Database::scratch().await, Clamd::start().await);
    let server = clamd.server(&database).await;

    put(&database, &server, "first.bin", b"the same".to_vec()).await;
    verdict(&database, "first.bin").await;
    put(&database, &server, "second.bin", b"the same".to_vec()).await;
    assert!(verdict(&database, "second.bin").await.starts_with("clean"));
    assert_eq!(clamd.seen().len(), 1);

    clamd.learns();
    put(&database, &server, "third.bin", b"the same".to_vec()).await;
    assert!(verdict(&database, "third.bin").await.contains("/27001/"));
    assert_eq!(clamd.seen().len(), 2);
}

#[tokio::test]
async fn file_waits_while_the_scanner_is_away() {
    let database = Database::scratch().await;
    let away = free_port();
    let server = server_with(&database, away).await;

    put(&database, &server, "a.bin", b"hello".to_vec()).await;
    assert!(failure(&database).await.starts_with("clamd is not there"));
    none_is_clean(&database).await;

    let _clamd = Clamd::start_on(away, Mood::Well).await;
    database.sql("update walkie.jobs set run_at = now(); notify walkie, 'jobs'").await;
    assert!(verdict(&database, "a.bin").await.starts_with("clean"));
}

#[tokio::test]
async fn only_a_whole_answer_counts() {
    for (mood, why) in [
        (Mood::HangsUp, "clamd hung up before it had answered"),
        (Mood::BreaksOff, "clamd hung up before it had answered"),
        (Mood::Fails, "clamd answered: stream: Can't allocate memory ERROR"),
    ] {
        let (database, clamd) = (Database::scratch().await, Clamd::start().await);
        clamd.feels(mood);
        let server = clamd.server(&database).await;
        put(&database, &server, "a.bin", b"hello".to_vec()).await;
        assert_eq!(failure(&database).await, why);
        none_is_clean(&database).await;
    }
}

#[tokio::test]
async fn what_is_too_large_for_the_scanner_is_not_clean() {
    let (database, clamd) = (Database::scratch().await, Clamd::start().await);
    let server = clamd.server(&database).await;

    // More than clamd takes, then more than it is asked about.
    put(&database, &server, "large.bin", vec![7; MAX_STREAM_BYTES + 1]).await;
    put(&database, &server, "larger.bin", vec![7; 2_000_001]).await;

    for name in ["large.bin", "larger.bin"] {
        let told = verdict(&database, name).await;
        assert!(told.starts_with("failed"), "{told}");
        assert!(told.ends_with("too large for the scanner"), "{told}");
    }
    assert!(clamd.seen().is_empty());
}

#[tokio::test]
async fn files_wait_for_a_scanner_once_a_server_had_one() {
    let (database, clamd) = (Database::scratch().await, Clamd::start().await);
    assert_eq!(database.value("select count(*) from storage.scanners").await, "0");
    clamd.server(&database).await.stop().await;
    assert_eq!(database.value("select name from storage.scanners").await, "clamd");

    let without = Server::start(&database).await;
    database.sql("select storage.request_scan(gen_random_uuid())").await;
    // The mail is taken, which was asked for later; the file is left to a server that can.
    database.sql("select walkie.enqueue_job('mail', '{}')").await;
    without.settles("walkie_jobs_attempts_total{outcome=\"dead\"}", 1).await;
    let waiting = "select state || ' ' || attempts from walkie.jobs where kind = 'scan'";
    assert_eq!(database.value(waiting).await, "ready 0");
}

#[tokio::test]
async fn file_that_is_gone_needs_no_verdict() {
    let (database, clamd) = (Database::scratch().await, Clamd::start().await);
    let _server = clamd.server(&database).await;
    database.sql("select storage.request_scan(gen_random_uuid())").await;
    eventually("the job is done", || async {
        let done = "select from walkie.jobs where kind = 'scan' and state = 'done'";
        (!database.rows(done).await.is_empty()).then_some(())
    })
    .await;
    none_is_clean(&database).await;
}
