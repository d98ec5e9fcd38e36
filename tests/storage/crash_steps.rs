//! The server is killed at each step of each write. A trigger of the test's own holds it there, so
//! that nothing is left to chance. Whoever comes next finds what was before the write or what is
//! after it; and when the sweep is through, each row has its bytes and there are no others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use nix::sys::signal::Signal;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Place;
use super::s3::signer::{Call, Keys, Reached};
use super::s3::{FLAGS, element};
use crate::support::{Answer, Database, Process, SECRET, eventually};

/// Steps of a write, by the trigger that holds the server there.
const ANNOUNCED: &str = "before insert on storage.blobs for each row";
const KEPT: &str = "before update on storage.blobs for each row when (new.state = 'kept')";
const LET_GO: &str = "before update on storage.blobs for each row when (new.state = 'doomed')";
const FORGOTTEN: &str = "before delete on storage.blobs for each row";
const MADE: &str = "after insert on storage.objects for each row";
const CHANGED: &str = "after update on storage.objects for each row";
const REMOVED: &str = "before delete on storage.objects for each row";
const ENDING: &str = "after insert or update or delete on storage.objects deferrable initially deferred for each row";

/// Waits at a step, when it is passed for the n-th time, for a lock that the test has.
const HOLD: &str = "
    create sequence public.passes;
    create function public.hold() returns trigger language plpgsql security definer as $$
    begin
      if nextval('public.passes') = tg_argv[0]::bigint then
        perform pg_advisory_xact_lock_shared(8);
      end if;
      return case when tg_op = 'DELETE' then old else new end;
    end $$";

/// Somebody waits for that lock.
const IS_HELD: &str = "select from pg_locks
    where locktype = 'advisory' and not granted
      and database = (select oid from pg_database where datname = current_database())";

/// Names and what they hold.
type Files = BTreeMap<String, String>;

