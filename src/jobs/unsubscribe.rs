//! /unsubscribe: no more of such mail, without signing in.
//!
//! The link in mail shows a button, since programs follow links too; mail programs post without
//! showing anything (RFC 8058). Whose mail it is, the token says, which the database alone reads.

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Html;
use axum::routing::get;
use http::StatusCode;
use serde::Deserialize;

use crate::config::FunctionName;
use crate::identity::ANON;
use crate::pg::{Error, Pg, Session};

/// Longest token that is asked about.
const MAX_TOKEN: usize = 200;

#[derive(Clone)]
struct Desk {
    pg: Pg,
    function: FunctionName,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    token: String,
}

/// The page, and what its button and mail programs post to.
pub fn router(pg: Pg, function: FunctionName) -> Router {
    Router::new()
        .route("/unsubscribe", get(page).post(unsubscribe))
        .with_state(Desk { pg, function })
}

async fn page() -> Html<String> {
    // The form posts to the page's own URL, token and all.
    Html(document("<form method=\"post\"><button>Send me no more of this mail</button></form>"))
}

async fn unsubscribe(
    State(desk): State<Desk>,
    Query(asked): Query<Asked>,
) -> (StatusCode, Html<String>) {
    let told = |status, text: &str| (status, Html(document(&format!("<p>{text}</p>"))));
    if asked.token.is_empty() || asked.token.len() > MAX_TOKEN || asked.token.contains('\0') {
        return told(StatusCode::NOT_FOUND, "This link is not whole.");
    }
    let sql = format!("select {}($1::text)", desk.function.quoted());
    match desk.pg.run(&Session::own(ANON), &sql, &[Some(&asked.token)]).await {
        Ok(_) => told(StatusCode::OK, "Done. You get no more of this mail."),
        Err(error @ Error::Refused(_)) => {
            tracing::info!(code = error.sqlstate(), "no such mail to end");
            told(StatusCode::NOT_FOUND, "This link is no longer known.")
        }
        Err(error) => {
            tracing::warn!(%error, "mail cannot be ended");
            told(StatusCode::SERVICE_UNAVAILABLE, "Please try again in a moment.")
        }
    }
}

fn document(body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Mail</title>\
         <meta name=\"robots\" content=\"noindex\"><meta name=\"viewport\" content=\"width=device-width\">\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}}\
         button{{font:inherit;padding:.5rem 1rem}}</style>{body}</html>"
    )
}
