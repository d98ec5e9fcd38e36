//! Files of conversations on the wire: who brings them, who has them, and who does not.

use reqwest::Method;
use serde_json::{Value, json};

use super::refusal;
use crate::support::clamd::{Clamd, EICAR};
use crate::support::{Answer, Database, Person, Server, eventually};

pub const WATERCOOLER: &str = "10000000-0000-4000-8000-000000000001";
const BO: &str = "b0000000-0000-4000-8000-00000000000b";

/// The first bytes of a picture, and of a program.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";
const EXE: &[u8] = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8\0\0\0\0\0\0\0@\0\0\0";

/// The cast, in the room `watercooler`: ana owns it, bo is in it, cy is not.
pub struct Room {
    pub database: Database,
    pub server: Server,
    pub ana: Person,
    pub bo: Person,
    pub cy: Person,
}

impl Room {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(flags: &[&str]) -> Self {
        let database = Database::new().await;
        let server = Server::start_with(&database, flags).await;
        let [ana, bo, cy] = ["ana", "bo", "cy"].map(|name| server.person(name));
        Self { database, server, ana, bo, cy }
    }

    /// Asks for an upload; `more` is what else is said.
    pub async fn ask(&self, who: &Person, name: &str, size: usize, more: &Value) -> Answer {
        let mut said = json!({ "p_conversation": WATERCOOLER, "p_name": name, "p_size": size });
        for (key, value) in more.as_object().into_iter().flatten() {
            said[key] = value.clone();
        }
        self.server.rpc(who, "request_upload", said).await
    }

    /// Puts bytes at a path.
    pub async fn put(&self, who: &Person, place: &str, kind: &str, bytes: &[u8]) -> Answer {
        let request = self.server.request(Method::POST, &format!("/storage/v1/object/{place}"));
        let request = request.bearer_auth(&who.token).header("content-type", kind);
        Answer::of(request.body(bytes.to_owned())).await
    }

    /// Asks, puts, and gives the version that it became.
    pub async fn bring(&self, who: &Person, name: &str, bytes: &[u8], more: &Value) -> Value {
        let asked = self.ask(who, name, bytes.len(), more).await;
        assert_eq!(asked.status, 200, "{}", asked.text);
        let place = format!("chat/{}", text(&asked.body, "path"));
        let put = self.put(who, &place, "application/octet-stream", bytes).await;
        assert_eq!(put.status, 200, "{}", put.text);
        let upload = json!({ "p_upload": asked.body["upload_id"] });
        let made = self.server.rpc(who, "complete_upload", upload).await;
        assert_eq!(made.status, 200, "{}", made.text);
        made.body
    }

    pub async fn get(&self, who: &Person, path: &str) -> Answer {
        let path = format!("/storage/v1/object/authenticated/chat/{path}");
        Answer::of(self.server.request(Method::GET, &path).bearer_auth(&who.token)).await
    }

    pub async fn status(&self, who: &Person, version: &Value) -> String {
        let (file, number) = (text(version, "file_id"), &version["version"]);
        let path =
            format!("file_versions?select=scan_status&file_id=eq.{file}&version=eq.{number}");
        let answer = self.server.rest(who, Method::GET, &path).await;
        answer.body[0]["scan_status"].as_str().unwrap_or("hidden").to_owned()
    }

    /// Nothing is kept that no version has.
    pub async fn nothing_else_is_kept(&self, objects: &str) {
        let there = "select count(*) from storage.objects where bucket_id = 'chat'";
        assert_eq!(self.database.value(there).await, objects);
        let bytes = "select count(*) from storage.blobs where state <> 'doomed'";
        assert_eq!(self.database.value(bytes).await, objects);
        let used = "select coalesce(sum(size_bytes), 0) = (select coalesce(max(bytes), 0) from app.file_usage) from file_versions";
        assert_eq!(self.database.value(used).await, "t");
    }
}

pub fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body[key].as_str().unwrap_or_else(|| panic!("no {key} in {body}"))
}

