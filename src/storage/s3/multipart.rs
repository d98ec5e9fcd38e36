//! Uploads in parts. Each part rests by itself until all are joined; what is never completed is
//! swept away.

use std::ops::Range;
use std::sync::OnceLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use http::header::ETAG;
use http::{HeaderMap, StatusCode};
use md5::{Digest, Md5};
use uuid::Uuid;

use super::super::store::bucket::{self, Bucket};
use super::super::store::multipart::{self, Claim, NewPart, Part, Upload};
use super::super::upload::{self, Leave, Watch, Wish, text};
use super::super::{Error as StorageError, mime, name};
use super::body::Incoming;
use super::checksum::{Algorithm, Checksum};
use super::error::Error;
use super::request::Call;
use super::xml::{
    self, CompleteMultipartUpload, Completed, CompletedPart, CopiedPart, Initiated, MOST_PARTS,
    Namespace, Parts, Uploads,
};
use super::{Refused, Work, object};
use crate::blob::{self, Etag, WriteError};

/// How long an upload may go on, in seconds: a week.
const LIFE_SECONDS: u32 = 604_800;

/// How long its bytes stay beyond that, for whoever completes it at the last moment.
const GRACE_SECONDS: u32 = 3600;

/// How long joining the parts may take, in seconds.
const JOIN_SECONDS: u32 = 86_400;

/// Most entries of a page.
const MOST: u32 = 1000;

/// POST /bucket/key?uploads
pub(super) async fn create(work: &Work<'_>) -> Result<Response, Refused> {
    let operation = "storage.s3.upload.create";
    let (storage, caller) = (work.storage, work.caller);
    let bucket = bucket::find(storage, caller, operation, &work.call.bucket).await?;
    let mut wish = object::wish(work, Wish::new(caller, &bucket, name::key(&work.call.key)?))?;
    wish.is_upsert = true;
    mime::check(bucket.allowed_mime_types.as_deref(), &wish.content_type)?;
    // Policies are asked now, so that nobody sends parts in vain, and again in the end.
    upload::attempt(storage, caller, operation, &wish).await?;
    let id = Uuid::new_v4();
    multipart::open(storage, caller, operation, (id, LIFE_SECONDS), &wish).await?;
    let answer = Initiated {
        xmlns: Namespace,
        bucket: bucket.id,
        key: wish.name,
        upload_id: id.to_string(),
    };
    Ok(xml::respond(StatusCode::OK, &answer))
}

/// The upload that a request names: of this object, and the caller's own.
async fn find(work: &Work<'_>, operation: &'static str) -> Result<Upload, Refused> {
    let named = work.call.parameter("uploadId").unwrap_or_default();
    let id = Uuid::try_parse(named).map_err(|_| Error::NoSuchUpload)?;
    let found = multipart::find(work.storage, work.caller, operation, id).await?;
    let upload = found.ok_or(Error::NoSuchUpload)?;
    let name = name::sought(&work.call.key)?;
    let is_own = upload.wish.owner.as_deref() == work.caller.owner().0 || work.caller.is_service();
    if is_own && upload.wish.bucket == work.call.bucket && upload.wish.name == name {
        Ok(upload)
    } else {
        Err(Error::NoSuchUpload.into())
    }
}

fn part_number(work: &Work<'_>) -> Result<i32, Error> {
    let number = work.call.parameter("partNumber").and_then(|number| number.parse().ok());
    number.filter(|number| (1..=MOST_PARTS).contains(number)).ok_or(Error::InvalidArgument(
        "Part number must be an integer between 1 and 10000, inclusive",
    ))
}

/// PUT /bucket/key?partNumber&uploadId
pub(super) async fn upload_part(work: &Work<'_>, body: Incoming<'_>) -> Result<Response, Refused> {
    let operation = "storage.s3.upload.part";
    let number = part_number(work)?;
    let upload = find(work, operation).await?;
    let bucket = bucket::find(work.storage, work.caller, operation, &work.call.bucket).await?;
    let (checksum, size) = (body.checksum(), body.size);
    if size.is_some_and(|size| size > work.storage.limit(&bucket)) {
        return Err(StorageError::TooLarge.into());
    }
    let place = (&upload, number, &bucket);
    let etag = take(work, operation, place, body.bytes(), Some(&checksum)).await?;
    let mut headers = HeaderMap::new();
    object::put_header(&mut headers, ETAG, &etag);
    object::note_checksum(&mut headers, checksum.get());
    Ok((StatusCode::OK, headers).into_response())
}

