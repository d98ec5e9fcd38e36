//! People without a name, and names that are no addresses.

use serde_json::{Value, json};

use super::request;
use super::{PASSWORD, Reply, get, post, put, send, sign_in};
use crate::support::{Database, Server};
use reqwest::Method;

const ANA: &str = "ana@example.com";

async fn house(flags: &[&str]) -> (Database, Server) {
    let database = Database::new().await;
    let flags = [&["--auth-anonymous-enabled", "true"], flags].concat();
    let server = Server::start_with(&database, &flags).await;
    (database, server)
}

async fn guest(server: &Server) -> anyhow::Result<Reply> {
    post(server, "/signup", json!({ "data": { "nick": "g" } })).await
}

#[tokio::test]
async fn nobody_comes_without_a_name_unless_they_may() -> anyhow::Result<()> {
    let (_database, server) = super::house().await;
    assert_eq!(guest(&server).await?.refusal(), (422, "anonymous_provider_disabled"));
    Ok(())
}

#[tokio::test]
async fn guest_becomes_a_person_with_the_same_account() -> anyhow::Result<()> {
    let (_database, server) = house(&[]).await;
    let session = guest(&server).await?;
    assert_eq!(session.status, 200);
    let user = &session.body["user"];
    assert_eq!((&user["is_anonymous"], &user["email"]), (&json!(true), &json!("")));
    assert_eq!(user["identities"], json!([]));
    let token = session.text("access_token");

    let refused = put(&server, "/user", token, json!({ "password": PASSWORD })).await?;
    assert_eq!(refused.refusal(), (422, "validation_failed"));

    let named = json!({ "email": "guest@example.com", "password": PASSWORD });
    let named = put(&server, "/user", token, named).await?;
    assert_eq!(named.body["is_anonymous"], json!(false));
    assert_eq!(named.body["id"], user["id"]);
    assert_eq!(named.body["app_metadata"]["provider"], "email");
    let again = sign_in(&server, "guest@example.com", PASSWORD).await?;
    assert_eq!(again.body["user"]["id"], user["id"]);
    Ok(())
}

#[tokio::test]
async fn guest_is_merged_into_an_account() -> anyhow::Result<()> {
    let (database, server) = house(&["--auth-hook-merge-users", "public.adopt"]).await;
    database
        .sql(
            "create table public.things (owner uuid references auth.users on delete cascade);
             create function public.adopt(event jsonb) returns jsonb language sql
             security definer set search_path = '' as $$
               update public.things set owner = (event ->> 'into')::uuid
                where owner = (event ->> 'from')::uuid;
               select '{}'::jsonb
             $$;
             grant execute on function public.adopt(jsonb) to supabase_auth_admin",
        )
        .await;
    let (guest, ana) = (guest(&server).await?, sign_in(&server, ANA, PASSWORD).await?);
    let id = |session: &Reply| session.body["user"]["id"].as_str().unwrap_or_default().to_owned();
    database.sql(&format!("insert into public.things values ('{}')", id(&guest))).await;

    let merge = async |into: &Reply, from: &Reply| {
        let body: Value = json!({ "token": from.text("access_token") });
        let asked = request(&server, Method::POST, "/user/merge").json(&body);
        send(asked.bearer_auth(into.text("access_token"))).await
    };
    assert_eq!(
        merge(&guest, &ana).await?.refusal(),
        (400, "validation_failed"),
        "not the other way"
    );
    assert_eq!(merge(&ana, &guest).await?.status, 200);
    assert_eq!(database.value("select owner from public.things").await, id(&ana));
    let gone = get(&server, "/user", guest.text("access_token")).await?;
    assert_eq!(gone.refusal(), (403, "user_not_found"));
    Ok(())
}

#[tokio::test]
async fn names_that_are_no_addresses_are_resolved_by_the_hook() -> anyhow::Result<()> {
    let (database, server) = house(&["--auth-hook-sign-in-name", "public.whose"]).await;
    database
        .sql(
            "create function public.whose(event jsonb) returns jsonb language sql as $$
               select jsonb_build_object('user_id', u.id) from auth.users u
                where u.email = (event ->> 'name') || '@example.com'
             $$;
             grant execute on function public.whose(jsonb) to supabase_auth_admin",
        )
        .await;
    assert_eq!(sign_in(&server, "ana", PASSWORD).await?.body["user"]["email"], ANA);
    assert_eq!(sign_in(&server, "ana", "wrong-one").await?.refusal(), (400, "invalid_credentials"));
    assert_eq!(sign_in(&server, "nobody", PASSWORD).await?.refusal(), (400, "invalid_credentials"));
    assert_eq!(sign_in(&server, ANA, PASSWORD).await?.status, 200, "addresses go on");
    Ok(())
}
