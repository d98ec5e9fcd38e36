//! Pictures in conversations: what cameras noted in them is gone before others have them.

use std::io::Cursor;

use image::{ImageFormat, RgbImage};
use img_parts::{DynImage, ImageEXIF};
use reqwest::Method;
use serde_json::{Value, json};

use super::chat_files::{Room, WATERCOOLER, text};
use super::refusal;
use crate::support::clamd::Clamd;
use crate::support::{Answer, eventually};

/// Where it was taken, as one entry of an EXIF points to it.
const PLACE: &[u8] = b"GPSLatitude 48 12 30 N";

/// A photo that says where it was taken.
fn photo() -> Vec<u8> {
    let picture =
        RgbImage::from_fn(400, 200, |x, y| image::Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], 9]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Jpeg).expect("it is written");
    let mut photo =
        DynImage::from_bytes(bytes.into_inner().into()).expect("it reads").expect("known");
    // Turned to the right, which stays.
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    exif.extend_from_slice(PLACE);
    photo.set_exif(Some(exif.into()));
    photo.encoder().bytes().to_vec()
}

fn tells_the_place(bytes: &[u8]) -> bool {
    bytes.windows(PLACE.len()).any(|window| window == PLACE)
}

async fn download(room: &Room, path: &str) -> Vec<u8> {
    let path = format!("/storage/v1/object/authenticated/chat/{path}");
    let answer = room.server.request(Method::GET, &path).bearer_auth(&room.bo.token).send().await;
    answer.expect("an answer").bytes().await.expect("bytes").to_vec()
}

async fn strips(room: &Room) {
    room.database.sql(r#"update orgs set settings = '{"strip_pictures": true}'"#).await;
}

async fn settled(room: &Room, made: &Value, status: &str) {
    eventually(status, || async { (room.status(&room.ana, made).await == status).then_some(()) })
        .await;
}

#[tokio::test]
async fn others_do_not_learn_where_a_photo_was_taken() {
    // FIL-09 SEC-06
    let room = Room::new().await;
    strips(&room).await;
    let photo = photo();
    assert!(tells_the_place(&photo), "there is something to take out");
    let made = room.bring(&room.ana, "holiday.jpg", &photo, &json!({})).await;
    assert_eq!(made["scan_status"], "pending");
    let path = text(&made, "object_path");
    let said = json!({
        "p_conversation_id": WATERCOOLER, "p_body": "Sea",
        "p_attachments": [{ "file_id": made["file_id"] }],
    });
    assert_eq!(room.server.rpc(&room.ana, "send_message", said).await.status, 200);

    settled(&room, &made, "skipped").await;
    let bare = download(&room, path).await;
    assert!(!tells_the_place(&bare));
    let (was, is) = (image::load_from_memory(&photo), image::load_from_memory(&bare));
    assert_eq!(was.expect("a picture").into_rgb8(), is.expect("a picture").into_rgb8());

    let read = room.server.rest(&room.bo, Method::GET, "messages?body=eq.Sea").await;
    let shown = &read.body[0]["attachments"][0];
    assert_eq!((&shown["width"], &shown["height"]), (&json!(200), &json!(400)), "it stands");
    let small = format!("/storage/v1/{}", text(shown, "thumb_path"));
    let request = room.server.request(Method::GET, &small).bearer_auth(&room.bo.token);
    let small = request.send().await.expect("an answer");
    assert_eq!(small.headers()["cache-control"], "max-age=31536000, immutable");
    let small = image::load_from_memory(&small.bytes().await.expect("bytes")).expect("a picture");
    assert_eq!((small.width(), small.height()), (160, 320));
    let request = format!("/storage/v1/{}", text(shown, "thumb_path"));
    let foreign =
        Answer::of(room.server.request(Method::GET, &request).bearer_auth(&room.cy.token));
    assert_eq!(refusal(&foreign.await), ("404", "NoSuchKey"));

    eventually("the first bytes are gone", || async {
        let kept = "select count(*) from storage.blobs b
                     where not exists (select from storage.derivatives d where d.version = b.version)";
        (room.database.value(kept).await == "1").then_some(())
    })
    .await;
    let used =
        "select sum(size_bytes) = (select max(bytes) from app.file_usage) from file_versions";
    assert_eq!(room.database.value(used).await, "t");
}

#[tokio::test]
async fn photo_is_stripped_after_it_was_found_clean() {
    // FIL-07 SEC-06
    let clamd = Clamd::start().await;
    let at = format!("127.0.0.1:{}", clamd.port);
    let room = Room::with(&["--clamd", &at]).await;
    strips(&room).await;
    eventually("the server has a scanner", || async {
        (!room.database.rows("select from storage.scanners").await.is_empty()).then_some(())
    })
    .await;
    let made = room.bring(&room.ana, "holiday.jpg", &photo(), &json!({})).await;
    settled(&room, &made, "clean").await;
    assert!(!tells_the_place(&download(&room, text(&made, "object_path")).await));
    assert_eq!(clamd.seen(), [photo()], "what came was looked at");
}

#[tokio::test]
async fn what_cannot_be_stripped_is_its_uploaders_alone() {
    // SEC-06
    let room = Room::new().await;
    strips(&room).await;
    let broken = &photo()[..900];
    let made = room.bring(&room.ana, "broken.jpg", broken, &json!({})).await;
    settled(&room, &made, "failed").await;
    let path = text(&made, "object_path");
    assert_eq!(refusal(&room.get(&room.bo, path).await), ("404", "NoSuchKey"));
    assert_eq!(room.get(&room.ana, path).await.status, 200);
}

#[tokio::test]
async fn photo_stays_as_it_is_where_nobody_strips() {
    let room = Room::new().await;
    let made = room.bring(&room.ana, "holiday.jpg", &photo(), &json!({})).await;
    assert_eq!(made["scan_status"], "skipped");
    eventually("it is measured", || async {
        let width = "select width from file_versions";
        (room.database.value(width).await == "200").then_some(())
    })
    .await;
    assert_eq!(download(&room, text(&made, "object_path")).await, photo());
}

#[tokio::test]
async fn faces_are_linked_where_the_operator_serves_them() {
    // FIL-14
    let room = Room::with(&["--storage-media-url", "https://cdn.example.com/"]).await;
    let bo = "b0000000-0000-4000-8000-00000000000b";
    room.database
        .sql(&format!("update profiles set avatar_path = '{bo}/1.png' where id = '{bo}'"))
        .await;
    let path = format!("profiles?select=avatar_url&id=eq.{bo}");
    let expected = format!("https://cdn.example.com/storage/v1/object/public/avatars/{bo}/1.png");
    eventually("the server has said where", || async {
        let read = room.server.rest(&room.ana, Method::GET, &path).await;
        (read.body[0]["avatar_url"] == expected.as_str()).then_some(())
    })
    .await;
}