#[tokio::test]
async fn members_bring_files_and_have_them() {
    // FIL-01 FIL-10
    let room = Room::new().await;
    let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let sha256 = {
        use sha2::{Digest, Sha256};
        hex::encode(Sha256::digest(&bytes))
    };
    let more = json!({ "p_sha256": sha256, "p_mime": "application/x-own" });
    room.database.sql(r#"update orgs set settings = '{"allowed_mime": ["*/*"]}'"#).await;

    let made = room.bring(&room.ana, "numbers.own", &bytes, &more).await;
    assert_eq!((&made["version"], &made["sha256"]), (&json!(1), &json!(sha256)));

    let said = json!({
        "p_conversation_id": WATERCOOLER, "p_body": "Look",
        "p_attachments": [{ "file_id": made["file_id"] }],
    });
    let sent = room.server.rpc(&room.ana, "send_message", said).await;
    assert_eq!(sent.status, 200, "{}", sent.text);
    let read = room.server.rest(&room.bo, Method::GET, "messages?body=eq.Look").await;
    let path = text(&read.body[0]["attachments"][0], "path").to_owned();

    let request = format!("/storage/v1/object/authenticated/chat/{path}");
    let request = room.server.request(Method::GET, &request).bearer_auth(&room.bo.token);
    let got = request.send().await.expect("answers").bytes().await.expect("bytes");
    assert_eq!(got, bytes);
    assert_eq!(refusal(&room.get(&room.cy, &path).await), ("404", "NoSuchKey"));

    let asked = room.ask(&room.cy, "mine.txt", 1, &json!({})).await;
    assert_eq!(asked.body["hint"], "cannot_post");
    let place = format!("chat/{WATERCOOLER}/{}/mine.txt", text(&made, "file_id"));
    let put = room.put(&room.cy, &place, "text/plain", b"x").await;
    assert_eq!(refusal(&put), ("403", "AccessDenied"));
    room.nothing_else_is_kept("1").await;
}

#[tokio::test]
async fn numbers_have_no_gaps_however_many_upload_at_once() {
    // FIL-03
    let room = Room::new().await;
    let first = room.bring(&room.ana, "plan.txt", b"first", &json!({})).await;
    let next = json!({ "p_file": first["file_id"] });
    let uploads = (0..12_usize).map(|turn| {
        let (room, next) = (&room, &next);
        async move {
            let who = if turn % 2 == 0 { &room.ana } else { &room.bo };
            // Some are asked for and never come.
            let forgotten = room.ask(who, "plan.txt", 3, next).await;
            assert_eq!(forgotten.status, 200, "{}", forgotten.text);
            let bytes = format!("version of {turn}");
            room.bring(who, "plan.txt", bytes.as_bytes(), next).await["version"].clone()
        }
    });
    let mut numbers: Vec<i64> = futures_util::future::join_all(uploads)
        .await
        .iter()
        .map(|number| number.as_i64().expect("a number"))
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (2..=13).collect::<Vec<_>>());
    assert_eq!(room.get(&room.bo, text(&first, "object_path")).await.text, "first");
    room.nothing_else_is_kept("13").await;
}

#[tokio::test]
async fn bytes_must_be_what_the_name_says() {
    // FIL-05
    let room = Room::new().await;
    let picture = room.bring(&room.ana, "cat.png", PNG, &json!({})).await;
    assert_eq!(picture["mime_type"], "image/png");
    for (name, kind, bytes) in [
        ("virus.png", "image/png", EXE),
        ("empty.png", "image/png", b"" as &[u8]),
        ("letter.txt", "text/plain", EXE),
        ("letter", "application/pdf", PNG),
    ] {
        let asked = room.ask(&room.ana, name, bytes.len(), &json!({ "p_mime": kind })).await;
        assert_eq!(asked.status, 200, "{}", asked.text);
        let place = format!("chat/{}", text(&asked.body, "path"));
        let put = room.put(&room.ana, &place, kind, bytes).await;
        assert_eq!(refusal(&put).0, "415", "{name}: {}", put.text);
    }
    for name in ["cat.exe", "page.html", "drawing.svg", "run.sh"] {
        let asked = room.ask(&room.ana, name, PNG.len(), &json!({ "p_mime": "image/png" })).await;
        assert_eq!((asked.status.as_u16(), text(&asked.body, "hint")), (415, "bad_file_type"));
    }
    room.nothing_else_is_kept("1").await;
}

