//! The client's side of Signature Version 4, written anew so that both sides can be wrong only
//! together with AWS's documentation.

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::support::{Answer, Person, Process, Server};

pub const ACCESS_KEY: &str = "servers";
pub const SECRET_KEY: &str = "a secret of servers, long enough for it";

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// A server somewhere.
pub trait Reached {
    fn url(&self) -> &str;
}

impl Reached for Server {
    fn url(&self) -> &str {
        self.url()
    }
}

impl Reached for Process {
    fn url(&self) -> &str {
        self.url()
    }
}

/// Somebody's keys.
#[derive(Clone)]
pub struct Keys {
    pub access_key: String,
    pub secret: String,
    pub token: Option<String>,
}

impl Keys {
    /// Those of the servers.
    pub fn servers() -> Self {
        Self { access_key: ACCESS_KEY.into(), secret: SECRET_KEY.into(), token: None }
    }

    /// Those of a person, whose token is what counts.
    pub fn of(person: &Person) -> Self {
        let anybodys = "anybodys-key".to_owned();
        let token = Some(person.token.clone());
        Self { access_key: anybodys.clone(), secret: anybodys, token }
    }
}

/// A request before it is signed.
#[derive(Clone)]
pub struct Call {
    pub method: Method,
    /// Bucket and key, not encoded.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// What stands for the digest of the body; computed where nothing is said.
    pub payload: Option<String>,
    pub at: OffsetDateTime,
}

/// A signed head, from which chunks go on.
pub struct Seed {
    key: Vec<u8>,
    middle: String,
    pub signature: String,
}

impl Call {
    pub fn new(method: Method, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query.split('&').filter(|part| !part.is_empty()).map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.to_owned(), value.to_owned())
        });
        Self {
            method,
            path: path.to_owned(),
            query: query.collect(),
            headers: Vec::new(),
            body: Vec::new(),
            payload: None,
            at: OffsetDateTime::now_utc(),
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn payload(mut self, payload: &str) -> Self {
        self.payload = Some(payload.to_owned());
        self
    }

    pub fn at(mut self, at: OffsetDateTime) -> Self {
        self.at = at;
        self
    }

    fn whole_path(&self) -> String {
        let path = format!("/storage/v1/s3/{}", self.path);
        utf8_percent_encode(&path, PATH).to_string()
    }

    /// Signs the headers; gives the request without its body, and from where chunks go on.
    pub fn signed_head(&self, server: &impl Reached, keys: &Keys) -> (RequestBuilder, Seed) {
        let instant = instant(self.at);
        let digest = hex::encode(Sha256::digest(&self.body));
        let payload = self.payload.clone().unwrap_or(digest);
        let mut headers = self.headers.clone();
        headers.push(("host".into(), host(server)));
        headers.push(("x-amz-date".into(), instant.clone()));
        headers.push(("x-amz-content-sha256".into(), payload.clone()));
        if let Some(token) = &keys.token {
            headers.push(("x-amz-security-token".into(), token.clone()));
        }
        headers.sort();
        let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines = headers
            .iter()
            .fold(String::new(), |lines, (name, value)| lines + name + ":" + value + "\n");
        let query = written(&self.query);
        let path = self.whole_path();
        let canonical = format!("{}\n{path}\n{query}\n{lines}\n{names}\n{payload}", self.method);
        let (key, scope) = key(keys, &instant);
        let hashed = hex::encode(Sha256::digest(canonical));
        let text = format!("AWS4-HMAC-SHA256\n{instant}\n{scope}\n{hashed}");
        let signature = hex::encode(mac(&key, &text));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            keys.access_key
        );
        let target = if query.is_empty() { path } else { format!("{path}?{query}") };
        let url = format!("{}{target}", server.url());
        let mut request = reqwest::Client::new().request(self.method.clone(), url);
        for (name, value) in headers.iter().filter(|(name, _)| name != "host") {
            request = request.header(name, value);
        }
        let middle = format!("{instant}\n{scope}");
        (request.header("authorization", authorization), Seed { key, middle, signature })
    }

    /// Signs the headers and sends it.
    pub async fn send(&self, server: &impl Reached, keys: &Keys) -> Answer {
        let (request, _) = self.signed_head(server, keys);
        Answer::of(request.body(self.body.clone())).await
    }

    /// The path and query of a presigned URL.
    pub fn presigned(&self, server: &impl Reached, keys: &Keys, seconds: u32) -> String {
        let instant = instant(self.at);
        let (key, scope) = key(keys, &instant);
        let mut query = self.query.clone();
        let mut add = |name: &str, value: String| query.push((name.to_owned(), value));
        add("X-Amz-Algorithm", "AWS4-HMAC-SHA256".into());
        add("X-Amz-Credential", format!("{}/{scope}", keys.access_key));
        add("X-Amz-Date", instant.clone());
        add("X-Amz-Expires", seconds.to_string());
        add("X-Amz-SignedHeaders", "host".into());
        if let Some(token) = &keys.token {
            add("X-Amz-Security-Token", token.clone());
        }
        let (path, query) = (self.whole_path(), written(&query));
        let canonical = format!(
            "{}\n{path}\n{query}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD",
            self.method,
            host(server)
        );
        let hashed = hex::encode(Sha256::digest(canonical));
        let text = format!("AWS4-HMAC-SHA256\n{instant}\n{scope}\n{hashed}");
        format!("{path}?{query}&X-Amz-Signature={}", hex::encode(mac(&key, &text)))
    }
}

