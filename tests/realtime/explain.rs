//! "Why no event?", asked by the service and by people about themselves.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Database, Person, Server, Socket};

const ANA: &str = "a0000000-0000-4000-8000-00000000000a";
const BO: &str = "b0000000-0000-4000-8000-00000000000b";

/// Row 1 is ana's, row 2 is bo's, row 3 is bo's and withheld.
async fn scene() -> (Database, Server) {
    let database = Database::scratch().await;
    database
        .sql(&format!(
            "create table public.docs (id int primary key, owner uuid, n numeric, withheld boolean);
             alter table public.docs enable row level security;
             create policy \"owners read\" on public.docs for select to authenticated
               using (owner = (select auth.uid()));
             create policy \"nobody reads what is withheld\" on public.docs as restrictive
               for select to authenticated using (not withheld);
             create policy \"the office reads all\" on public.docs for select to service_role
               using (true);
             grant select on public.docs to authenticated;
             alter publication supabase_realtime add table public.docs;
             insert into public.docs values
               (1, '{ANA}', 9.5, false), (2, '{BO}', 10, false), (3, '{BO}', 10, true);"
        ))
        .await;
    let server = Server::start(&database).await;
    (database, server)
}

async fn ask(server: &Server, token: &str, body: &Value) -> Answer {
    let request = server.request(Method::POST, "/realtime/v1/api/explain");
    Answer::of(request.bearer_auth(token).json(body)).await
}

async fn explain(server: &Server, body: &Value) -> Value {
    let answer = ask(server, &server.service_key(), body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.body
}

/// `ok` and words of the first step of a name.
fn step<'a>(told: &'a Value, name: &str) -> (&'a Value, &'a str) {
    let mut steps = told["steps"].as_array().expect("steps").iter();
    let step = steps.find(|step| step["step"] == name).unwrap_or_else(|| panic!("{name}: {told}"));
    (&step["ok"], step["says"].as_str().expect("words"))
}

fn has_step(told: &Value, name: &str) -> bool {
    told["steps"].as_array().expect("steps").iter().any(|step| step["step"] == name)
}

async fn subscribed(server: &Server, who: &Person, binding: Value) -> Socket {
    let mut socket = server.socket().await;
    socket.subscribe("docs", who, json!([binding])).await;
    socket
}

#[tokio::test]
async fn first_cause_is_named_until_nothing_stands_in_the_way() {
    let (database, server) = scene().await;
    let bo = json!({"table": "docs", "key": 2, "user": BO});
    let conclusion = async |body: &Value| {
        explain(&server, body).await["conclusion"].as_str().expect("words").to_owned()
    };
    assert_eq!(
        conclusion(&json!({"table": "nothing", "user": BO})).await,
        "No event: there is no table public.nothing."
    );
    database.sql("alter publication supabase_realtime drop table public.docs").await;
    assert_eq!(
        conclusion(&json!({"table": "docs", "user": BO})).await,
        "No event: public.docs is not published: alter publication supabase_realtime add table public.docs."
    );
    database
        .sql(
            "alter publication supabase_realtime add table public.docs;
             revoke select on public.docs from authenticated",
        )
        .await;
    assert_eq!(
        conclusion(&bo).await,
        "No event: authenticated may not select any column: grant select on public.docs to authenticated."
    );
    database.sql("grant select (owner, n) on public.docs to authenticated").await;
    let told = explain(&server, &bo).await;
    assert!(
        told["conclusion"].as_str().is_some_and(|it| it.contains("may not select the primary key"))
    );
    database.sql("grant select on public.docs to authenticated").await;
    assert_eq!(
        conclusion(&json!({"table": "docs", "key": 1, "user": BO})).await,
        "No event: row security does not let them see this row."
    );
    assert_eq!(
        conclusion(&json!({"table": "docs", "key": {"id": 99}, "user": BO})).await,
        r#"No event: there is no row with the key {"id":99}."#
    );
    assert_eq!(
        conclusion(&bo).await,
        "No event: they have no channel that is subscribed to changes."
    );
    let other =
        subscribed(&server, &server.person("bo"), json!({"table": "docs", "filter": "n=gt.10"}))
            .await;
    assert_eq!(
        conclusion(&bo).await,
        "No event: realtime:docs is subscribed, but none of its bindings wants this row."
    );
    let mut fits = server.socket().await;
    // Postgres compares numbers, not texts.
    fits.subscribe(
        "all",
        &server.person("bo"),
        json!([{"table": "docs", "filter": "n=lte.10.00"}]),
    )
    .await;
    let told = explain(&server, &bo).await;
    assert_eq!(told["conclusion"], "Nothing stands in the way of an event.", "{told}");
    assert_eq!(step(&told, "channel realtime:docs").0, &Value::Null, "another channel hears it");
    assert_eq!(step(&told, "channel realtime:all").0, true);
    drop(other);
}

