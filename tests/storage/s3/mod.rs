//! S3's dialect on the wire.

mod access;
mod bodies;
mod objects;
mod parts;
pub mod signer;

use reqwest::Method;
use serde_json::json;

use super::Stage;
use crate::support::Answer;
use signer::{ACCESS_KEY, Call, Keys, SECRET_KEY};

/// What the platform's server is started with.
pub const FLAGS: [&str; 4] = [
    "--storage-s3-front-access-key-id",
    ACCESS_KEY,
    "--storage-s3-front-secret-access-key",
    SECRET_KEY,
];

/// A stage with bucket `b`, where everybody with an account keeps what is theirs.
async fn stage() -> Stage {
    let stage = Stage::with(&FLAGS).await;
    stage.bucket("b", json!({})).await;
    stage
        .database
        .sql(
            "create policy own on storage.objects for all to authenticated
             using (owner_id = auth.uid()::text) with check (owner_id = auth.uid()::text)",
        )
        .await;
    stage
}

/// Sends a request of the servers.
async fn call(stage: &Stage, method: Method, target: &str) -> Answer {
    Call::new(method, target).send(&stage.server, &Keys::servers()).await
}

/// Puts something as the servers.
async fn put(stage: &Stage, target: &str, body: &str) {
    let put = Call::new(Method::PUT, target).body(body);
    let put = put.send(&stage.server, &Keys::servers()).await;
    assert_eq!(put.status, 200, "{}", put.text);
}

/// The status of a refusal and its code.
fn refusal(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), element(&answer.text, "Code").unwrap_or_default())
}

/// What is in the first element of a name.
pub fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inside, _)| inside)
}

/// What is in all elements of a name.
fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let end = format!("</{name}>");
    let mut found = Vec::new();
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once(&format!("<{name}>")) {
        let Some((inside, after)) = after.split_once(&end) else { break };
        found.push(inside);
        rest = after;
    }
    found
}
