//! Models that are asked what texts mean: a real endpoint, and what becomes of its answers.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{Database, Server, eventually};

/// What was asked, and how many times the model is out of order.
#[derive(Default)]
struct Desk {
    questions: Vec<(HeaderMap, Value)>,
    out_of_order: usize,
}

type Shared = Arc<Mutex<Desk>>;

async fn answer(
    State(desk): State<Shared>,
    headers: HeaderMap,
    Json(question): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
    desk.questions.push((headers, question.clone()));
    if desk.out_of_order > 0 {
        desk.out_of_order -= 1;
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({})));
    }
    let texts = question["input"].as_array().expect("texts").iter();
    // What is said of coffee lies in one direction, all else in the other.
    let vectors = texts.enumerate().map(|(index, text)| {
        let is_coffee = text.as_str().is_some_and(|text| text.contains("coffee"));
        json!({ "index": index, "embedding": if is_coffee { [1.0, 0.0] } else { [0.0, 1.0] } })
    });
    (StatusCode::OK, Json(json!({ "data": vectors.collect::<Vec<_>>() })))
}

async fn model(out_of_order: usize) -> (String, Shared) {
    let desk = Arc::new(Mutex::new(Desk { out_of_order, ..Desk::default() }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/v1/embeddings", listener.local_addr().expect("an address"));
    let app = Router::new().route("/v1/embeddings", post(answer)).with_state(Arc::clone(&desk));
    tokio::spawn(axum::serve(listener, app).into_future());
    (url, desk)
}

async fn become_vectors(database: &Database) {
    eventually("all has a vector", || async {
        let left = "select count(*) from app.message_words w
                     where not exists (select from public.message_embeddings e where e.message_id = w.message_id)";
        (database.value(left).await == "0").then_some(())
    })
    .await;
}

// SRC-01
#[tokio::test]
async fn messages_are_found_by_what_they_mean() {
    let database = Database::new().await;
    let (url, desk) = model(0).await;
    let flags = ["--embedding-url", &url, "--embedding-model", "toy", "--embedding-key", "s3cret"];
    let server = Server::start_with(&database, &flags).await;
    become_vectors(&database).await;
    let bo = server.person("bo");
    let room = database.value("select tests.conversation('watercooler')").await;
    let said = json!({ "p_conversation_id": room, "p_body": "More coffee, please" });
    assert_eq!(server.rpc(&bo, "send_message", said).await.status, 200);
    become_vectors(&database).await;

    let kept = "select string_agg(m.body, '|' order by m.seq) from public.message_embeddings e
                  join public.messages m on m.id = e.message_id where e.embedding = '{1,0}' and e.model = 'toy'";
    assert_eq!(database.value(kept).await, "The coffee machine is back.|More coffee, please");
    {
        let desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
        let (headers, question) = desk.questions.last().expect("it was asked");
        assert_eq!(headers["authorization"], "Bearer s3cret");
        assert_eq!(question, &json!({ "model": "toy", "input": ["More coffee, please"] }));
    }
    let found = json!({ "p_query": "zebra", "p_embedding": [1, 0], "p_k": 2 });
    let found = server.rpc(&bo, "search_hybrid", found).await;
    let has_vectors = database.value("select app.vector_schema() is not null").await == "t";
    if has_vectors {
        assert_eq!(found.body[0]["seq"], json!(4), "{}", found.text);
    } else {
        assert_eq!(found.body["hint"], json!("no_vectors"), "{}", found.text);
    }
}

#[tokio::test]
async fn model_that_is_out_of_order_is_asked_again() {
    let database = Database::new().await;
    let (url, desk) = model(1).await;
    let server = Server::start_with(&database, &["--embedding-url", &url]).await;
    server.settles("walkie_jobs_attempts_total{outcome=\"failed\"}", 1).await;
    assert_eq!(
        database.value("select last_error from walkie.jobs where kind = 'embed'").await,
        "the model's server refused with 503"
    );
    database.sql("update walkie.jobs set run_at = now()").await;
    become_vectors(&database).await;
    assert_eq!(desk.lock().unwrap_or_else(PoisonError::into_inner).questions.len(), 2);
    let left = "select count(*) from walkie.jobs where kind = 'embed' and payload <> '{}'";
    assert_eq!(database.value(left).await, "0");
}