fn files(pairs: &[(&str, &str)]) -> Files {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// Whoever asks something of the server.
#[derive(Clone)]
struct Client {
    url: String,
    token: String,
    /// The folder in bucket `b` that this round is about.
    folder: String,
    /// Where a resumable upload goes on.
    location: Arc<Mutex<Option<String>>>,
}

impl Reached for Client {
    fn url(&self) -> &str {
        &self.url
    }
}

impl Client {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/storage/v1{path}", self.url);
        reqwest::Client::new().request(method, url).bearer_auth(&self.token)
    }

    async fn put(&self, name: &str, text: &str) {
        let request = self.request(Method::PUT, &format!("/object/b/{}/{name}", self.folder));
        let request = request.header("content-type", "text/plain").body(text.to_owned());
        let put = Answer::of(request).await;
        assert_eq!(put.status, 200, "{}", put.text);
    }

    /// A write that may find no end.
    async fn try_put(&self, name: &str, text: &str) {
        let request = self.request(Method::PUT, &format!("/object/b/{}/{name}", self.folder));
        let _ = request.header("content-type", "text/plain").body(text.to_owned()).send().await;
    }

    /// A move or a copy that may find no end.
    async fn try_to(&self, verb: &str, names: (&str, &str), is_recursive: bool) {
        let body = json!({
            "bucketId": "b", "sourceKey": format!("{}/{}", self.folder, names.0),
            "destinationKey": format!("{}/{}", self.folder, names.1), "recursive": is_recursive,
        });
        let request = self.request(Method::POST, &format!("/object/{verb}"));
        let _ = request.header("x-upsert", "true").json(&body).send().await;
    }

    async fn try_delete(&self, name: &str) {
        let path = format!("/object/b/{}/{name}", self.folder);
        let _ = self.request(Method::DELETE, &path).send().await;
    }

    fn resumable(&self, method: Method, url: String) -> RequestBuilder {
        let request = reqwest::Client::new().request(method, url).bearer_auth(&self.token);
        request.header("tus-resumable", "1.0.0")
    }

    async fn step(&self, location: &str, offset: usize, bytes: &str) -> Option<Answer> {
        let request = self.resumable(Method::PATCH, location.to_owned());
        let request = request.header("content-type", "application/offset+octet-stream");
        let request = request.header("upload-offset", offset).body(bytes.to_owned());
        Some(Answer::read(request.send().await.ok()?).await)
    }

    /// `helloworld` in two steps, which may find no end.
    async fn try_in_steps(&self, name: &str) {
        use base64::Engine;
        let encode = |text: &str| base64::prelude::BASE64_STANDARD.encode(text);
        let name = format!("{}/{name}", self.folder);
        let said = format!("bucketName {},objectName {}", encode("b"), encode(&name));
        let request =
            self.resumable(Method::POST, format!("{}/storage/v1/upload/resumable", self.url));
        let request = request.header("upload-length", 10).header("upload-metadata", said);
        let Ok(begun) = request.send().await else { return };
        assert_eq!(begun.status(), 201);
        let location = begun.headers()["location"].to_str().expect("text").to_owned();
        *self.location.lock().expect("nobody panics with it") = Some(location.clone());
        if self.step(&location, 0, "hello").await.is_some() {
            self.step(&location, 5, "world").await;
        }
    }

    /// Ends an upload in steps that was begun, at a server that knows of it.
    async fn go_on(&self) {
        let location = self.location.lock().expect("nobody panics with it").clone();
        let Some(location) = location else { return };
        let (_, path) = location.split_once("/storage/v1").expect("an address");
        let location = format!("{}/storage/v1{path}", self.url);
        let head = Answer::of(self.resumable(Method::HEAD, location.clone())).await;
        assert_eq!(head.status, 200, "it is not lost");
        let offset = head.headers["upload-offset"].to_str().expect("text");
        let offset: usize = offset.parse().expect("a number");
        if offset < 10 {
            let step = self.step(&location, offset, &"helloworld"[offset..]).await;
            assert_eq!(step.map(|answer| answer.status.as_u16()), Some(204));
        }
    }

    /// `helloworld` in two parts over S3, which may find no end.
    async fn try_in_parts(&self, name: &str) -> Option<()> {
        let (target, keys) = (format!("b/{}/{name}", self.folder), Keys::servers());
        let send = async |method, query: &str, body: String| {
            let call = Call::new(method, &format!("{target}?{query}")).body(body);
            let (request, _) = call.signed_head(self, &keys);
            Some(Answer::read(request.body(call.body.clone()).send().await.ok()?).await)
        };
        let begun = send(Method::POST, "uploads", String::new()).await?;
        let id = element(&begun.text, "UploadId")?.to_owned();
        let mut parts = String::new();
        for (number, text) in [(1, "hello"), (2, "world")] {
            let query = format!("uploadId={id}&partNumber={number}");
            let part = send(Method::PUT, &query, text.to_owned()).await?;
            let etag = part.headers.get("etag")?.to_str().ok()?;
            let part = format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
            parts.push_str(&part);
        }
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        send(Method::POST, &format!("uploadId={id}"), body).await?;
        Some(())
    }
}

/// What is tried: a write between two states, and the steps on its way with how often each is
/// passed before the server is killed there.
struct Trial {
    before: Files,
    after: Files,
    write: fn(Client) -> BoxFuture<'static, ()>,
    steps: &'static [(&'static str, u32)],
}

/// A database, a server that dies again and again, and where its files rest.
struct Ordeal {
    database: Database,
    place: Place,
    /// Has the lock, or not.
    holder: tokio_postgres::Client,
    server: Process,
    token: String,
    rounds: usize,
}

impl Ordeal {
    async fn new(versioning: &str) -> Self {
        let database = Database::scratch().await;
        let bucket = format!(
            "insert into storage.buckets (id, name, versioning_status) values ('b', 'b', '{versioning}')"
        );
        database.sql(&bucket).await;
        database.sql(HOLD).await;
        let place = Place::new(&database).await;
        let claims = json!({ "role": "service_role", "exp": 4_000_000_000_i64 });
        let token = walkie::identity::Keys::new(SECRET).sign(&claims).expect("signed");
        let (holder, server) = (database.connect().await, serve(&database, &place).await);
        Self { database, place, holder, server, token, rounds: 0 }
    }