#[tokio::test]
async fn each_policy_is_judged_by_itself_as_that_person() {
    let (database, server) = scene().await;
    let told = explain(&server, &json!({"table": "docs", "key": 2, "user": BO})).await;
    assert_eq!(step(&told, "policy \"owners read\""), (&json!(true), "permits this row"));
    let restrictive = "policy \"nobody reads what is withheld\"";
    assert_eq!(step(&told, restrictive), (&json!(true), "leaves this row alone"));
    assert!(!has_step(&told, "policy \"the office reads all\""), "it is for another role");
    assert_eq!(step(&told, "verdict").0, true);

    let told = explain(&server, &json!({"table": "docs", "key": 3, "user": BO})).await;
    assert_eq!(step(&told, "policy \"owners read\"").0, true);
    assert_eq!(step(&told, restrictive), (&json!(false), "forbids this row"));
    assert_eq!(step(&told, "verdict").0, false);

    let ana = json!({"table": "docs", "key": 2, "claims": {"sub": ANA}});
    let told = explain(&server, &ana).await;
    assert_eq!(step(&told, "policy \"owners read\""), (&Value::Null, "does not permit this row"));

    let service = json!({"table": "docs", "key": 3, "role": "service_role"});
    let told = explain(&server, &service).await;
    assert_eq!(step(&told, "row security").1, "row security is on and does not bind service_role");
    assert_eq!(step(&told, "verdict").0, true);

    database
        .sql(
            "create policy casts on public.docs for select to authenticated
               using (owner::text::int = 1)",
        )
        .await;
    let told = explain(&server, &ana).await;
    let (ok, says) = step(&told, "policy \"casts\"");
    assert!(ok.is_null() && says.contains("SQLSTATE 22P02"), "{says}");
    let (ok, says) = step(&told, "verdict");
    assert!(ok == false && says.contains("SQLSTATE 22P02"), "{says}");

    let nobody = json!({"table": "docs", "key": 1, "role": "nobody_at_all"});
    let told = explain(&server, &nobody).await;
    assert_eq!(step(&told, "role").0, false);
}

#[tokio::test]
async fn oneself_cannot_tell_a_hidden_row_from_one_that_is_not_there() {
    let (_database, server) = scene().await;
    let bo = server.person("bo");
    let service = json!({"table": "docs", "key": 1, "role": "service_role"});
    assert_eq!(
        step(&explain(&server, &service).await, "row").0,
        true,
        "there is something to hide"
    );
    let mine = ask(&server, &bo.token, &json!({"table": "docs", "key": 2})).await.body;
    assert_eq!(step(&mine, "verdict").0, true, "one's own row is explained: {mine}");

    for wish in [json!({}), json!({"event": "INSERT", "filter": "n=gt.5"})] {
        let about = async |key: u32| {
            let mut body = json!({"table": "docs", "key": key});
            body.as_object_mut().expect("it is one").extend(wish.as_object().cloned().expect("is"));
            ask(&server, &bo.token, &body).await
        };
        let (hidden, withheld, missing) = (about(1).await, about(3).await, about(99).await);
        assert_eq!(hidden.status, StatusCode::OK);
        assert_eq!((&hidden.text, &withheld.text), (&missing.text, &missing.text));
        assert_eq!(
            hidden.body["conclusion"],
            "No event: there is nothing of the kind that you may see."
        );
    }
    let unpublished = ask(&server, &bo.token, &json!({"schema": "auth", "table": "users"})).await;
    let nothing = ask(&server, &bo.token, &json!({"schema": "auth", "table": "nothing"})).await;
    assert_eq!(unpublished.text, nothing.text);
}

#[tokio::test]
async fn change_at_a_place_is_explained_and_whether_it_was_sent() {
    let (database, server) = scene().await;
    let bo = server.person("bo");
    let mut socket = subscribed(&server, &bo, json!({"table": "docs"})).await;
    let service = Person { token: server.service_key() };
    let mut all = server.socket().await;
    all.subscribe("docs", &service, json!([{"table": "docs"}])).await;
    database.sql(&format!("insert into docs values (4, '{ANA}', 1, false)")).await;
    let hidden = all.change().await["lsn"].clone();
    database.sql(&format!("insert into docs values (5, '{BO}', 1, false)")).await;
    let seen = socket.change().await["lsn"].clone();

    let told = explain(&server, &json!({"table": "docs", "place": seen, "user": BO})).await;
    assert_eq!(told["conclusion"], "Nothing stands in the way of an event.", "{told}");
    let (ok, says) = step(&told, "place");
    assert!(ok == true && says.contains("is an INSERT of public.docs"), "{says}");
    assert!(told.to_string().contains("realtime:docs had its turn"), "{told}");
    assert_eq!(step(&told, "person").1, "judged with the token of their channel realtime:docs");

    let told = explain(&server, &json!({"table": "docs", "place": hidden, "user": BO})).await;
    assert_eq!(told["conclusion"], "No event: row security does not let them see this row.");
    let nothing = json!("0/1:0");
    let told = explain(&server, &json!({"table": "docs", "place": nothing, "user": BO})).await;
    assert_eq!(step(&told, "place").0, false);

    let of_oneself = async |place: &Value| {
        ask(&server, &bo.token, &json!({"table": "docs", "place": place})).await
    };
    assert_eq!(step(&of_oneself(&seen).await.body, "verdict").0, true);
    assert_eq!(of_oneself(&hidden).await.text, of_oneself(&nothing).await.text);

    // Of a deletion the log has the key alone, and everybody is told it unless the server is strict.
    database.sql("delete from docs where id = 4").await;
    assert_eq!(all.change().await["lsn"], seen);
    let deleted = all.change().await["lsn"].clone();
    let told = explain(&server, &json!({"table": "docs", "place": deleted, "user": BO})).await;
    assert!(step(&told, "verdict").1.contains("every subscriber is told it"), "{told}");
}

