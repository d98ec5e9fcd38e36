//! The REST dialect on the wire, over a library and an archive.

mod abandoned;
mod aggregate;
mod call;
mod count;
mod domains;
mod embed;
mod errors;
mod explorer;
mod injection;
mod issuer;
mod media;
mod member;
mod openapi;
mod pages;
mod preferences;
mod put;
mod read;
mod relationship;
mod reload;
mod search;
mod shared;
mod standalone;
mod stream;
mod transaction;
mod versions;
mod write;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::support::{Answer, Database, Server};

const OBJECT: &str = "application/vnd.pgrst.object+json";

/// A server over a library.
async fn library() -> (Database, Server) {
    let database = Database::scratch().await;
    database.sql(include_str!("library.sql")).await;
    let server = Server::start(&database).await;
    (database, server)
}

/// A server over an archive.
async fn archive() -> (Database, Server) {
    archive_with(&[]).await
}

/// The same with more flags.
async fn archive_with(flags: &[&str]) -> (Database, Server) {
    let database = Database::scratch().await;
    database.sql(include_str!("archive.sql")).await;
    let server = Server::start_with(&database, flags).await;
    (database, server)
}

/// A server with these flags over a library with something more in it.
async fn library_with(more: &str, flags: &[&str]) -> (Database, Server) {
    let database = Database::scratch().await;
    database.sql(include_str!("library.sql")).await;
    database.sql(more).await;
    let server = Server::start_with(&database, flags).await;
    (database, server)
}

/// A request of somebody without a name.
fn request(server: &Server, method: Method, path: &str) -> RequestBuilder {
    server.request(method, &format!("/rest/v1/{path}")).header("apikey", server.anon_key())
}

async fn get(server: &Server, path: &str) -> Answer {
    Answer::of(request(server, Method::GET, path)).await
}

/// A write that wants its rows back.
async fn write(server: &Server, method: Method, path: &str, body: Value) -> Answer {
    let request = request(server, method, path).header("prefer", "return=representation");
    Answer::of(request.json(&body)).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A request with these headers and this body.
async fn send(
    server: &Server,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> Answer {
    let request = request(server, method, path).body(body);
    Answer::of(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
        .await
}

/// Status and code of a refusal.
fn refusal(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default())
}