    fn client(&self) -> Client {
        Client {
            url: self.server.url().to_owned(),
            token: self.token.clone(),
            folder: self.rounds.to_string(),
            location: Arc::default(),
        }
    }

    /// Kills the server at each step, and sees what the next one finds.
    async fn undergo(&mut self, trial: &Trial) {
        for (step, pass) in trial.steps {
            let client = self.prepared(&trial.before).await;
            let kind = if *step == ENDING { "constraint trigger" } else { "trigger" };
            let trigger = format!(
                "alter sequence public.passes restart;
                 create {kind} hold {step} execute function public.hold('{pass}')"
            );
            self.database.sql(&trigger).await;
            self.holder.batch_execute("select pg_advisory_lock(8)").await.expect("it is free");
            let write = tokio::spawn((trial.write)(client.clone()));
            eventually(&format!("the server is held: {step}"), || async {
                (!self.database.rows(IS_HELD).await.is_empty()).then_some(())
            })
            .await;
            self.fall(self.rounds.is_multiple_of(2)).await;
            write.await.expect("nobody met a fault of the server");
            let table = step.split(' ').skip_while(|word| *word != "on").nth(1).expect("a table");
            self.database.sql(&format!("drop trigger hold on {table}")).await;
            self.rise(client, trial, step).await;
        }
    }

    /// The same at a moment when no transaction is open.
    async fn undergo_between(&mut self, trial: &Trial, moment: &str, state: &str) {
        let client = self.prepared(&trial.before).await;
        let now = self.database.value("select clock_timestamp()").await;
        let is_there =
            format!("select from storage.blobs where state = '{state}' and since > '{now}'");
        let write = tokio::spawn((trial.write)(client.clone()));
        eventually(moment, || async {
            (!self.database.rows(&is_there).await.is_empty()).then_some(())
        })
        .await;
        self.fall(false).await;
        write.abort();
        self.rise(client, trial, moment).await;
    }

    async fn prepared(&mut self, before: &Files) -> Client {
        self.rounds += 1;
        let client = self.client();
        for (name, text) in before {
            client.put(name, text).await;
        }
        client
    }

    /// The server dies. What it had asked of the database may still come about, unless that loses
    /// the connection too.
    async fn fall(&self, loses_connection: bool) {
        self.server.signal(Signal::SIGKILL);
        let theirs = "from pg_stat_activity
            where datname = current_database() and usename = 'authenticator'";
        if loses_connection {
            self.database.sql(&format!("select pg_terminate_backend(pid) {theirs}")).await;
        }
        self.holder.batch_execute("select pg_advisory_unlock_all()").await.expect("it answers");
        eventually("nothing of the server is left", || async {
            self.database.rows(&format!("select {theirs}")).await.is_empty().then_some(())
        })
        .await;
    }

    /// Another server comes, and finds one state or the other.
    async fn rise(&mut self, before: Client, trial: &Trial, step: &str) {
        self.server = serve(&self.database, &self.place).await;
        let client = Client { url: self.server.url().to_owned(), ..before };
        let found = self.found(&client).await;
        assert!(found == trial.before || found == trial.after, "{step}: {found:?}");
        client.go_on().await;
        if client.location.lock().expect("nobody panics with it").is_some() {
            assert_eq!(self.found(&client).await, trial.after, "{step}");
        }
    }

    /// What is in the folder of a round.
    async fn found(&self, client: &Client) -> Files {
        let names = format!(
            "select substr(name, strpos(name, '/') + 1) from storage.objects
              where name like '{}/%' and archived_at is null and not is_delete_marker",
            client.folder
        );
        let mut found = Files::new();
        for name in self.database.rows(&names).await.into_iter().flatten().flatten() {
            let path = format!("/object/b/{}/{name}", client.folder);
            let got = Answer::of(client.request(Method::GET, &path)).await;
            assert_eq!(got.status, 200, "a row without bytes: {}", got.text);
            found.insert(name, got.text);
        }
        found
    }