#[tokio::test]
async fn wished_bindings_are_accepted_and_judged_as_a_join_would() {
    let (database, server) = scene().await;
    let told = async |wish: Value| {
        let mut body = json!({"table": "docs", "key": 2, "user": BO});
        body.as_object_mut().expect("it is one").extend(wish.as_object().cloned().expect("is"));
        explain(&server, &body).await
    };
    let wants = told(json!({"filter": "n=eq.10.0"})).await;
    assert_eq!(step(&wants, "binding").0, true, "{wants}");
    let other = told(json!({"filter": "n=lt.9"})).await;
    assert_eq!(step(&other, "binding").0, false);
    let wrong = told(json!({"filter": "n=eq.many"})).await;
    let (ok, says) = step(&wrong, "binding");
    assert!(ok == false && says.contains("22P02"), "{says}");
    // Without the whole row in the log, a deletion has nothing but its key.
    let deletion = told(json!({"event": "DELETE", "filter": "n=eq.10"})).await;
    assert_eq!(step(&deletion, "binding").0, false);
    database.sql("alter table docs replica identity full").await;
    let deletion = told(json!({"event": "DELETE", "filter": "n=eq.10"})).await;
    assert_eq!(step(&deletion, "binding").0, true);
    database.sql("alter publication supabase_realtime set (publish = 'insert')").await;
    let unpublished = told(json!({"event": "DELETE"})).await;
    assert_eq!(
        step(&unpublished, "publication"),
        (&json!(false), "public.docs is published, but not its DELETE: only INSERT")
    );
    database
        .sql("alter publication supabase_realtime set (publish = 'insert, update, delete, truncate');
              alter publication supabase_realtime set table public.docs where (id < 2)")
        .await;
    assert_eq!(step(&told(json!({})).await, "row filter").0, false);
}

#[tokio::test]
async fn policies_that_took_too_long_are_told_until_they_are_asked_again() {
    let database = Database::scratch().await;
    database
        .sql(
            "create table public.t (id int primary key);
             alter table public.t enable row level security;
             create policy slow on public.t for select to authenticated
               using ((select count(*) from pg_sleep(0.4)) = 1);
             grant select on public.t to authenticated;
             alter publication supabase_realtime add table public.t;",
        )
        .await;
    let server = Server::start_with(&database, &["--realtime-policy-timeout-ms", "100"]).await;
    let mut socket = server.socket().await;
    socket.subscribe("t", &server.person("bo"), json!([{"table": "t"}])).await;
    database.sql("insert into t values (1)").await;
    let system = socket.event("system").await;
    assert!(system["message"].as_str().is_some_and(|it| it.contains("57014")), "{system}");
    let told = explain(&server, &json!({"table": "t", "key": 1, "user": BO})).await;
    assert!(step(&told, "policy \"slow\"").1.contains(" ms"), "{told}");
    let conclusion = told["conclusion"].as_str().expect("words");
    assert!(conclusion.starts_with("No event: policies took too long: for "), "{conclusion}");
}

#[tokio::test]
async fn people_ask_about_themselves_alone_and_bodies_are_bounded() {
    let (_database, server) = scene().await;
    let bo = server.person("bo");
    for other in [json!({"user": ANA}), json!({"claims": {"sub": ANA}}), json!({"role": "anon"})] {
        let mut body = json!({"table": "docs"});
        body.as_object_mut().expect("it is one").extend(other.as_object().cloned().expect("is"));
        assert_eq!(ask(&server, &bo.token, &body).await.status, StatusCode::FORBIDDEN);
    }
    let anon = ask(&server, &server.anon_key(), &json!({"table": "docs"})).await;
    assert_eq!(anon.status, StatusCode::FORBIDDEN);
    let request = server.request(Method::POST, "/realtime/v1/api/explain");
    assert_eq!(Answer::of(request.json(&json!({}))).await.status, StatusCode::UNAUTHORIZED);
    let service = server.service_key();
    let long = json!({"table": "docs", "filter": "x".repeat(70_000), "user": BO});
    assert_eq!(ask(&server, &service, &long).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    for (body, field) in [
        (json!({"user": BO}), "table"),
        (json!({"table": "docs"}), "user"),
        (json!({"table": "docs", "user": BO, "key": {"n": 1}}), "key"),
        (json!({"table": "docs", "user": BO, "key": "many"}), "key"),
        (json!({"table": "docs", "user": BO, "place": "0/1"}), "place"),
    ] {
        let answer = ask(&server, &service, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
        assert!(answer.body["errors"][field].is_array(), "{}", answer.text);
    }
}
