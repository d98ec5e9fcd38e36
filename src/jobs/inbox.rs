//! /inbox: mail of a development server, for people and for tests.
//!
//! Below /inbox/api/v1 the answers are those of Mailpit, which the Supabase CLI brings along, so
//! that tests written for it read their mail here. There is no sign-in: the page exists only where
//! nobody but the developer reaches the server.

use std::fmt::Write as _;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::store::{self, Received};
use crate::pg::{Error, Pg};

/// Messages on the page, and of one answer unless asked otherwise.
const ON_PAGE: u32 = 50;

/// The most messages of one answer.
const MAX_ON_PAGE: u32 = 500;

/// Letters of a message that a list shows.
const SNIPPET: usize = 250;

/// Nothing of a message may run, ask other servers or leave its frame.
const MESSAGE_POLICY: &str = "sandbox allow-popups allow-top-navigation-by-user-activation; \
     default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// Everything below /inbox.
pub fn router(pg: Pg) -> Router {
    Router::new()
        .route("/inbox", get(page))
        .route("/inbox/clear", post(clear_page))
        .route("/inbox/{id}", get(message_page))
        .route("/inbox/{id}/html", get(message_html))
        .route("/inbox/api/v1/messages", get(list).delete(clear))
        .route("/inbox/api/v1/search", get(search))
        .route("/inbox/api/v1/message/{id}", get(read))
        .with_state(pg)
}

/// What went wrong, in the developer's own terminal too.
struct Failed(Error);

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        tracing::warn!(error = %self.0, "the inbox cannot be read");
        (StatusCode::SERVICE_UNAVAILABLE, "the inbox cannot be read now").into_response()
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    query: String,
    start: Option<u32>,
    limit: Option<u32>,
}

async fn list(State(pg): State<Pg>, Query(asked): Query<Asked>) -> Result<Json<Value>, Failed> {
    summaries(&pg, None, &asked).await
}

/// Understands `to:address`, which is what tests ask.
async fn search(State(pg): State<Pg>, Query(asked): Query<Asked>) -> Result<Response, Failed> {
    let Some(recipient) = asked.query.trim().strip_prefix("to:") else {
        return Ok((StatusCode::BAD_REQUEST, "ask as in to:ana@example.com").into_response());
    };
    let recipient = recipient.trim_matches('"');
    Ok(summaries(&pg, Some(recipient), &asked).await?.into_response())
}

async fn summaries(pg: &Pg, recipient: Option<&str>, asked: &Asked) -> Result<Json<Value>, Failed> {
    let start = asked.start.unwrap_or_default();
    let limit = asked.limit.unwrap_or(ON_PAGE).min(MAX_ON_PAGE);
    let (total, messages) = store::received(pg, recipient, start, limit).await?;
    let summaries: Vec<Value> = messages.iter().map(summary).collect();
    Ok(Json(json!({
        "total": total,
        "count": summaries.len(),
        "messages_count": total,
        "start": start,
        "tags": [],
        "messages": summaries,
    })))
}

async fn read(State(pg): State<Pg>, Path(id): Path<String>) -> Result<Response, Failed> {
    let Some(message) = find(&pg, &id).await? else {
        return Ok(
            (StatusCode::NOT_FOUND, Json(json!({ "Error": "message not found" }))).into_response()
        );
    };
    Ok(Json(json!({
        "ID": message.id.to_string(),
        "MessageID": format!("{}@inbox", message.id),
        "From": person(&message.sender),
        "To": [person(&message.recipient)],
        "Cc": [],
        "Bcc": [],
        "ReplyTo": [],
        "Subject": message.subject,
        "Date": message.at,
        "Tags": [],
        "Text": message.text,
        "HTML": message.html,
        "Size": message.text.len() + message.html.len(),
        "Inline": [],
        "Attachments": [],
    }))
    .into_response())
}

async fn clear(State(pg): State<Pg>) -> Result<&'static str, Failed> {
    store::clear_inbox(&pg).await?;
    Ok("ok")
}

async fn clear_page(State(pg): State<Pg>) -> Result<Redirect, Failed> {
    store::clear_inbox(&pg).await?;
    Ok(Redirect::to("/inbox"))
}