    /// After the sweep rows, the ledger and bytes agree.
    async fn nothing_is_left_behind(self) {
        // What is unfinished waits for a day or more; here that is over.
        let over = "
            update storage.s3_multipart_uploads set until = now()
             where id in (select id from storage.s3_multipart_uploads for update skip locked);
            update storage.blobs set since = now() - interval '1 minute', until = now()
             where version in (select version from storage.blobs where state <> 'kept' for update skip locked);
            notify walkie, 'storage'";
        let due = "select count(*) from storage.blobs where state <> 'kept'";
        eventually("the sweep is through", || async {
            self.database.sql(over).await;
            (self.database.value(due).await == "0").then_some(())
        })
        .await;
        let names = async |sql| -> BTreeSet<String> {
            self.database.rows(sql).await.into_iter().flatten().flatten().collect()
        };
        let rows = names("select version from storage.objects where not is_delete_marker").await;
        assert!(!rows.is_empty(), "something was written");
        assert_eq!(rows, names("select version::text from storage.blobs").await);
        assert_eq!(rows, self.place.bytes().into_iter().collect());
        let begun = "select version from storage.resumable_uploads
                     union all select id from storage.s3_multipart_uploads";
        assert!(self.database.rows(begun).await.is_empty(), "an upload is left");
        let usage = "select sum(bytes) = (select sum((metadata ->> 'size')::bigint) from storage.objects) from storage.usage";
        assert_eq!(self.database.value(usage).await, "t", "what is kept is counted");
        self.server.kill().await;
    }
}

