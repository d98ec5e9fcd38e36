//! Who is let in over S3, and as whom.

use base64::prelude::{BASE64_STANDARD, Engine};
use reqwest::Method;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::signer::{self, Call, Keys};
use super::{Stage, call, put, refusal, stage};
use crate::support::Answer;

#[tokio::test]
async fn keys_of_servers_open_everything_and_wrong_ones_nothing() {
    let stage = stage().await;
    put(&stage, "b/x.txt", "secret").await;
    let got = call(&stage, Method::GET, "b/x.txt").await;
    assert_eq!((got.status.as_u16(), &*got.text), (200, "secret"));

    let get = Call::new(Method::GET, "b/x.txt");
    let wrong = Keys { secret: "another".into(), ..Keys::servers() };
    let refused = get.send(&stage.server, &wrong).await;
    assert_eq!(refusal(&refused), (403, "SignatureDoesNotMatch"), "{}", refused.text);
    assert_eq!(refused.headers["content-type"], "application/xml");
    let unknown = Keys { access_key: "nobody".into(), ..Keys::servers() };
    let refused = get.send(&stage.server, &unknown).await;
    assert_eq!(refusal(&refused), (403, "InvalidAccessKeyId"));
    let unsigned = stage.server.request(Method::GET, "/storage/v1/s3/b/x.txt");
    assert_eq!(refusal(&Answer::of(unsigned).await), (403, "AccessDenied"));
    let bearer = stage.get(&stage.service, "/s3/b/x.txt").await;
    assert_eq!(refusal(&bearer), (400, "AuthorizationHeaderMalformed"));
}

#[tokio::test]
async fn people_are_bound_by_policies() {
    let stage = stage().await;
    let (ana, bo) = (Keys::of(&stage.ana), Keys::of(&stage.bo));
    let mine = Call::new(Method::PUT, "b/ana/x.txt").body("mine");
    assert_eq!(mine.send(&stage.server, &ana).await.status, 200);
    let owner = "select owner_id from storage.objects";
    let ana_id = "a0000000-0000-4000-8000-00000000000a";
    assert_eq!(stage.database.value(owner).await, ana_id);

    let get = Call::new(Method::GET, "b/ana/x.txt");
    assert_eq!(get.send(&stage.server, &ana).await.text, "mine");
    assert_eq!(refusal(&get.send(&stage.server, &bo).await), (404, "NoSuchKey"));
    let over = mine.send(&stage.server, &bo).await;
    assert_eq!(refusal(&over), (403, "AccessDenied"), "{}", over.text);
    let deleted = Call::new(Method::DELETE, "b/ana/x.txt").send(&stage.server, &bo).await;
    assert_eq!(deleted.status, 204, "outsiders find nothing to delete");
    let copy = Call::new(Method::PUT, "b/bo.txt").header("x-amz-copy-source", "/b/ana/x.txt");
    assert_eq!(refusal(&copy.send(&stage.server, &bo).await), (404, "NoSuchKey"));
    let list = Call::new(Method::GET, "b?list-type=2").send(&stage.server, &bo).await;
    assert!(!list.text.contains("<Key>"), "{}", list.text);
    assert_eq!(get.send(&stage.server, &ana).await.text, "mine", "it is there all the time");
}

#[tokio::test]
async fn tokens_must_count() {
    let stage = stage().await;
    let get = Call::new(Method::GET, "b/x.txt");
    let expired = Keys::of(&stage.server.person_until("ana", -60));
    assert_eq!(refusal(&get.send(&stage.server, &expired).await), (400, "ExpiredToken"));
    let mut forged = Keys::of(&stage.ana);
    forged.token = forged.token.map(|token| format!("{token}x"));
    assert_eq!(refusal(&get.send(&stage.server, &forged).await), (403, "AccessDenied"));
    let mut other = Keys::of(&stage.ana);
    other.secret = "another".into();
    assert_eq!(refusal(&get.send(&stage.server, &other).await), (403, "SignatureDoesNotMatch"));
    // The token must be signed too, or it could be another's.
    let (request, _) = get.signed_head(&stage.server, &Keys::servers());
    let swapped = request.header("x-amz-security-token", &stage.ana.token);
    let refused = Answer::of(swapped).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
}

#[tokio::test]
async fn presigned_urls_count_for_what_they_say_and_as_long() {
    let stage = stage().await;
    put(&stage, "b/a b+ü.txt", "hello").await;
    let keys = Keys::servers();
    let get = Call::new(Method::GET, "b/a b+ü.txt");
    let url = get.presigned(&stage.server, &keys, 60);
    let fetch =
        async |method: Method, url: &str| Answer::of(stage.server.request(method, url)).await;
    assert_eq!(fetch(Method::GET, &url).await.text, "hello");
    for other in [url.replace("a%20b", "a%20c"), url.replace("Expires=60", "Expires=61")] {
        assert_eq!(refusal(&fetch(Method::GET, &other).await), (403, "SignatureDoesNotMatch"));
    }
    assert_eq!(refusal(&fetch(Method::DELETE, &url).await), (403, "SignatureDoesNotMatch"));
    let old = get.clone().at(OffsetDateTime::now_utc() - Duration::minutes(2));
    let expired = fetch(Method::GET, &old.presigned(&stage.server, &keys, 60)).await;
    assert_eq!(refusal(&expired), (400, "ExpiredToken"));
    let early = get.clone().at(OffsetDateTime::now_utc() + Duration::minutes(20));
    let early = fetch(Method::GET, &early.presigned(&stage.server, &keys, 60)).await;
    assert_eq!(refusal(&early), (403, "AccessDenied"));

    let upload = Call::new(Method::PUT, "b/up.txt").presigned(&stage.server, &keys, 60);
    let sneaky = stage.server.request(Method::PUT, &upload);
    let sneaky = Answer::of(sneaky.header("x-amz-copy-source", "/b/a b.txt")).await;
    assert_eq!(refusal(&sneaky), (403, "AccessDenied"), "nobody signed that");
    let upload = stage.server.request(Method::PUT, &upload).body("up");
    assert_eq!(Answer::of(upload).await.status, 200);
    assert_eq!(call(&stage, Method::GET, "b/up.txt").await.text, "up");
}

