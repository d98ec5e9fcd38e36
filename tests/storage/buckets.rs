//! Buckets and their limits, and what a form says about its file.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Stage, refusal};
use crate::support::Answer;

#[tokio::test]
async fn buckets_are_the_services_until_a_policy_says_otherwise() {
    let stage = Stage::new().await;
    let refused = stage.post(&stage.ana, "/bucket", json!({ "name": "b" })).await;
    assert_eq!(refusal(&refused), ("403", "AccessDenied"));
    stage.bucket("b", json!({ "file_size_limit": "1kb", "allowed_mime_types": ["text/*"] })).await;
    let again = stage.post(&stage.service, "/bucket", json!({ "name": "b" })).await;
    assert_eq!(refusal(&again), ("409", "BucketAlreadyExists"));
    assert_eq!(stage.get(&stage.ana, "/bucket").await.body, json!([]));
    assert_eq!(refusal(&stage.get(&stage.ana, "/bucket/b").await), ("404", "NoSuchBucket"));
    let seen = stage.get(&stage.service, "/bucket/b").await;
    assert_eq!(
        (&seen.body["file_size_limit"], &seen.body["public"]),
        (&json!(1000), &json!(false))
    );

    let change = json!({ "file_size_limit": null, "public": true });
    let request = stage.request(&stage.service, Method::PUT, "/bucket/b").json(&change);
    assert_eq!(Answer::of(request).await.status, 200);
    let seen = stage.get(&stage.service, "/bucket/b").await;
    assert_eq!((&seen.body["file_size_limit"], &seen.body["public"]), (&Value::Null, &json!(true)));
    assert_eq!(seen.body["allowed_mime_types"], json!(["text/*"]), "what is not said stays");
}

#[tokio::test]
async fn a_bucket_goes_only_when_it_is_empty() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    stage.put(&stage.service, "b/x.txt", "x").await;
    let full = stage.send(&stage.service, Method::DELETE, "/bucket/b").await;
    assert_eq!(refusal(&full), ("409", "ResourceNotEmpty"));
    let refused = stage.post(&stage.ana, "/bucket/b/empty", json!({})).await;
    assert_eq!((refused.status.as_u16(), refusal(&refused)), (403, ("403", "AccessDenied")));
    assert_eq!(stage.post(&stage.service, "/bucket/b/empty", json!({})).await.status, 200);
    assert_eq!(stage.send(&stage.service, Method::DELETE, "/bucket/b").await.status, 200);
    let missing = stage.send(&stage.service, Method::DELETE, "/bucket/b").await;
    assert_eq!(refusal(&missing), ("404", "NoSuchBucket"));
}

#[tokio::test]
async fn a_form_says_what_its_file_is() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    let form = "--x\r\ncontent-disposition: form-data; name=\"cacheControl\"\r\n\r\n77\r\n\
                --x\r\ncontent-disposition: form-data; name=\"metadata\"\r\n\r\n{\"m\":1}\r\n\
                --x\r\ncontent-disposition: form-data; name=\"\"; filename=\"n.txt\"\r\n\
                content-type: text/markdown\r\n\r\nhello\r\n--x--\r\n";
    let request = stage.request(&stage.service, Method::POST, "/object/b/n.txt");
    let request = request.header("content-type", "multipart/form-data; boundary=x");
    let put = Answer::of(request.body(form)).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let got = stage.get(&stage.service, "/object/b/n.txt").await;
    assert_eq!(got.text, "hello");
    assert_eq!(
        (&got.headers["content-type"], &got.headers["cache-control"]),
        (&"text/markdown".parse().expect("a value"), &"max-age=77".parse().expect("a value"))
    );
    let info = stage.get(&stage.service, "/object/info/b/n.txt").await;
    assert_eq!(info.body["metadata"], json!({ "m": 1 }));
}