/// PUT /bucket/key?partNumber&uploadId with `x-amz-copy-source`
pub(super) async fn copy_part(work: &Work<'_>) -> Result<Response, Refused> {
    let operation = "storage.s3.upload.part_copy";
    let number = part_number(work)?;
    let upload = find(work, operation).await?;
    let bucket = bucket::find(work.storage, work.caller, operation, &work.call.bucket).await?;
    let (_, source) = object::source(work, operation).await?;
    let version = source.version.ok_or(StorageError::NoSuchKey)?;
    let size = work.storage.blobs.size(version).await?;
    let range = text(&work.parts.headers, "x-amz-copy-source-range");
    let range = range.map(|range| read_range(range, size)).transpose()?;
    let reading = work.storage.blobs.get(version, range).await?;
    let bytes = reading.bytes.map_err(Refused::from).boxed();
    let etag = take(work, operation, (&upload, number, &bucket), bytes, None).await?;
    let answer = CopiedPart { xmlns: Namespace, last_modified: object::moment(), etag };
    Ok(xml::respond(StatusCode::OK, &answer))
}

/// `bytes=0-9`, both ends given and within the source.
fn read_range(text: &str, size: u64) -> Result<Range<u64>, Error> {
    let (first, last) = text
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)))
        .ok_or(Error::InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last",
        ))?;
    if first <= last && last < size {
        Ok(first..last + 1)
    } else {
        Err(Error::InvalidArgument("Range specified is not valid for source object"))
    }
}

/// Writes a part, in place of one of its number; gives its ETag.
async fn take(
    work: &Work<'_>,
    operation: &'static str,
    (upload, number, bucket): (&Upload, i32, &Bucket),
    bytes: BoxStream<'_, Result<Bytes, Refused>>,
    checksum: Option<&OnceLock<Checksum>>,
) -> Result<String, Refused> {
    let (storage, caller) = (work.storage, work.caller);
    let version = Uuid::new_v4();
    let life = LIFE_SECONDS + GRACE_SECONDS;
    multipart::open_part(storage, caller, operation, (version, life)).await?;
    // On every way out but the last it is let go of.
    let watch = Watch::over(storage, version);
    let limit = storage.limit(bucket);
    let written = storage.blobs.put(version, bytes, limit, Etag::Md5).await?;
    let checksum = checksum
        .and_then(OnceLock::get)
        .map(|it| format!("{}:{}", it.algorithm.header(), it.value));
    let part = NewPart {
        number,
        version,
        size: written.size,
        etag: &written.tag,
        checksum: checksum.as_deref(),
    };
    if !multipart::put_part(storage, caller, operation, (upload.id, limit), &part).await? {
        return Err(Error::NoSuchUpload.into());
    }
    watch.end();
    Ok(format!("\"{}\"", written.tag))
}

/// POST /bucket/key?uploadId
pub(super) async fn complete(work: &Work<'_>, body: Vec<u8>) -> Result<Response, Refused> {
    let operation = "storage.s3.upload.complete";
    let (storage, caller) = (work.storage, work.caller);
    let asked = CompleteMultipartUpload::read(&body)?;
    let upload = find(work, operation).await?;
    let bucket = bucket::find(storage, caller, operation, &work.call.bucket).await?;
    let known = multipart::parts(storage, caller, operation, upload.id, (0, None)).await?;
    let parts = match choose(&asked.parts, &known) {
        Ok(parts) => parts,
        Err(error) => {
            // There are no parts any more where somebody else was faster.
            find(work, operation).await?;
            return Err(error.into());
        }
    };
    let etag = etag_of(&parts)?;
    join(work, operation, (&upload, &bucket), &parts, &etag).await?;
    multipart::forget(storage, caller, operation, upload.id).await?;
    let Wish { bucket, name: key, .. } = upload.wish;
    let location = format!("/{bucket}/{key}");
    let answer = Completed { xmlns: Namespace, location, bucket, key, etag };
    Ok(xml::respond(StatusCode::OK, &answer))
}