#[tokio::test]
async fn a_byte_too_many_is_too_many() {
    // FIL-06
    let room = Room::new().await;
    room.database.sql(r#"update orgs set settings = '{"max_file_mb": 1}'"#).await;
    let limits =
        room.server.rpc(&room.ana, "file_limits", json!({ "p_conversation": WATERCOOLER }));
    assert_eq!(limits.await.body["max_bytes"], 1_048_576);
    let exactly = vec![b'x'; 1_048_576];
    room.bring(&room.ana, "exactly.txt", &exactly, &json!({})).await;

    let asked = room.ask(&room.ana, "more.txt", 1_048_577, &json!({})).await;
    assert_eq!((asked.status.as_u16(), text(&asked.body, "hint")), (413, "file_too_large"));
    let asked = room.ask(&room.ana, "lie.txt", 1, &json!({})).await;
    let place = format!("chat/{}", text(&asked.body, "path"));
    let more = [&exactly[..], b"x"].concat();
    let put = room.put(&room.ana, &place, "text/plain", &more).await;
    assert_eq!(refusal(&put), ("413", "EntityTooLarge"), "{}", put.text);
    room.nothing_else_is_kept("1").await;

    // Nor may all of them together be more than there is room for.
    room.database
        .sql("insert into file_quotas (org_id, scope, max_bytes) select id, 'org', 1048580 from orgs")
        .await;
    room.bring(&room.bo, "small.txt", b"four", &json!({})).await;
    let asked = room.ask(&room.bo, "small.txt", 1, &json!({})).await;
    assert_eq!((asked.status.as_u16(), text(&asked.body, "hint")), (413, "quota_full"));
}

#[tokio::test]
async fn infected_file_is_kept_from_everybody() {
    // FIL-07
    let clamd = Clamd::start().await;
    let at = format!("127.0.0.1:{}", clamd.port);
    let room = Room::with(&["--clamd", &at]).await;
    eventually("the server has a scanner", || async {
        (!room.database.rows("select from storage.scanners").await.is_empty()).then_some(())
    })
    .await;

    let virus = room.bring(&room.ana, "virus.txt", EICAR.concat().as_bytes(), &json!({})).await;
    let fine = room.bring(&room.ana, "fine.txt", b"fine", &json!({})).await;
    assert_eq!(
        (&virus["scan_status"], &fine["scan_status"]),
        (&json!("pending"), &json!("pending"))
    );
    let said = json!({
        "p_conversation_id": WATERCOOLER, "p_body": "Both",
        "p_attachments": [{ "file_id": fine["file_id"] }],
    });
    assert_eq!(room.server.rpc(&room.ana, "send_message", said).await.status, 200);

    eventually("both are looked at", || async {
        let [bad, good] =
            [room.status(&room.ana, &virus).await, room.status(&room.ana, &fine).await];
        (bad == "infected" && good == "clean").then_some(())
    })
    .await;
    assert_eq!(room.status(&room.bo, &virus).await, "hidden");
    let (bad, good) = (text(&virus, "object_path"), text(&fine, "object_path"));
    assert_eq!(refusal(&room.get(&room.bo, bad).await), ("404", "NoSuchKey"));
    assert_eq!(refusal(&room.get(&room.ana, bad).await), ("404", "NoSuchKey"));
    assert_eq!(room.get(&room.bo, good).await.text, "fine");
    let read = room.server.rest(&room.bo, Method::GET, "messages?body=eq.Both").await;
    assert_eq!(read.body[0]["attachments"][0]["status"], "clean");
}

#[tokio::test]
async fn file_waits_for_its_verdict() {
    // FIL-07
    let clamd = Clamd::start().await;
    let at = format!("127.0.0.1:{}", clamd.port);
    let room = Room::with(&["--clamd", &at]).await;
    eventually("the server has a scanner", || async {
        (!room.database.rows("select from storage.scanners").await.is_empty()).then_some(())
    })
    .await;
    clamd.feels(crate::support::clamd::Mood::HangsUp);

    let made = room.bring(&room.ana, "a.txt", b"hello", &json!({})).await;
    room.server.settles("walkie_jobs_attempts_total{outcome=\"failed\"}", 1).await;
    assert_eq!(room.status(&room.ana, &made).await, "pending");
    let path = text(&made, "object_path");
    assert_eq!(refusal(&room.get(&room.bo, path).await), ("404", "NoSuchKey"));
    assert_eq!(room.get(&room.ana, path).await.text, "hello");

    clamd.feels(crate::support::clamd::Mood::Well);
    room.database.sql("update walkie.jobs set run_at = now(); notify walkie, 'jobs'").await;
    eventually("it is clean", || async {
        (room.status(&room.bo, &made).await == "clean").then_some(())
    })
    .await;
    assert_eq!(room.get(&room.bo, path).await.text, "hello");
}

#[tokio::test]
async fn link_to_a_file_lives_five_minutes_at_most() {
    // FIL-02 FIL-08
    let room = Room::new().await;
    let made = room.bring(&room.ana, "cat.png", PNG, &json!({})).await;
    let path = text(&made, "object_path");
    let sign = format!("/storage/v1/object/sign/chat/{path}");
    let sign = async |who: &Person| {
        let request = room.server.request(Method::POST, &sign).bearer_auth(&who.token);
        Answer::of(request.json(&json!({ "expiresIn": 86_400 }))).await
    };

    let signed = sign(&room.bo).await;
    let url = text(&signed.body, "signedURL").to_owned();
    let link = format!("/storage/v1{url}&download=cat.png");
    let got = room.server.request(Method::GET, &link).send().await.expect("answers");
    let disposition = got.headers()["content-disposition"].to_str().expect("text").to_owned();
    assert!(disposition.starts_with("attachment; filename=cat.png"), "{disposition}");
    assert_eq!(got.bytes().await.expect("bytes"), PNG);

    let token = url.split_once("token=").expect("a token").1;
    let claims = token.split('.').nth(1).expect("claims");
    let claims = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, claims);
    let claims: Value = serde_json::from_slice(&claims.expect("base64")).expect("JSON");
    let life = claims["exp"].as_i64().expect("a time") - claims["iat"].as_i64().expect("a time");
    assert_eq!(life, 300);
    assert_eq!(refusal(&sign(&room.cy).await), ("404", "NoSuchKey"));
}

