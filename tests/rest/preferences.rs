//! What the client would like, and what it is told was honoured.

use reqwest::Method;
use serde_json::json;

use super::{header, library, library_with, refusal, send};

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn honoured_preferences_are_told_in_order() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let prefer = ("prefer", "max-affected=5, timezone=Asia/Tokyo, handling=strict, count=exact");
    let read = send(&server, Method::GET, "people", &[prefer], "").await;
    let update =
        send(&server, Method::PATCH, "people?id=eq.1", &[prefer, JSON], r#"{"name":"A"}"#).await;
    let call = send(&server, Method::GET, "rpc/books_of?person=1", &[prefer], "").await;
    let without = send(&server, Method::GET, "people", &[("prefer", "wonders")], "").await;

    let everywhere = "count=exact, handling=strict, timezone=Asia/Tokyo";
    assert_eq!(header(&read, "preference-applied"), everywhere);
    assert_eq!(header(&update, "preference-applied"), format!("{everywhere}, max-affected=5"));
    assert_eq!(header(&call, "preference-applied"), format!("{everywhere}, max-affected=5"));
    assert!(!without.headers.contains_key("preference-applied"));
    Ok(())
}

#[tokio::test]
async fn strictness_refuses_what_is_not_understood() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let strict = [("prefer", "handling=strict, anything"), ("prefer", "count=exact, else=1")];
    let strict = send(&server, Method::GET, "people", &strict, "").await;
    let lenient = [("prefer", "handling=lenient, anything")];
    let lenient = send(&server, Method::GET, "people", &lenient, "").await;

    assert_eq!(refusal(&strict), (400, "PGRST122"));
    assert_eq!(strict.body["message"], "Invalid preferences given with handling=strict");
    assert_eq!(strict.body["details"], "Invalid preferences: anything, else=1");
    assert_eq!(
        (lenient.status.as_u16(), header(&lenient, "preference-applied")),
        (200, "handling=lenient")
    );
    Ok(())
}

#[tokio::test]
async fn change_of_more_rows_than_allowed_is_undone() -> anyhow::Result<()> {
    let more = "create function drop_loans() returns setof loans
                language sql as $$ delete from loans returning * $$;";
    let (database, server) = library_with(more, &[]).await;
    let few = ("prefer", "handling=strict, max-affected=2");
    assert_eq!(database.value("select count(*) from loans").await, "3");

    let delete = send(&server, Method::DELETE, "loans", &[few], "").await;
    let update = send(&server, Method::PATCH, "books", &[few, JSON], r#"{"year":7}"#).await;
    let call = send(&server, Method::POST, "rpc/drop_loans", &[few], "").await;
    let single = send(&server, Method::POST, "rpc/forget", &[few], "").await;
    let lenient = ("prefer", "max-affected=2");
    let lenient = send(&server, Method::PATCH, "books", &[lenient, JSON], r#"{"year":8}"#).await;
    let allowed = send(&server, Method::DELETE, "loans?book_id=eq.1", &[few], "").await;

    for refused in [&delete, &update, &call] {
        assert_eq!(refusal(refused), (400, "PGRST124"), "{}", refused.text);
        assert_eq!(refused.body["details"], "The query affects 3 rows");
    }
    assert_eq!(refusal(&single), (400, "PGRST128"));
    assert_eq!((lenient.status.as_u16(), allowed.status.as_u16()), (204, 204));
    assert_eq!(header(&allowed, "preference-applied"), "handling=strict, max-affected=2");
    assert_eq!(database.value("select count(*) from loans").await, "1");
    assert_eq!(database.value("select count(*) from books where year = 8").await, "3");
    Ok(())
}

#[tokio::test]
async fn timestamps_are_told_in_the_zone_that_was_asked() -> anyhow::Result<()> {
    let more = "create function noon() returns timestamptz
                language sql stable as $$ select timestamptz '2026-01-01 12:00+00' $$;";
    let (_database, server) = library_with(more, &[]).await;
    let noon = async |zone: &str| {
        let prefer = format!("timezone={zone}");
        send(&server, Method::GET, "rpc/noon", &[("prefer", &prefer)], "").await
    };

    let tokyo = noon("Asia/Tokyo").await;
    let offset = noon("-4").await;
    let nowhere = noon("Jupiter/Red_Spot").await;

    assert_eq!(tokyo.body, json!("2026-01-01T21:00:00+09:00"));
    assert_eq!(header(&tokyo, "preference-applied"), "timezone=Asia/Tokyo");
    assert_eq!(offset.body, json!("2026-01-01T08:00:00-04:00"));
    assert_eq!(refusal(&nowhere), (400, "22023"));
    Ok(())
}

#[tokio::test]
async fn end_of_the_transaction_may_be_chosen_where_that_is_allowed() -> anyhow::Result<()> {
    let more = "create table chains (
                  id integer primary key,
                  next integer references chains deferrable initially deferred
                );
                grant all on chains to anon;";
    let (database, server) = library_with(more, &["--tx-end", "rollback-allow-override"]).await;
    let post = async |prefer: &str, body: &'static str| {
        let prefer = format!("return=representation, {prefer}");
        send(&server, Method::POST, "chains", &[("prefer", &prefer), JSON], body).await
    };

    let undone = post("", r#"{"id":1}"#).await;
    let kept = post("tx=commit", r#"{"id":2}"#).await;
    let impossible = post("", r#"{"id":3,"next":99}"#).await;

    assert_eq!((undone.status.as_u16(), undone.body), (201, json!([{ "id": 1, "next": null }])));
    assert_eq!(kept.status, 201);
    assert_eq!(header(&kept, "preference-applied"), "return=representation, tx=commit");
    assert_eq!(refusal(&impossible), (409, "23503"));
    assert_eq!(database.value("select string_agg(id::text, ',') from chains").await, "2");
    Ok(())
}

#[tokio::test]
async fn end_of_the_transaction_is_not_the_clients_otherwise() -> anyhow::Result<()> {
    let (database, server) = library().await;

    let prefer = ("prefer", "tx=rollback, handling=strict");
    let kept = send(&server, Method::POST, "people", &[prefer, JSON], r#"{"name":"D"}"#).await;

    assert_eq!(
        (kept.status.as_u16(), header(&kept, "preference-applied")),
        (201, "handling=strict")
    );
    assert_eq!(database.value("select count(*) from people").await, "4");
    Ok(())
}