/// The parts that are asked for, as they are known.
fn choose<'a>(asked: &[CompletedPart], known: &'a [Part]) -> Result<Vec<&'a Part>, Error> {
    let mut chosen = Vec::with_capacity(asked.len());
    for wanted in asked {
        let place = known.binary_search_by_key(&wanted.part_number, |part| part.number);
        let part = place.ok().and_then(|place| known.get(place)).ok_or(Error::InvalidPart)?;
        let is_same = wanted.etag.trim().trim_matches('"') == part.etag;
        if !is_same || !told_right(wanted, part) {
            return Err(Error::InvalidPart);
        }
        chosen.push(part);
    }
    Ok(chosen)
}

/// Whether what is told of a part, beside its ETag, is what was checked when it came.
fn told_right(wanted: &CompletedPart, part: &Part) -> bool {
    let Some((name, value)) = part.checksum.as_deref().and_then(|it| it.split_once(':')) else {
        return true;
    };
    let algorithm = Algorithm::of_header(name);
    algorithm.and_then(|it| wanted.checksum(it)).is_none_or(|told| told == value)
}

/// The digest of the parts' digests, and how many they are.
fn etag_of(parts: &[&Part]) -> Result<String, Error> {
    let mut digests = Md5::new();
    for part in parts {
        digests.update(hex::decode(&part.etag).map_err(|_| Error::InvalidPart)?);
    }
    Ok(format!("\"{}-{}\"", hex::encode(digests.finalize()), parts.len()))
}

/// Joins the parts and keeps the whole. Of several who do so at once, one succeeds.
async fn join(
    work: &Work<'_>,
    operation: &'static str,
    (upload, bucket): (&Upload, &Bucket),
    parts: &[&Part],
    etag: &str,
) -> Result<(), Refused> {
    let (storage, caller) = (work.storage, work.caller);
    let mut wish = upload.wish.clone();
    wish.size = u64::try_from(parts.iter().map(|part| part.size).sum::<i64>()).ok();
    let wish = (wish, Leave::Policies);
    let reserved = upload::begin(storage, caller, operation, bucket, wish, JOIN_SECONDS).await?;
    let version = reserved.version;
    let pieces: Vec<Uuid> = parts.iter().map(|part| part.version).collect();
    let watch = Watch::over(storage, version);
    let written = storage.blobs.join(&pieces, version, reserved.limit).await;
    let written = written.map_err(|error| match error {
        // Somebody else was faster, or gave it up.
        WriteError::Source(blob::Error::Missing) => Error::NoSuchUpload.into(),
        error => Refused::from(error),
    })?;
    match multipart::claim(storage, caller, operation, upload.id, version).await? {
        Claim::Ours => {}
        Claim::Done => return Ok(()),
        Claim::Busy => return Err(Error::Busy.into()),
        Claim::Missing => return Err(Error::NoSuchUpload.into()),
    }
    let etag = Some(etag.to_owned());
    upload::finish(storage, caller, operation, reserved, (&written, etag)).await?;
    watch.end();
    Ok(())
}

