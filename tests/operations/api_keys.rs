//! Project keys of the newer kind are good wherever a key is.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Answer, Database, Person, Server, Socket};

const PUBLISHABLE: &str = "sb_publishable_0123456789abcdefghij";
const SECRET: &str = "sb_secret_0123456789abcdefghij";

async fn server(database: &Database) -> Server {
    database
        .sql(
            "create table public.t (id int primary key);
             alter table public.t enable row level security;
             grant select on public.t to anon, service_role;
             insert into public.t values (1);
             alter publication supabase_realtime add table public.t;",
        )
        .await;
    Server::start_with(database, &["--api-keys", &format!("{PUBLISHABLE},{SECRET}")]).await
}

#[tokio::test]
async fn keys_stand_for_their_roles_in_rest_and_auth() {
    let database = Database::scratch().await;
    let server = server(&database).await;
    let rest = || server.request(Method::GET, "/rest/v1/t");
    // No policy lets anon see the row; service_role needs none.
    for (key, seen) in [(PUBLISHABLE, json!([])), (SECRET, json!([{"id": 1}]))] {
        assert_eq!(Answer::of(rest().header("apikey", key)).await.body, seen);
        assert_eq!(Answer::of(rest().bearer_auth(key)).await.body, seen);
        let by_query = server.request(Method::GET, &format!("/rest/v1/t?apikey={key}"));
        assert_eq!(Answer::of(by_query).await.body, seen);
        assert_eq!(Answer::of(rest().header("apikey", key).bearer_auth(key)).await.body, seen);
    }
    // A person's token speaks before the key.
    let ana = server.person("ana");
    let answer = Answer::of(rest().header("apikey", SECRET).bearer_auth(&ana.token)).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, json!([])));
    let unknown = Answer::of(rest().header("apikey", format!("{SECRET}x"))).await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
    assert_eq!(unknown.body["message"], "Invalid API key");

    let users = |key: &str| {
        server.request(Method::GET, "/auth/v1/admin/users").header("apikey", key).bearer_auth(key)
    };
    assert_eq!(Answer::of(users(SECRET)).await.status, StatusCode::OK);
    assert_eq!(Answer::of(users(PUBLISHABLE)).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn keys_open_sockets_and_speak_where_no_person_does() {
    let database = Database::scratch().await;
    let server = server(&database).await;
    let binding = json!([{"event": "*", "table": "t"}]);
    let mut secret = Socket::open(server.url(), SECRET, "2.0.0").await;
    let query = "vsn=2.0.0&apikey=ignored";
    let headers = [("x-api-key", PUBLISHABLE)];
    let Ok(mut public) = Socket::try_open_with(server.url(), query, &headers).await else {
        panic!("refused")
    };
    // As stock clients do: the key in the place of a person's token is none.
    for socket in [&mut secret, &mut public] {
        let key = Person { token: SECRET.into() };
        socket.subscribe("t", &key, binding.clone()).await;
    }
    database.sql("insert into t values (2)").await;
    assert_eq!(secret.change().await["record"]["id"], 2);
    public.push("phoenix", "heartbeat", json!({})).await;
    assert_eq!(public.next().await[2], "phoenix", "anon sees nothing");

    let refused = Socket::try_open(server.url(), "apikey=sb_secret_unknown").await.err();
    assert_eq!(refused, Some((401, r#"{"error":"The API key is unknown"}"#.into())));
}
