//! Pictures made over on the way out.

use reqwest::Method;
use serde_json::json;

use super::{Stage, refusal};
use crate::support::Answer;

/// A picture of one colour.
fn png(width: u32, height: u32) -> Vec<u8> {
    let picture = image::RgbImage::from_pixel(width, height, image::Rgb([200, 30, 30]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("written");
    bytes.into_inner()
}

impl Stage {
    async fn put_picture(&self, place: &str, bytes: Vec<u8>) -> Answer {
        let path = format!("/object/{place}");
        let request = self.request(&self.service, Method::POST, &path).header("x-upsert", "true");
        let request = request.header("content-type", "image/png");
        let put = Answer::of(request.header("cache-control", "max-age=60").body(bytes)).await;
        assert_eq!(put.status, 200, "{}", put.text);
        put
    }

    /// What comes: status, headers, and the picture's type and size.
    async fn rendered(&self, path: &str, accept: &str) -> (reqwest::Response, Vec<u8>) {
        let request = self.request(&self.service, Method::GET, path).header("accept", accept);
        let mut answer = request.send().await.expect("an answer");
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.expect("bytes") {
            bytes.extend_from_slice(&chunk);
        }
        (answer, bytes)
    }

    async fn derivatives(&self) -> String {
        self.database.value("select count(*) from storage.derivatives").await
    }
}

fn size(bytes: &[u8]) -> (u32, u32) {
    let picture = image::load_from_memory(bytes).expect("a picture");
    (picture.width(), picture.height())
}

#[tokio::test]
async fn a_picture_is_made_over_once_and_kept_with_its_version() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({ "public": true })).await;
    stage.put_picture("b/a.png", png(80, 40)).await;
    let path = "/render/image/public/b/a.png?width=20&height=20";
    let (answer, bytes) = stage.rendered(path, "image/webp,*/*").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "image/webp");
    assert_eq!(answer.headers()["cache-control"], "max-age=60");
    assert_eq!(answer.headers()["vary"], "accept");
    assert_eq!(
        answer.headers()["x-transformations"],
        "width:20,height:20,resize:cover,quality:80,format:webp,gravity:ce"
    );
    assert_eq!(size(&bytes), (20, 20));
    let (again, same) = stage.rendered(path, "image/webp").await;
    assert_eq!((again.headers()["etag"].clone(), same), (answer.headers()["etag"].clone(), bytes));
    assert_eq!(stage.derivatives().await, "1");
    let (plain, _) = stage.rendered(path, "*/*").await;
    assert_eq!(plain.headers()["content-type"], "image/png");
    assert_eq!(stage.derivatives().await, "2");

    stage.put_picture("b/a.png", png(40, 80)).await;
    assert_eq!(stage.derivatives().await, "0", "they went with their version");
    let (_, newer) = stage.rendered("/render/image/public/b/a.png?width=20", "*/*").await;
    assert_eq!(size(&newer), (20, 40));
    stage.swept().await;
    assert_eq!(stage.bytes().len(), 2);
}

#[tokio::test]
async fn policies_and_signatures_decide_as_for_downloads() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    stage.put_picture("b/a.png", png(80, 40)).await;
    let (seen, bytes) = stage.rendered("/render/image/authenticated/b/a.png?width=40", "*/*").await;
    assert_eq!((seen.status().as_u16(), size(&bytes)), (200, (40, 20)));
    let hidden = stage.get(&stage.ana, "/render/image/authenticated/b/a.png?width=40").await;
    assert_eq!(refusal(&hidden), ("404", "NoSuchKey"));
    let private = stage.get(&stage.ana, "/render/image/public/b/a.png?width=40").await;
    assert_eq!(refusal(&private), ("404", "NoSuchBucket"));

    let wanted = json!({ "expiresIn": 60, "transform": { "width": 10, "resize": "contain" } });
    let signed = stage.post(&stage.service, "/object/sign/b/a.png", wanted).await;
    let url = signed.body["signedURL"].as_str().expect("an address").to_owned();
    assert!(url.starts_with("/render/image/sign/b/a.png?token="), "{url}");
    // The query cannot ask for more than was signed.
    let (small, bytes) = stage.rendered(&format!("{url}&width=80"), "*/*").await;
    assert_eq!((small.status().as_u16(), size(&bytes)), (200, (10, 5)));
    let odd = json!({ "expiresIn": 60, "transform": { "quality": 5 } });
    let odd = stage.post(&stage.service, "/object/sign/b/a.png", odd).await;
    assert_eq!(odd.body["message"], "body/transform/quality must be >= 20");
}

#[tokio::test]
async fn an_address_that_names_a_version_may_be_kept_for_ever() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    stage.put_picture("b/a.png", png(80, 40)).await;
    let version = stage.database.value("select version from storage.objects").await;
    let path = format!("/render/image/authenticated/b/a.png?width=40&versionId={version}");
    let (answer, _) = stage.rendered(&path, "*/*").await;
    assert_eq!(answer.headers()["cache-control"], "max-age=31536000, immutable");
}

#[tokio::test]
async fn what_cannot_be_rendered_is_refused_and_nothing_is_kept() {
    let stage = Stage::with(&["--storage-image-pixels", "10000"]).await;
    stage.bucket("b", json!({})).await;
    stage.put(&stage.service, "b/a.txt", "no picture").await;
    stage.put_picture("b/large.png", png(101, 100)).await;
    let get = async |path: &str| {
        let path = format!("/render/image/authenticated/b/{path}");
        let answer = stage.get(&stage.service, &path).await;
        assert_eq!(refusal(&answer), ("400", "InvalidRequest"), "{}", answer.text);
        answer.body["message"].as_str().unwrap_or_default().to_owned()
    };
    assert!(get("a.txt?width=10").await.contains("no image of a supported format"));
    assert!(get("large.png?width=10").await.contains("resolution"));
    assert_eq!(get("large.png?width=x").await, "querystring/width must be integer");
    assert_eq!(stage.derivatives().await, "0");
}

#[tokio::test]
async fn only_the_latest_of_many_are_kept() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    stage.put_picture("b/a.png", png(60, 60)).await;
    for width in 1..=34 {
        let path = format!("/render/image/authenticated/b/a.png?width={width}");
        assert_eq!(stage.rendered(&path, "*/*").await.0.status(), 200);
    }
    assert_eq!(stage.derivatives().await, "32");
}

#[tokio::test]
async fn rendering_can_be_turned_off() {
    let stage = Stage::with(&["--storage-images", "false"]).await;
    stage.bucket("b", json!({})).await;
    stage.put_picture("b/a.png", png(80, 40)).await;
    let off = stage.get(&stage.service, "/render/image/authenticated/b/a.png?width=40").await;
    assert_eq!(refusal(&off), ("409", "FeatureNotEnabled"));
}