#[tokio::test]
async fn removed_member_has_no_files_any_more() {
    // FIL-08
    let room = Room::new().await;
    let made = room.bring(&room.bo, "mine.txt", b"mine", &json!({})).await;
    let path = text(&made, "object_path");
    let asked = room.ask(&room.bo, "late.txt", 4, &json!({})).await;
    assert_eq!(room.get(&room.bo, path).await.text, "mine");

    let removal = json!({ "p_conversation": WATERCOOLER, "p_member": BO });
    let removed = room.server.rpc(&room.ana, "remove_member", removal).await;
    assert!(removed.status.is_success(), "{}", removed.text);

    assert_eq!(refusal(&room.get(&room.bo, path).await), ("404", "NoSuchKey"));
    assert_eq!(room.get(&room.ana, path).await.text, "mine");
    let place = format!("chat/{}", text(&asked.body, "path"));
    let put = room.put(&room.bo, &place, "text/plain", b"late").await;
    assert_eq!(refusal(&put), ("403", "AccessDenied"));
    room.nothing_else_is_kept("1").await;
}

#[tokio::test]
async fn other_ways_in_are_closed() {
    // FIL-12
    let room = Room::new().await;
    let made = room.bring(&room.ana, "hers.txt", b"hers", &json!({})).await;
    let path = text(&made, "object_path");
    let asked = room.ask(&room.ana, "next.txt", 4, &json!({})).await;
    let next = text(&asked.body, "path");
    let foreign = format!("10000000-0000-4000-8000-000000000003/{}", &next[37..]);
    let detour = format!("{}/..%2Fhers.txt", &path[..path.rfind('/').expect("a path")]);
    for (why, place) in [
        ("the path of another conversation", format!("chat/{foreign}")),
        ("a path that another was given", format!("chat/{next}")),
        ("another bucket", format!("avatars/{next}")),
        ("in place of another's", format!("chat/{path}")),
        ("a detour", format!("chat/{detour}")),
    ] {
        let put = room.put(&room.bo, &place, "text/plain", b"mine").await;
        let (status, _) = refusal(&put);
        assert!(["400", "403", "415"].contains(&status), "{why}: {}", put.text);
        let request = room.server.request(Method::PUT, &format!("/storage/v1/object/{place}"));
        let request = request.bearer_auth(&room.bo.token).header("content-type", "text/plain");
        let put = Answer::of(request.body("mine")).await;
        let (status, _) = refusal(&put);
        assert!(["400", "403", "415"].contains(&status), "{why}: {}", put.text);
    }
    // A link that has run out is as good as none.
    let sign = format!("/storage/v1/object/sign/chat/{path}");
    let request = room.server.request(Method::POST, &sign).bearer_auth(&room.bo.token);
    let signed = Answer::of(request.json(&json!({ "expiresIn": 1 }))).await;
    let link = format!("/storage/v1{}", text(&signed.body, "signedURL"));
    eventually("the link has run out", || async {
        let got = Answer::of(room.server.request(Method::GET, &link)).await;
        (refusal(&got) == ("400", "InvalidJWT")).then_some(())
    })
    .await;

    // Not even their own twice, or by another name.
    let request = room.server.request(Method::PUT, &format!("/storage/v1/object/chat/{path}"));
    let request = request.bearer_auth(&room.ana.token).header("content-type", "text/plain");
    assert_eq!(refusal(&Answer::of(request.body("again")).await), ("403", "AccessDenied"));
    assert_eq!(room.get(&room.bo, path).await.text, "hers");
    room.nothing_else_is_kept("1").await;
}