async fn serve(database: &Database, place: &Place) -> Process {
    let rest = place.flags();
    let flags: Vec<&str> = rest.iter().map(String::as_str).chain(FLAGS).collect();
    Process::serve_with(database, &flags).await
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_is_whole_or_not_there() {
    let mut ordeal = Ordeal::new("DISABLED").await;
    let create = Trial {
        before: files(&[("other", "x")]),
        after: files(&[("other", "x"), ("a", "new")]),
        write: |client| Box::pin(async move { client.try_put("a", "new").await }),
        steps: &[(ANNOUNCED, 1), (KEPT, 1), (MADE, 1), (ENDING, 1)],
    };
    ordeal.undergo(&create).await;
    let half = Trial { write: |client| Box::pin(half_a_body(client)), ..create };
    ordeal.undergo_between(&half, "bytes are coming", "writing").await;
    ordeal.nothing_is_left_behind().await;
}

/// An upload that stops in the middle and keeps the connection open.
async fn half_a_body(client: Client) {
    let host = client.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).await.expect("a connection");
    let head = format!(
        "PUT /storage/v1/object/b/{}/a HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n\
         content-type: text/plain\r\ncontent-length: 3000000\r\n\r\n",
        client.folder, client.token
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&vec![b'x'; 2_000_000]).await.expect("sent");
    let _ = stream.read(&mut [0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_overwritten_stays_until_the_new_is_whole() {
    let mut ordeal = Ordeal::new("DISABLED").await;
    let upsert = Trial {
        before: files(&[("a", "old")]),
        after: files(&[("a", "new")]),
        write: |client| Box::pin(async move { client.try_put("a", "new").await }),
        steps: &[(ANNOUNCED, 1), (KEPT, 1), (CHANGED, 1), (LET_GO, 1), (ENDING, 1), (FORGOTTEN, 1)],
    };
    ordeal.undergo(&upsert).await;
    let copy = Trial {
        before: files(&[("a", "old"), ("b", "new")]),
        after: files(&[("a", "new"), ("b", "new")]),
        write: |client| Box::pin(async move { client.try_to("copy", ("b", "a"), false).await }),
        steps: &[(ANNOUNCED, 1), (KEPT, 1), (CHANGED, 1), (LET_GO, 1), (ENDING, 1)],
    };
    ordeal.undergo(&copy).await;
    ordeal.nothing_is_left_behind().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_moved_or_copied_is_here_or_there() {
    let mut ordeal = Ordeal::new("DISABLED").await;
    let relocate = Trial {
        before: files(&[("a", "x")]),
        after: files(&[("b", "x")]),
        write: |client| Box::pin(async move { client.try_to("move", ("a", "b"), false).await }),
        steps: &[(CHANGED, 1), (ENDING, 1)],
    };
    ordeal.undergo(&relocate).await;
    let folder = Trial {
        before: files(&[("f/1", "x"), ("f/2", "y")]),
        after: files(&[("g/1", "x"), ("g/2", "y")]),
        write: |client| Box::pin(async move { client.try_to("move", ("f", "g"), true).await }),
        steps: &[(CHANGED, 1), (CHANGED, 2), (ENDING, 2)],
    };
    ordeal.undergo(&folder).await;
    let copy = Trial {
        before: files(&[("a", "x")]),
        after: files(&[("a", "x"), ("b", "x")]),
        write: |client| Box::pin(async move { client.try_to("copy", ("a", "b"), false).await }),
        steps: &[(ANNOUNCED, 1), (KEPT, 1), (MADE, 1), (ENDING, 1)],
    };
    ordeal.undergo(&copy).await;
    ordeal.nothing_is_left_behind().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_goes_with_its_bytes() {
    let mut ordeal = Ordeal::new("DISABLED").await;
    let delete = Trial {
        before: files(&[("a", "x"), ("b", "y")]),
        after: files(&[("b", "y")]),
        write: |client| Box::pin(async move { client.try_delete("a").await }),
        steps: &[(REMOVED, 1), (LET_GO, 1), (ENDING, 1), (FORGOTTEN, 1)],
    };
    ordeal.undergo(&delete).await;
    ordeal.undergo_between(&delete, "bytes are let go of", "doomed").await;
    ordeal.nothing_is_left_behind().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_kept_or_nothing_has_changed() {
    let mut ordeal = Ordeal::new("ENABLED").await;
    let upsert = Trial {
        before: files(&[("a", "old")]),
        after: files(&[("a", "new")]),
        write: |client| Box::pin(async move { client.try_put("a", "new").await }),
        steps: &[(MADE, 1), (CHANGED, 1), (ENDING, 2)],
    };
    ordeal.undergo(&upsert).await;
    let delete = Trial {
        after: files(&[]),
        write: |client| Box::pin(async move { client.try_delete("a").await }),
        steps: &[(MADE, 1), (CHANGED, 1), (ENDING, 2)],
        ..upsert
    };
    ordeal.undergo(&delete).await;
    ordeal.nothing_is_left_behind().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_in_steps_goes_on_where_it_was() {
    let mut ordeal = Ordeal::new("DISABLED").await;
    let resumable = Trial {
        before: files(&[]),
        after: files(&[("a", "helloworld")]),
        write: |client| Box::pin(async move { client.try_in_steps("a").await }),
        steps: &[
            (ANNOUNCED, 1),
            (ANNOUNCED, 2),
            (KEPT, 1),
            (ANNOUNCED, 3),
            (KEPT, 2),
            (LET_GO, 1),
            (MADE, 1),
            (ENDING, 1),
            (LET_GO, 2),
            (FORGOTTEN, 1),
        ],
    };
    ordeal.undergo(&resumable).await;
    ordeal.nothing_is_left_behind().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_in_parts_is_whole_or_not_there() {
    let mut ordeal = Ordeal::new("DISABLED").await;
    let multipart = Trial {
        before: files(&[]),
        after: files(&[("a", "helloworld")]),
        write: |client| {
            Box::pin(async move {
                client.try_in_parts("a").await;
            })
        },
        steps: &[
            (ANNOUNCED, 1),
            (ANNOUNCED, 2),
            (ANNOUNCED, 3),
            (KEPT, 1),
            (MADE, 1),
            (ENDING, 1),
            (LET_GO, 1),
            (LET_GO, 2),
            (FORGOTTEN, 1),
        ],
    };
    ordeal.undergo(&multipart).await;
    ordeal.nothing_is_left_behind().await;
}