#[tokio::test]
async fn what_policies_read_of_a_file_is_true() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    stage
        .database
        .sql("create policy small on storage.objects for insert to authenticated
              with check ((metadata ->> 'size')::bigint is null or (metadata ->> 'size')::bigint <= 5)")
        .await;
    let form = |text: &str| {
        format!(
            "--x\r\ncontent-disposition: form-data; name=\"\"; filename=\"n\"\r\n\r\n{text}\r\n--x--\r\n"
        )
    };
    let put = async |name: &str, text: &str| {
        let request = stage.request(&stage.ana, Method::POST, &format!("/object/b/{name}"));
        let request = request.header("content-type", "multipart/form-data; boundary=x");
        Answer::of(request.body(form(text))).await
    };
    assert_eq!(put("small", "12345").await.status, 200);
    assert_eq!(refusal(&put("large", "123456").await), ("403", "AccessDenied"));
    stage.swept().await;
    assert_eq!(stage.bytes().len(), 1);
}

#[tokio::test]
async fn a_trigger_hears_of_a_file_once_and_when_it_is_there() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    stage
        .database
        .sql("create table heard (event text, state text);
              grant insert on heard to public;
              create function hear() returns trigger language plpgsql security definer as $$
              begin
                insert into heard select tg_op, b.state from storage.blobs b where b.version::text = new.version;
                return null;
              end $$;
              create trigger hear after insert or update on storage.objects for each row execute function hear();
              create policy all_of_it on storage.objects for all to authenticated using (true) with check (true)")
        .await;
    assert_eq!(stage.put(&stage.ana, "b/x.txt", "one").await.status, 200);
    assert_eq!(stage.upsert(&stage.ana, "b/x.txt", "two").await.status, 200);
    let heard =
        stage.database.value("select string_agg(event || ' ' || state, ', ') from heard").await;
    assert_eq!(heard, "INSERT kept, UPDATE kept");
}

#[tokio::test]
async fn nobody_keeps_more_than_their_quota() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    stage
        .database
        .sql("create policy all_of_it on storage.objects for all to authenticated using (true) with check (true);
              insert into storage.quotas (bucket_id, max_bytes) values ('b', 10)")
        .await;
    assert_eq!(stage.put(&stage.ana, "b/1.txt", "123456").await.status, 200);
    let over = stage.put(&stage.ana, "b/2.txt", "12345").await;
    assert_eq!(refusal(&over), ("413", "EntityTooLarge"));
    assert_eq!(over.body["message"], "The quota of 10 bytes would be exceeded");
    assert_eq!(
        stage.put(&stage.bo, "b/2.txt", "12345").await.status,
        200,
        "bo has a quota of their own"
    );
    assert_eq!(stage.upsert(&stage.ana, "b/1.txt", "1234567890").await.status, 200);
    let over = stage.upsert(&stage.ana, "b/1.txt", "12345678901").await;
    assert_eq!(refusal(&over), ("413", "EntityTooLarge"));
    stage.send(&stage.ana, Method::DELETE, "/object/b/1.txt").await;
    assert_eq!(
        stage.put(&stage.ana, "b/3.txt", "123456").await.status,
        200,
        "what is deleted counts no more"
    );
}

#[tokio::test]
async fn all_together_keep_no_more_than_the_quota_of_a_bucket() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    stage.bucket("other", json!({})).await;
    stage
        .database
        .sql("create policy all_of_it on storage.objects for all to authenticated using (true) with check (true);
              insert into storage.quotas (bucket_id, is_total, max_bytes) values ('b', true, 10)")
        .await;
    assert_eq!(stage.put(&stage.ana, "b/1.txt", "1234").await.status, 200);
    // Of several at once, who have three bytes each, one more has room.
    let at_once = (0..6).map(|number| {
        let stage = &stage;
        async move { stage.put(&stage.bo, &format!("b/bo{number}.txt"), "123").await.status }
    });
    let took = futures_util::future::join_all(at_once).await;
    assert_eq!(took.iter().filter(|status| status.is_success()).count(), 2, "{took:?}");
    let over = stage.put(&stage.service, "b/2.txt", "1").await;
    assert_eq!(refusal(&over), ("413", "EntityTooLarge"), "what has no owner counts, too");
    assert_eq!(stage.put(&stage.bo, "other/1.txt", "1234567890123").await.status, 200);
}