#[tokio::test]
async fn people_put_up_small_pictures_of_themselves() {
    // FIL-13
    let room = Room::new().await;
    let mine = |name: &str| format!("avatars/{BO}/{name}");
    let put = room.put(&room.bo, &mine("1.png"), "image/png", PNG).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let seen =
        room.server.request(Method::GET, &format!("/storage/v1/object/public/{}", mine("1.png")));
    let seen = seen.send().await.expect("answers");
    assert_eq!(seen.headers()["content-type"], "image/png");
    assert_eq!(seen.bytes().await.expect("bytes"), PNG);

    let large = [PNG, &vec![0; 2_000_000][..]].concat();
    for (why, who, kind, bytes, status) in [
        ("of another", &room.ana, "image/png", PNG, "403"),
        ("that is none", &room.bo, "image/png", EXE, "415"),
        ("that is words", &room.bo, "text/plain", b"me" as &[u8], "415"),
        ("that may run", &room.bo, "image/svg+xml", b"<svg/>", "415"),
        ("that is too large", &room.bo, "image/png", &large, "413"),
    ] {
        let put = room.put(who, &mine("2.png"), kind, bytes).await;
        assert_eq!(refusal(&put).0, status, "a picture {why}: {}", put.text);
    }

    let path = format!("profiles?id=eq.{BO}");
    for (avatar, left) in [(json!(format!("{BO}/1.png")), "1"), (Value::Null, "0")] {
        let request = room.server.request(Method::PATCH, &format!("/rest/v1/{path}"));
        let request = request.bearer_auth(&room.bo.token).json(&json!({ "avatar_path": avatar }));
        assert!(Answer::of(request).await.status.is_success());
        let there = "select count(*) from storage.objects where bucket_id = 'avatars'";
        assert_eq!(room.database.value(there).await, left);
    }
}
