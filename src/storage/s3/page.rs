//! Where the next page of a list begins, as one opaque word. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use super::error::Error;

/// What our words begin with, so that later ones can be told from these.
const VERSION: u8 = b'1';

/// The longest name of an object, in bytes; longer words are none of ours.
const LONGEST: usize = 4 * 10_000;

/// The word that goes on behind a key, or behind all keys that a common prefix stands for.
pub(super) fn write(last: &str) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(last.as_bytes());
    BASE64.encode(bytes)
}

/// What a word goes on behind.
///
/// # Errors
/// It is none of ours.
pub(super) fn read(word: &str) -> Result<String, Error> {
    const BAD: Error = Error::InvalidArgument("The continuation token provided is incorrect");
    if word.len() > LONGEST {
        return Err(BAD);
    }
    let mut bytes = BASE64.decode(word).map_err(|_| BAD)?;
    if bytes.first() != Some(&VERSION) {
        return Err(BAD);
    }
    bytes.remove(0);
    String::from_utf8(bytes).map_err(|_| BAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for last in ["", "a/b c.txt", "ünïcödé/😀/"] {
            assert_eq!(read(&write(last)).as_deref(), Ok(last));
        }
    }

    #[test]
    fn words_of_others_are_refused() {
        let other = BASE64.encode("2abc");
        let broken = BASE64.encode(b"1\xff");
        let long = write(&"x".repeat(LONGEST));
        for word in ["", "=", "not/ours", &other, &broken, &long] {
            assert!(matches!(read(word), Err(Error::InvalidArgument(_))), "{word}");
        }
    }
}