#[tokio::test]
async fn requests_of_another_time_are_refused() {
    let stage = stage().await;
    for minutes in [-16, 16] {
        let at = OffsetDateTime::now_utc() + Duration::minutes(minutes);
        let get = Call::new(Method::GET, "b").at(at);
        let refused = get.send(&stage.server, &Keys::servers()).await;
        assert_eq!(refusal(&refused), (403, "RequestTimeTooSkewed"));
    }
}

/// Posts a form with a file of five bytes.
async fn post(stage: &Stage, keys: &Keys, conditions: Value, more: &[(&str, &str)]) -> Answer {
    let mut conditions = conditions.as_array().cloned().unwrap_or_default();
    for name in ["x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token"] {
        conditions.push(json!(["starts-with", format!("${name}"), ""]));
    }
    if keys.token.is_none() {
        conditions.pop();
    }
    let policy = json!({ "expiration": "2100-01-01T00:00:00Z", "conditions": conditions });
    let fields = signer::form(keys, &BASE64_STANDARD.encode(policy.to_string()));
    let mut body = String::new();
    let mut add = |head: &str, value: &str| {
        body += "--edge\r\ncontent-disposition: form-data; ";
        body += head;
        body += "\r\n\r\n";
        body += value;
        body += "\r\n";
    };
    for (name, value) in fields {
        add(&format!("name=\"{name}\""), &value);
    }
    for (name, value) in more {
        add(&format!("name=\"{name}\""), value);
    }
    add("name=\"file\"; filename=\"../cat.txt\"", "hello");
    body.push_str("--edge--\r\n");
    let request = stage.server.request(Method::POST, "/storage/v1/s3/b");
    let request = request.header("content-type", "multipart/form-data; boundary=edge");
    Answer::of(request.body(body)).await
}

#[tokio::test]
async fn forms_do_what_their_policy_allows() {
    let stage = stage().await;
    let ana = Keys::of(&stage.ana);
    let conditions = json!([
        { "bucket": "b" },
        ["starts-with", "$key", "ana/"],
        ["content-length-range", 1, 5],
        { "content-type": "text/plain" },
        ["starts-with", "$success_action_status", ""],
        ["starts-with", "$x-amz-meta-mood", ""],
    ]);
    let fields = [
        ("key", "ana/${filename}"),
        ("Content-Type", "text/plain"),
        ("x-amz-meta-mood", "good"),
        ("success_action_status", "201"),
    ];
    let posted = post(&stage, &ana, conditions.clone(), &fields).await;
    assert_eq!(posted.status, 201, "{}", posted.text);
    assert_eq!(super::element(&posted.text, "Key"), Some("ana/cat.txt"));
    let got = Call::new(Method::GET, "b/ana/cat.txt").send(&stage.server, &ana).await;
    assert_eq!(
        (&*got.text, &got.headers["x-amz-meta-mood"]),
        ("hello", &"good".parse().expect("text"))
    );

    let elsewhere = [("key", "bo/x.txt"), fields[1], fields[2], fields[3]];
    let refused = post(&stage, &ana, conditions.clone(), &elsewhere).await;
    assert_eq!(refusal(&refused), (403, "AccessDenied"));
    let mut wrong = ana.clone();
    wrong.secret = "another".into();
    let refused = post(&stage, &wrong, conditions, &fields).await;
    assert_eq!(refusal(&refused), (403, "SignatureDoesNotMatch"));
    let named =
        json!([{ "bucket": "b" }, ["starts-with", "$key", ""], ["content-length-range", 1, 4]]);
    let refused = post(&stage, &ana, named, &[("key", "ana/y.txt")]).await;
    assert_eq!(refusal(&refused), (413, "EntityTooLarge"), "{}", refused.text);
    let named =
        json!([{ "bucket": "b" }, ["starts-with", "$key", ""], ["content-length-range", 6, 9]]);
    let refused = post(&stage, &ana, named, &[("key", "ana/y.txt")]).await;
    assert_eq!(refusal(&refused), (400, "EntityTooSmall"));
    let count = "select count(*) from storage.objects";
    assert_eq!(stage.database.value(count).await, "1");
}

#[tokio::test]
async fn forms_without_an_end_are_not_waited_for() {
    let stage = stage().await;
    let endless = format!("--edge\r\ncontent-disposition: {}", "x".repeat(20 * 1024 * 1024));
    let fields = format!(
        "--edge\r\ncontent-disposition: form-data; name=\"key\"\r\n\r\n{}\r\n--edge--\r\n",
        "x".repeat(200 * 1024)
    );
    for body in [endless, fields, String::new()] {
        let request = stage.server.request(Method::POST, "/storage/v1/s3/b");
        let request = request.header("content-type", "multipart/form-data; boundary=edge");
        let refused = Answer::of(request.body(body)).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
    }
}