impl Seed {
    /// Frames pieces of a body with signatures; the last is empty.
    pub fn chunks(&self, pieces: &[&[u8]]) -> Vec<u8> {
        let nothing = hex::encode(Sha256::digest(b""));
        let mut last = self.signature.clone();
        let mut body = Vec::new();
        for piece in pieces.iter().copied().chain([&b""[..]]) {
            let hashed = hex::encode(Sha256::digest(piece));
            let text =
                format!("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{last}\n{nothing}\n{hashed}", self.middle);
            last = hex::encode(mac(&self.key, &text));
            body.extend(format!("{:x};chunk-signature={last}\r\n", piece.len()).bytes());
            body.extend_from_slice(piece);
            body.extend(b"\r\n");
        }
        body
    }
}

/// The fields of a form that `keys` sign a policy for.
pub fn form(keys: &Keys, policy: &str) -> Vec<(&'static str, String)> {
    let instant = instant(OffsetDateTime::now_utc());
    let (key, scope) = key(keys, &instant);
    let signature = hex::encode(mac(&key, policy));
    let mut fields = vec![
        ("policy", policy.to_owned()),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256".to_owned()),
        ("x-amz-credential", format!("{}/{scope}", keys.access_key)),
        ("x-amz-date", instant),
        ("x-amz-signature", signature),
    ];
    if let Some(token) = &keys.token {
        fields.push(("x-amz-security-token", token.clone()));
    }
    fields
}

fn written(query: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let mut pairs: Vec<_> =
        query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.sort();
    pairs.join("&")
}

fn host(server: &impl Reached) -> String {
    server.url().trim_start_matches("http://").to_owned()
}

fn instant(at: OffsetDateTime) -> String {
    at.format(format_description!("[year][month][day]T[hour][minute][second]Z"))
        .expect("a moment is written")
}

fn key(keys: &Keys, instant: &str) -> (Vec<u8>, String) {
    let date = &instant[..8];
    let first = format!("AWS4{}", keys.secret).into_bytes();
    let key = [date, "eu-test-1", "s3", "aws4_request"]
        .into_iter()
        .fold(first, |key, step| mac(&key, step));
    (key, format!("{date}/eu-test-1/s3/aws4_request"))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.chain_update(text).finalize().into_bytes().to_vec()
}
