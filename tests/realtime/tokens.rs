//! Tokens during the life of a channel.

use serde_json::json;
use walkie::identity::unix_now;

use super::broadcast::insider;
use crate::support::{Database, Person, Server};

async fn notes(database: &Database) {
    database
        .sql(
            "create table public.notes (id int primary key, owner uuid);
             alter table public.notes enable row level security;
             create policy own on public.notes for select to authenticated using (owner = auth.uid());
             alter publication supabase_realtime add table public.notes;",
        )
        .await;
}

const ANA: &str = "a0000000-0000-4000-8000-00000000000a";
const BO: &str = "b0000000-0000-4000-8000-00000000000b";

// AUT-01
#[tokio::test]
async fn fresh_token_keeps_the_channel_and_counts_from_then_on() {
    let database = Database::scratch().await;
    notes(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    socket.subscribe("n", &server.person("ana"), json!([{"event": "*", "table": "notes"}])).await;
    database.sql(&format!("insert into notes values (1, '{ANA}'), (2, '{BO}')")).await;
    assert_eq!(socket.change().await["record"]["id"], 1);

    let bo = server.person("bo");
    socket.push("realtime:n", "access_token", json!({"access_token": bo.token})).await;
    let system = socket.event("system").await;
    assert_eq!(system["message"], "Subscribed to PostgreSQL");
    database.sql(&format!("insert into notes values (3, '{ANA}'), (4, '{BO}')")).await;
    assert_eq!(socket.change().await["record"]["id"], 4);
    // The same token again, no token and keys change nothing.
    for token in [json!(bo.token), json!(null), json!("sb_secret_x")] {
        socket.push("realtime:n", "access_token", json!({"access_token": token})).await;
    }
    database.sql(&format!("insert into notes values (5, '{BO}')")).await;
    assert_eq!(socket.change().await["record"]["id"], 5);
}

// AUT-01
#[tokio::test]
async fn expired_token_ends_the_channel_so_that_the_client_returns() {
    let database = Database::scratch().await;
    notes(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let brief = server.person_until("ana", 2);
    socket.subscribe("n", &brief, json!([{"event": "*", "table": "notes"}])).await;
    let system = socket.event("system").await;
    let message = system["message"].as_str().expect("a text");
    assert!(message.starts_with("Token has expired "), "{message}");
    let ended = socket.next().await;
    assert_eq!(ended, json!(["j", "j", "realtime:n", "phx_error", {}]), "an error, not a close");
    socket.subscribe("n", &server.person("ana"), json!([{"event": "*", "table": "notes"}])).await;
    database.sql(&format!("insert into notes values (1, '{ANA}')")).await;
    assert_eq!(socket.change().await["record"]["id"], 1);
}

#[tokio::test]
async fn filter_that_the_new_token_may_not_ask_ends_the_subscription() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.cards (id int primary key, secret text);
             revoke all on public.cards from anon;
             grant select (id) on public.cards to anon;
             alter publication supabase_realtime add table public.cards;",
        )
        .await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let service = Person { token: server.service_key() };
    let cards = json!([{"event": "*", "table": "cards", "filter": "secret=eq.x"}]);
    socket.subscribe("cards", &service, cards).await;
    database.sql("insert into cards values (1, 'x')").await;
    assert_eq!(socket.change().await["record"]["id"], 1);

    let token = server.anon_key();
    socket.push("realtime:cards", "access_token", json!({"access_token": token})).await;
    let system = socket.event("system").await;
    assert_eq!(system["status"], "error", "{system}");
    let message = system["message"].as_str().expect("a text");
    assert!(message.contains("invalid column for filter secret"), "{message}");
    // Somebody else hears of it: it is behind the server when the next subscription begins.
    let mut other = server.socket().await;
    other.subscribe("cards", &service, json!([{"event": "*", "table": "cards"}])).await;
    database.sql("insert into cards values (2, 'x')").await;
    assert_eq!(other.change().await["record"]["id"], 2);
    let anon = Person { token };
    socket.subscribe("cards", &anon, json!([{"event": "*", "table": "cards"}])).await;
    database.sql("insert into cards values (3, 'x')").await;
    assert_eq!(socket.change().await["record"], json!({"id": 3}));
}

#[tokio::test]
async fn bad_token_ends_the_channel_for_good() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    socket.join("n", &server.person("ana"), json!([])).await;
    socket.push("realtime:n", "access_token", json!({"access_token": "broken"})).await;
    let system = socket.event("system").await;
    assert_eq!(system["message"], "The token provided is not a valid JWT");
    assert_eq!(socket.next().await[3], "phx_close");
    assert!(socket.is_alive().await);
}

#[tokio::test]
async fn lost_right_ends_a_private_channel_at_the_next_token() {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let room = database.topic("watercooler").await;
    let topic = format!("realtime:{room}");
    let mut socket = insider(&server, &room, "bo").await;
    let Person { token } = server.person("cy");
    socket.push(&topic, "access_token", json!({"access_token": token})).await;
    let system = socket.event("system").await;
    assert_eq!(
        system["message"],
        format!("You no longer have permission to read from this Channel topic: {room}")
    );
    assert_eq!(socket.next().await[3], "phx_close");
}

#[tokio::test]
async fn renewal_that_cannot_be_decided_ends_the_channel_so_that_the_client_returns() {
    let database = Database::scratch().await;
    database
        .sql(
            "create function public.judge() returns boolean language plpgsql volatile as $$
             begin
               if auth.jwt() ->> 'slow' = 'yes' then perform pg_sleep(30); end if;
               return true;
             end $$;
             create policy judged on realtime.messages for select using (public.judge());",
        )
        .await;
    let server = Server::start_with(&database, &["--statement-timeout-ms", "500"]).await;
    let mut socket = insider(&server, "r", "ana").await;
    let slow = json!({"role": "authenticated", "slow": "yes", "exp": unix_now() + 3600});
    let token = server.bearer(&slow).token;
    socket.push("realtime:r", "access_token", json!({"access_token": token})).await;
    let system = socket.event("system").await;
    assert_eq!(system["message"], "Query was cancelled, please try again");
    assert_eq!(socket.next().await[3], "phx_error");
    assert!(socket.is_alive().await);
}
