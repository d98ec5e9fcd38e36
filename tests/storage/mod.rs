//! The Storage dialect on the wire.

mod basics;
mod buckets;
mod chat_files;
mod crash;
mod crash_steps;
mod hostile;
mod lists;
mod objects;
mod pictures;
mod render;
mod resumable;
mod s3;
mod threats;
mod versions;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Answer, Database, Person, Server, eventually};

/// Where files rest: a folder, or a bucket of the store that `bin/test` started.
struct Place {
    folder: tempfile::TempDir,
    /// Address and bucket of the store.
    store: Option<(String, String)>,
}

impl Place {
    async fn new(database: &Database) -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), store: store(database).await }
    }

    /// What a server is started with to keep files here.
    fn flags(&self) -> Vec<String> {
        let folder = self.folder.path().to_str().expect("a plain path");
        let mut flags = vec!["--storage-dir".to_owned(), folder.to_owned()];
        if let Some((address, bucket)) = &self.store {
            let endpoint = format!("http://{address}");
            flags.extend(["--storage-s3-endpoint".to_owned(), endpoint]);
            flags.extend(["--storage-s3-bucket".to_owned(), bucket.clone()]);
            let keys = ["--storage-s3-access-key-id", "--storage-s3-secret-access-key"];
            flags.extend(keys.into_iter().flat_map(|flag| [flag.to_owned(), "any".to_owned()]));
        }
        flags
    }

    /// The names of all files.
    fn bytes(&self) -> Vec<String> {
        let Some((address, bucket)) = &self.store else { return files_below(self.folder.path()) };
        let mut stream = TcpStream::connect(address).expect("the store answers");
        let asked = write!(stream, "GET /{bucket}?list-type=2 HTTP/1.0\r\nHost: {address}\r\n\r\n");
        asked.expect("the store listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the store answers");
        let keys = answer.split("<Key>").skip(1);
        let keys = keys.filter_map(|rest| Some(rest.split_once("</Key>")?.0));
        keys.map(|key| key.rsplit('/').next().unwrap_or(key).to_owned()).collect()
    }

    /// Puts bytes where those of this name rest.
    fn rest(&self, version: &str, text: &str) {
        let place = format!("{}/{}/{version}", &version[..2], &version[2..4]);
        let Some((address, bucket)) = &self.store else {
            let path = self.folder.path().join(place);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            return std::fs::write(path, text).expect("it can be written");
        };
        let mut stream = TcpStream::connect(address).expect("the store answers");
        let (host, size) = (address, text.len());
        let head = format!(
            "PUT /{bucket}/{place} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {size}\r\n\r\n"
        );
        write!(stream, "{head}{text}").expect("the store listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the store answers");
    }
}

/// A database, its server, and people to act as.
struct Stage {
    database: Database,
    server: Server,
    service: Person,
    ana: Person,
    bo: Person,
    place: Place,
}

impl Stage {
    /// With the platform alone and no policy.
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(flags: &[&str]) -> Self {
        let database = Database::scratch().await;
        let place = Place::new(&database).await;
        let rest = place.flags();
        let flags: Vec<&str> =
            rest.iter().map(String::as_str).chain(flags.iter().copied()).collect();
        let server = Server::start_with(&database, &flags).await;
        let service = Person { token: server.service_key() };
        let (ana, bo) = (server.person("ana"), server.person("bo"));
        Self { database, server, service, ana, bo, place }
    }

    /// Waits until the sweep has nothing to do.
    async fn swept(&self) {
        let due = "select count(*) from storage.blobs where state <> 'kept'";
        eventually("what was let go of is removed", || async {
            (self.database.value(due).await == "0").then_some(())
        })
        .await;
    }

    fn bytes(&self) -> Vec<String> {
        self.place.bytes()
    }

    fn rest(&self, version: &str, text: &str) {
        self.place.rest(version, text);
    }

    /// A request below /storage/v1.
    fn request(&self, who: &Person, method: Method, path: &str) -> RequestBuilder {
        self.server.request(method, &format!("/storage/v1{path}")).bearer_auth(&who.token)
    }

    async fn send(&self, who: &Person, method: Method, path: &str) -> Answer {
        Answer::of(self.request(who, method, path)).await
    }

    async fn post(&self, who: &Person, path: &str, body: Value) -> Answer {
        Answer::of(self.request(who, Method::POST, path).json(&body)).await
    }

    async fn get(&self, who: &Person, path: &str) -> Answer {
        self.send(who, Method::GET, path).await
    }

    /// Makes a bucket.
    async fn bucket(&self, name: &str, more: Value) {
        let mut body = json!({ "name": name });
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        let made = self.post(&self.service, "/bucket", body).await;
        assert_eq!(made.status, 200, "{}", made.text);
    }

    /// Uploads text.
    async fn put(&self, who: &Person, place: &str, text: &str) -> Answer {
        let request = self.request(who, Method::POST, &format!("/object/{place}"));
        let request = request.header("content-type", "text/plain");
        Answer::of(request.body(text.to_owned())).await
    }

    /// The same in place of what is there.
    async fn upsert(&self, who: &Person, place: &str, text: &str) -> Answer {
        let request = self.request(who, Method::POST, &format!("/object/{place}"));
        let request = request.header("content-type", "text/plain").header("x-upsert", "true");
        Answer::of(request.body(text.to_owned())).await
    }
}

/// A bucket of its own in the store that bin/test started, if it did: the same tests hold there.
async fn store(database: &Database) -> Option<(String, String)> {
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests alone")]
    let address = std::env::var("TEST_STORAGE_S3_ADDRESS").ok()?;
    let bucket = database.name().replace('_', "-");
    let made = reqwest::Client::new().put(format!("http://{address}/{bucket}")).send().await;
    assert!(made.expect("the store answers").status().is_success());
    Some((address, bucket))
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read").flatten() {
        if entry.path().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

/// What a refusal says: the status of its body, and the code.
fn refusal(answer: &Answer) -> (&str, &str) {
    (
        answer.body["statusCode"].as_str().unwrap_or_default(),
        answer.body["code"].as_str().unwrap_or_default(),
    )
}