async fn page(State(pg): State<Pg>) -> Result<Html<String>, Failed> {
    let (total, messages) = store::received(&pg, None, 0, ON_PAGE).await?;
    let mut rows = String::new();
    for message in &messages {
        let (id, at) = (message.id, message.at.get(..19).unwrap_or_default().replace('T', " "));
        let (to, subject) = (escape(&message.recipient), escape(&message.subject));
        let _ = write!(
            rows,
            "<tr><td>{at}</td><td>{to}</td><td><a href=\"/inbox/{id}\">{subject}</a></td></tr>"
        );
    }
    let clear = "<form method=\"post\" action=\"/inbox/clear\"><button>Clear</button></form>";
    let body = if messages.is_empty() {
        "<p>No mail yet.</p>".to_owned()
    } else {
        format!("<p>{total} messages</p>{clear}<table>{rows}</table>")
    };
    Ok(document("Inbox", &body))
}

async fn message_page(State(pg): State<Pg>, Path(id): Path<String>) -> Result<Response, Failed> {
    let Some(message) = find(&pg, &id).await? else {
        return Ok((StatusCode::NOT_FOUND, "no such message").into_response());
    };
    let body = format!(
        "<p><a href=\"/inbox\">Inbox</a></p><p>From {}<br>To {}<br>{}</p>\
         <iframe src=\"/inbox/{}/html\" title=\"Message\"></iframe><pre>{}</pre>",
        escape(&message.sender),
        escape(&message.recipient),
        escape(&message.at),
        message.id,
        escape(&message.text),
    );
    Ok(document(&escape(&message.subject), &body).into_response())
}

/// The message itself, shut off from the page around it.
async fn message_html(State(pg): State<Pg>, Path(id): Path<String>) -> Result<Response, Failed> {
    let Some(message) = find(&pg, &id).await? else {
        return Ok((StatusCode::NOT_FOUND, "no such message").into_response());
    };
    let policy = (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(MESSAGE_POLICY));
    // Links lead out of the frame.
    let html = format!("<base target=\"_top\">{}", message.html);
    Ok(([policy], Html(html)).into_response())
}

/// A message by its number, or `latest`.
async fn find(pg: &Pg, id: &str) -> Result<Option<Received>, Error> {
    match id {
        "latest" => store::find_received(pg, None).await,
        id => match id.parse() {
            Ok(id) => store::find_received(pg, Some(id)).await,
            Err(_) => Ok(None),
        },
    }
}

fn summary(message: &Received) -> Value {
    let snippet: String = message.text.split_whitespace().collect::<Vec<_>>().join(" ");
    json!({
        "ID": message.id.to_string(),
        "MessageID": format!("{}@inbox", message.id),
        "Read": false,
        "From": person(&message.sender),
        "To": [person(&message.recipient)],
        "Cc": [],
        "Bcc": [],
        "ReplyTo": [],
        "Subject": message.subject,
        "Created": message.at,
        "Tags": [],
        "Size": message.text.len() + message.html.len(),
        "Attachments": 0,
        "Snippet": snippet.chars().take(SNIPPET).collect::<String>(),
    })
}

fn person(mailbox: &str) -> Value {
    match mailbox.strip_suffix('>').and_then(|text| text.split_once('<')) {
        Some((name, address)) => {
            json!({ "Name": name.trim().trim_matches('"'), "Address": address })
        }
        None => json!({ "Name": "", "Address": mailbox }),
    }
}

fn document(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}\
         table{{width:100%;border-collapse:collapse}}td{{padding:.4rem .6rem;border-top:1px solid #ddd}}\
         iframe{{width:100%;height:30rem;border:1px solid #ddd}}pre{{white-space:pre-wrap}}</style>\
         <h1>{title}</h1>{body}</html>"
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn person_has_a_name_or_none() {
        assert_eq!(person("Ana <a@x.y>"), json!({ "Name": "Ana", "Address": "a@x.y" }));
        assert_eq!(person("a@x.y"), json!({ "Name": "", "Address": "a@x.y" }));
    }

    #[test]
    fn what_strangers_write_is_text() {
        assert_eq!(escape("<b a=\"1\">&"), "&lt;b a=&quot;1&quot;&gt;&amp;");
    }
}
