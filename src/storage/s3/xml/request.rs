//! Bodies that S3 clients send. Pure.

use serde::Deserialize;

use super::super::checksum::Algorithm;
use super::super::error::Error;

/// The most parts an upload may have.
pub(in super::super) const MOST_PARTS: i32 = 10_000;

/// The most objects that one request deletes.
const MOST_DELETED: usize = 1000;

/// Which parts an upload is made of.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(in super::super) struct CompleteMultipartUpload {
    #[serde(rename = "Part", default)]
    pub parts: Vec<CompletedPart>,
}

/// A part, as whoever sent it remembers it.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct CompletedPart {
    pub part_number: i32,
    #[serde(rename = "ETag")]
    pub etag: String,
    #[serde(rename = "ChecksumCRC32")]
    pub crc32: Option<String>,
    #[serde(rename = "ChecksumCRC32C")]
    pub crc32c: Option<String>,
    #[serde(rename = "ChecksumCRC64NVME")]
    pub crc64: Option<String>,
    #[serde(rename = "ChecksumSHA1")]
    pub sha1: Option<String>,
    #[serde(rename = "ChecksumSHA256")]
    pub sha256: Option<String>,
}

impl CompletedPart {
    /// What is told of it, beside its ETag.
    pub(in super::super) fn checksum(&self, algorithm: Algorithm) -> Option<&str> {
        let told = match algorithm {
            Algorithm::Crc32 => &self.crc32,
            Algorithm::Crc32c => &self.crc32c,
            Algorithm::Crc64Nvme => &self.crc64,
            Algorithm::Sha1 => &self.sha1,
            Algorithm::Sha256 => &self.sha256,
        };
        told.as_deref()
    }
}

impl CompleteMultipartUpload {
    /// Reads the body, and sees that parts are in order.
    ///
    /// # Errors
    /// It does not read, holds no part or too many, or they are out of order.
    pub(in super::super) fn read(body: &[u8]) -> Result<Self, Error> {
        let asked: Self = super::read(body)?;
        if asked.parts.is_empty() {
            return Err(Error::BadXml);
        }
        if !asked.parts.iter().all(|part| (1..=MOST_PARTS).contains(&part.part_number)) {
            return Err(Error::InvalidPart);
        }
        let is_ordered = asked.parts.is_sorted_by(|one, next| one.part_number < next.part_number);
        if is_ordered { Ok(asked) } else { Err(Error::PartOrder) }
    }
}

/// Objects to be deleted.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(in super::super) struct Delete {
    #[serde(rename = "Object", default)]
    pub objects: Vec<Doomed>,
    /// Whether only failures are answered.
    #[serde(rename = "Quiet", default)]
    pub is_quiet: bool,
}

/// One of them.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Doomed {
    pub key: String,
    pub version_id: Option<String>,
}

impl Delete {
    /// Reads the body.
    ///
    /// # Errors
    /// It does not read, or names nothing or too much.
    pub(in super::super) fn read(body: &[u8]) -> Result<Self, Error> {
        let asked: Self = super::read(body)?;
        let is_known = (1..=MOST_DELETED).contains(&asked.objects.len());
        if is_known { Ok(asked) } else { Err(Error::BadXml) }
    }
}

/// Whether a bucket keeps versions.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename = "VersioningConfiguration", rename_all = "PascalCase")]
pub(in super::super) struct VersioningRequest {
    /// `Enabled` or `Suspended`.
    pub status: String,
}

impl VersioningRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// It does not read.
    pub(in super::super) fn read(body: &[u8]) -> Result<Self, Error> {
        super::read(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: i32) -> String {
        format!("<Part><PartNumber>{number}</PartNumber><ETag>\"e{number}\"</ETag></Part>")
    }

    fn complete(parts: &str) -> Result<CompleteMultipartUpload, Error> {
        let body = format!(
            "<?xml version=\"1.0\"?><CompleteMultipartUpload \
             xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}</CompleteMultipartUpload>"
        );
        CompleteMultipartUpload::read(body.as_bytes())
    }

    #[test]
    fn parts_are_read_with_what_is_told_of_them() {
        let asked = complete(
            "<Part><ETag>&quot;a1&quot;</ETag><PartNumber>3</PartNumber>\
             <ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>",
        );
        let asked = asked.expect("it reads");
        assert_eq!((asked.parts[0].part_number, &*asked.parts[0].etag), (3, "\"a1\""));
        assert_eq!(asked.parts[0].checksum(Algorithm::Crc32), Some("AAAAAA=="));
        assert_eq!(asked.parts[0].checksum(Algorithm::Sha1), None);
    }

    #[test]
    fn ten_thousand_parts_are_the_most() {
        let all: String = (1..=MOST_PARTS).map(part).collect();
        assert_eq!(complete(&all).map(|asked| asked.parts.len()), Ok(10_000));
        assert_eq!(complete(&part(10_001)), Err(Error::InvalidPart));
        assert_eq!(complete(&part(0)), Err(Error::InvalidPart));
        assert_eq!(complete(""), Err(Error::BadXml));
    }

    #[test]
    fn parts_come_in_order_and_once() {
        assert!(complete(&[part(1), part(3)].concat()).is_ok());
        assert_eq!(complete(&[part(3), part(1)].concat()), Err(Error::PartOrder));
        assert_eq!(complete(&[part(1), part(1)].concat()), Err(Error::PartOrder));
    }

    #[test]
    fn objects_to_delete_are_read() {
        let asked = Delete::read(
            b"<Delete><Object><Key>a&amp;b/&#x20AC;</Key></Object>\
              <Object><Key>c</Key><VersionId>v</VersionId></Object><Quiet>true</Quiet></Delete>",
        );
        let asked = asked.expect("it reads");
        assert!(asked.is_quiet);
        assert_eq!(asked.objects[0], Doomed { key: "a&b/\u{20ac}".into(), version_id: None });
        assert_eq!(asked.objects[1].version_id.as_deref(), Some("v"));
    }

    #[test]
    fn hostile_xml_is_refused() {
        let laughs = "<!DOCTYPE d [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
            <Delete><Object><Key>&b;</Key></Object></Delete>";
        let file = "<!DOCTYPE d [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>\
            <Delete><Object><Key>&f;</Key></Object></Delete>";
        let deep = format!("<Delete>{}", "<Object><a>".repeat(200_000));
        let deep_and_closed =
            format!("<Delete>{}{}</Delete>", "<a>".repeat(200_000), "</a>".repeat(200_000));
        let many = format!("<Delete>{}</Delete>", "<Object><Key>k</Key></Object>".repeat(1001));
        for body in [
            "",
            "{}",
            "<Delete>",
            "<Delete/>",
            "<Delete><Object/></Delete>",
            "<Delete><Object><Key>a</Key></Delete>",
            laughs,
            file,
            &deep,
            &deep_and_closed,
            &many,
        ] {
            assert_eq!(Delete::read(body.as_bytes()), Err(Error::BadXml));
        }
        assert_eq!(Delete::read(b"<Delete>\xff\xfe</Delete>"), Err(Error::BadXml));
    }
}
