//! What a file says it is, what its first bytes say, and what its bucket takes.

use super::Error;

/// The type of what nobody has said anything about.
pub(super) const UNKNOWN: &str = "application/octet-stream";

/// Longest type, in bytes.
const MAX_LENGTH: usize = 255;

/// Spellings of one and the same kind of file, or of containers that first bytes do not tell apart.
const FAMILIES: &[&[&str]] = &[
    &["jpeg", "jpg", "pjpeg"],
    &["mpeg", "mp3", "mpeg3", "x-mpeg", "mpga"],
    &["mp4", "m4a", "x-m4a", "x-m4v", "m4v", "quicktime", "3gpp", "aac"],
    &["webm", "x-matroska"],
    &["ogg", "opus", "vorbis"],
    &["wav", "x-wav", "wave", "vnd.wave"],
    &["x-icon", "vnd.microsoft.icon", "ico"],
    &["zip", "x-zip-compressed", "epub+zip", "java-archive", "vnd.android.package-archive"],
    &["gzip", "x-gzip", "x-tgz"],
    &["bmp", "x-ms-bmp"],
    &["tiff", "tif"],
    &["x-ole-storage", "msword", "vnd.ms-excel", "vnd.ms-powerpoint"],
];

/// Kinds of files that always begin with the same bytes, so that the lack of these is a lie.
const TELLING: &[&str] = &["png", "jpeg", "gif", "webp", "pdf"];

/// Whether this can be a type that a bucket allows: `type/sub` or `type/*`.
pub(super) fn is_pattern(pattern: &str) -> bool {
    let is_token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|c| c.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&c))
    };
    pattern
        .split_once('/')
        .is_some_and(|(kind, sub)| (is_token(kind) || kind == "*") && (is_token(sub) || sub == "*"))
}

/// The declared type, without its parameters where they are of no use.
///
/// # Errors
/// It is none.
pub(super) fn declared(value: Option<&str>) -> Result<String, Error> {
    let value = value.map(str::trim).filter(|value| !value.is_empty()).unwrap_or(UNKNOWN);
    let is_printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if value.len() > MAX_LENGTH || !is_printable || !value.contains('/') {
        let shown: String = value.chars().filter(|c| !c.is_control()).take(64).collect();
        return Err(refused(&shown));
    }
    Ok(value.to_owned())
}

/// Checks what is said against what a bucket takes.
///
/// # Errors
/// The bucket does not take it.
pub(super) fn check(allowed: Option<&[String]>, declared: &str) -> Result<(), Error> {
    match allowed {
        Some(allowed) if !allowed.is_empty() && !is_allowed(allowed, declared) => {
            Err(refused(declared))
        }
        _ => Ok(()),
    }
}

/// What the first bytes of a file say it is, if they say anything.
pub(super) fn sniff(head: &[u8]) -> Option<&'static str> {
    infer::get(head).map(|kind| kind.mime_type())
}

/// Checks what a file is against what it was said to be, where a bucket does not take everything.
///
/// # Errors
/// It is something that the bucket does not take.
pub(super) fn check_sniffed(
    allowed: Option<&[String]>,
    declared: &str,
    sniffed: Option<&str>,
) -> Result<(), Error> {
    let Some(allowed) = allowed.filter(|allowed| !allowed.is_empty()) else { return Ok(()) };
    if allowed.iter().any(|pattern| pattern == "*/*") {
        return Ok(());
    }
    match sniffed {
        Some(sniffed) if is_same(declared, sniffed) => Ok(()),
        // A lie that does no harm would make one that does harder to see.
        Some(sniffed) if is_plain(declared) || !is_allowed(allowed, sniffed) => {
            Err(refused(sniffed))
        }
        Some(sniffed) if TELLING.contains(&family(declared)) => Err(refused(sniffed)),
        None if TELLING.contains(&family(declared)) => Err(refused(UNKNOWN)),
        _ => Ok(()),
    }
}

/// Text has no first bytes of its own, so whatever has some is none.
fn is_plain(declared: &str) -> bool {
    essence(declared) == "text/plain"
}

fn is_same(declared: &str, sniffed: &str) -> bool {
    let (declared, sniffed) = (essence(declared), essence(sniffed));
    let is_text = declared.starts_with("text/") && sniffed.starts_with("text/");
    let is_zipped = family(sniffed) == "zip"
        && (declared.ends_with("+zip")
            || declared.contains("openxmlformats")
            || declared.contains("opendocument"));
    declared == sniffed || is_text || is_zipped || family(declared) == family(sniffed)
}

/// One word for all of a family.
fn family(kind: &str) -> &str {
    let sub = essence(kind).split_once('/').map_or("", |(_, sub)| sub);
    FAMILIES.iter().find(|family| family.contains(&sub)).map_or(sub, |family| family[0])
}

fn is_allowed(allowed: &[String], kind: &str) -> bool {
    let kind = essence(kind).to_ascii_lowercase();
    allowed.iter().any(|pattern| {
        let pattern = essence(pattern).to_ascii_lowercase();
        match pattern.strip_suffix("/*") {
            Some("*") => true,
            Some(top) => kind.split_once('/').is_some_and(|(kind, _)| kind == top),
            None => pattern == kind,
        }
    })
}

/// A type without its parameters.
fn essence(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim()
}

fn refused(kind: &str) -> Error {
    Error::MimeType(format!("mime type {} is not supported", essence(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const EXE: &[u8] = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0";

    fn judge(allowed: &[&str], declared: &str, head: &[u8]) -> bool {
        let allowed: Vec<String> = allowed.iter().map(|&kind| kind.to_owned()).collect();
        check(Some(&allowed), declared).is_ok()
            && check_sniffed(Some(&allowed), declared, sniff(head)).is_ok()
    }

    #[test]
    fn a_file_must_be_what_it_says() {
        assert!(judge(&["image/*"], "image/png", PNG));
        assert!(!judge(&["image/*"], "image/png", EXE));
        assert!(!judge(&["image/*"], "image/png", b"just text"));
        assert!(!judge(&["image/*"], "application/x-msdownload", PNG));
        assert!(!judge(&["text/*"], "text/plain", EXE));
        assert!(judge(&["text/*"], "text/plain", b"hello"));
        assert!(judge(&["*/*"], "image/png", EXE));
        assert!(judge(&["audio/webm"], "audio/webm;codecs=opus", b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm"));
    }

    #[test]
    fn a_bucket_takes_what_it_says() {
        let allowed = ["image/*".to_owned(), "text/plain".to_owned()];
        assert!(check(Some(&allowed), "image/avif").is_ok());
        assert!(check(Some(&allowed), "Text/Plain; charset=utf-8").is_ok());
        assert!(check(Some(&allowed), "text/html").is_err());
        assert!(check(Some(&[]), "text/html").is_ok());
        assert!(check(None, "text/html").is_ok());
        assert!(is_pattern("image/svg+xml") && is_pattern("image/*"));
        assert!(!is_pattern("nope") && !is_pattern("a/b/c") && !is_pattern("/x"));
    }
}
