//! The Storage dialect on the wire.

mod basics;
mod buckets;
mod chat_files;
mod crash;
mod hostile;
mod objects;
mod s3;
mod versions;

use std::path::Path;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Answer, Database, Person, Server, eventually};

/// A database, its server, and people to act as.
struct Stage {
    database: Database,
    server: Server,
    service: Person,
    ana: Person,
    bo: Person,
    files: tempfile::TempDir,
}

impl Stage {
    /// With the platform alone and no policy.
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(flags: &[&str]) -> Self {
        let database = Database::scratch().await;
        let files = tempfile::tempdir().expect("a folder");
        let folder = files.path().to_str().expect("a plain path");
        let flags = [&["--storage-dir", folder], flags].concat();
        let server = Server::start_with(&database, &flags).await;
        let service = Person { token: server.service_key() };
        let (ana, bo) = (server.person("ana"), server.person("bo"));
        Self { database, server, service, ana, bo, files }
    }

    /// Waits until the sweep has nothing to do.
    async fn swept(&self) {
        let due = "select count(*) from storage.blobs where state <> 'kept'";
        eventually("what was let go of is removed", || async {
            (self.database.value(due).await == "0").then_some(())
        })
        .await;
    }

    /// The names of all files on the disk.
    fn bytes(&self) -> Vec<String> {
        files_below(self.files.path())
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