/// DELETE /bucket/key?uploadId
pub(super) async fn abort(work: &Work<'_>) -> Result<Response, Refused> {
    let operation = "storage.s3.upload.abort";
    let upload = find(work, operation).await?;
    multipart::forget(work.storage, work.caller, operation, upload.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// GET /bucket/key?uploadId
pub(super) async fn list_parts(work: &Work<'_>) -> Result<Response, Refused> {
    let operation = "storage.s3.upload.list_parts";
    let max_parts = work.call.number("max-parts", MOST)?;
    let marker = work.call.number("part-number-marker", u32::MAX)?;
    let is_marked = work.call.parameter("part-number-marker").is_some_and(|it| !it.is_empty());
    let marker = if is_marked { i32::try_from(marker).unwrap_or(i32::MAX) } else { 0 };
    let upload = find(work, operation).await?;
    let page = (marker, Some(max_parts.saturating_add(1)));
    let mut found = multipart::parts(work.storage, work.caller, operation, upload.id, page).await?;
    let most = usize::try_from(max_parts).unwrap_or(usize::MAX);
    let is_truncated = found.len() > most;
    found.truncate(most);
    let answer = Parts {
        bucket: upload.wish.bucket,
        key: upload.wish.name,
        upload_id: upload.id.to_string(),
        part_number_marker: marker,
        next_part_number_marker: found.last().filter(|_| is_truncated).map(|last| last.number),
        max_parts,
        is_truncated,
        parts: found
            .into_iter()
            .map(|part| xml::Part {
                part_number: part.number,
                last_modified: part.created_at,
                etag: format!("\"{}\"", part.etag),
                size: part.size,
            })
            .collect(),
        storage_class: "STANDARD",
        ..Parts::default()
    };
    Ok(xml::respond(StatusCode::OK, &answer))
}

/// GET /bucket?uploads: the caller's own, or all of them for servers.
pub(super) async fn list_uploads(work: &Work<'_>) -> Result<Response, Refused> {
    let operation = "storage.s3.upload.list";
    let call = work.call;
    let page = uploads_page(call)?;
    bucket::find(work.storage, work.caller, operation, &call.bucket).await?;
    let mut found = multipart::list(work.storage, work.caller, operation, &page).await?;
    let max_uploads = page.limit - 1;
    let most = usize::try_from(max_uploads).unwrap_or(usize::MAX);
    let is_truncated = found.len() > most;
    found.truncate(most);
    let encoding_type = (call.parameter("encoding-type") == Some("url")).then_some("url");
    let shown = |text: &str| xml::name(text, encoding_type.is_some());
    let last = found.last().filter(|_| is_truncated);
    let answer = Uploads {
        bucket: call.bucket.clone(),
        key_marker: shown(page.key_marker),
        upload_id_marker: page.id_marker.to_owned(),
        next_key_marker: last.map(|last| shown(&last.key)),
        next_upload_id_marker: last.map(|last| last.id.clone()),
        prefix: shown(page.prefix),
        encoding_type,
        max_uploads,
        is_truncated,
        uploads: found
            .iter()
            .map(|upload| xml::Upload {
                key: shown(&upload.key),
                upload_id: upload.id.clone(),
                initiated: upload.created_at.clone(),
                storage_class: "STANDARD",
            })
            .collect(),
        ..Uploads::default()
    };
    Ok(xml::respond(StatusCode::OK, &answer))
}

/// Which uploads a query asks for, and one more to see whether there is another page.
fn uploads_page(call: &Call) -> Result<multipart::Page<'_>, Error> {
    let said = |name: &str| call.parameter(name).unwrap_or_default();
    if !said("delimiter").is_empty() {
        return Err(Error::NotImplemented);
    }
    let texts = ["prefix", "key-marker", "upload-id-marker"].map(said);
    if texts.iter().any(|text| text.contains('\0')) {
        return Err(Error::InvalidArgument("A part of the query is no text."));
    }
    let [prefix, key_marker, id_marker] = texts;
    let limit = call.number("max-uploads", MOST)? + 1;
    Ok(multipart::Page { bucket: &call.bucket, prefix, key_marker, id_marker, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(number: i32, etag: &str) -> Part {
        let checksum = Some("x-amz-checksum-crc32:AAAAAA==".to_owned());
        let created_at = String::new();
        Part { number, version: Uuid::nil(), size: 1, etag: etag.into(), checksum, created_at }
    }

    fn asked(xml: &str) -> Vec<CompletedPart> {
        let body = format!("<CompleteMultipartUpload>{xml}</CompleteMultipartUpload>");
        CompleteMultipartUpload::read(body.as_bytes()).expect("it reads").parts
    }

    #[test]
    fn parts_are_those_that_were_sent() {
        let known = [known(1, "aa"), known(3, "cc")];
        let part = |number: i32, more: &str| {
            asked(&format!("<Part><PartNumber>{number}</PartNumber>{more}</Part>"))
        };
        assert!(choose(&part(3, "<ETag>\"cc\"</ETag>"), &known).is_ok());
        assert!(
            choose(&part(3, "<ETag>cc</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32>"), &known)
                .is_ok()
        );
        for (number, more) in [
            (2, "<ETag>cc</ETag>"),
            (3, "<ETag>aa</ETag>"),
            (3, "<ETag>cc</ETag><ChecksumCRC32>BBBBBB==</ChecksumCRC32>"),
        ] {
            assert_eq!(
                choose(&part(number, more), &known).err(),
                Some(Error::InvalidPart),
                "{more}"
            );
        }
    }

    #[test]
    fn ranges_of_copies_lie_within_the_source() {
        assert_eq!(read_range("bytes=0-4", 5), Ok(0..5));
        for odd in ["bytes=0-5", "bytes=3-2", "bytes=-1", "bytes=1-", "0-1", "bytes=a-b"] {
            assert!(read_range(odd, 5).is_err(), "{odd}");
        }
    }
}
