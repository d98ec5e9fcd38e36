//! The frames of `aws-chunked` bodies, signed or not, with or without trailers. Pure: bytes in,
//! pieces out, no more held than one line.

use bytes::{Buf, Bytes, BytesMut};
use sha2::{Digest, Sha256};

use super::error::Error;
use super::signature::Verified;
use super::signing::{SigningKey, digest};

/// The longest first line of a chunk: its size, and a signature.
const LINE_LIMIT: usize = 256;

/// The longest line behind the last chunk.
const TRAILER_LIMIT: usize = 4096;

/// More lines than there are checksums, and their signature.
const MOST_TRAILERS: usize = 8;

/// Signatures that go on from one to the next, beginning with that of the request.
struct Chain {
    key: SigningKey,
    /// Between the name of the algorithm and the signature before.
    middle: String,
    last: String,
}

impl Chain {
    fn check_chunk(&mut self, data: &str, signature: &str) -> Result<(), Error> {
        let nothing = digest(b"");
        let text =
            format!("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{nothing}\n{data}", self.middle, self.last);
        self.check(&text, signature)
    }

    fn check_trailer(&mut self, lines: &[(String, String)], signature: &str) -> Result<(), Error> {
        let lines = lines
            .iter()
            .fold(String::new(), |lines, (name, value)| lines + name + ":" + value + "\n");
        let lines = digest(lines.as_bytes());
        let text = format!("AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{lines}", self.middle, self.last);
        self.check(&text, signature)
    }

    fn check(&mut self, text: &str, signature: &str) -> Result<(), Error> {
        if !self.key.verify(text, signature) {
            return Err(Error::SignatureMismatch);
        }
        signature.clone_into(&mut self.last);
        Ok(())
    }
}

enum State {
    /// Before the first line of a chunk.
    Size,
    Data {
        left: u64,
        /// What the first line says it is signed with.
        signature: String,
        is_last: bool,
    },
    /// Before the end of line behind a chunk.
    DataEnd {
        is_last: bool,
    },
    Trailers,
    Done,
}

/// What the decoder came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A piece of the body. It counts only once the whole body was decoded.
    Data(Bytes),
    /// Nothing can be said before more comes.
    More,
    /// The body is over.
    Done,
}

/// Takes the frames off a body.
pub(super) struct Decoder {
    state: State,
    /// None when chunks are not signed.
    chain: Option<Chain>,
    /// Of the chunk that passes.
    chunk: Sha256,
    has_trailer: bool,
    /// Bytes that may still come, by `x-amz-decoded-content-length`.
    left: Option<u64>,
    trailers: Vec<(String, String)>,
}

impl Decoder {
    /// Decodes a body of `length` bytes, if that is known; signatures, if there are, go on from
    /// that of the request.
    pub(super) fn new(signed: Option<Verified>, has_trailer: bool, length: Option<u64>) -> Self {
        let chain = signed.map(|head| Chain {
            key: head.key,
            middle: format!("{}\n{}", head.instant, head.scope.text()),
            last: head.signature,
        });
        let (state, chunk, trailers) = (State::Size, Sha256::new(), Vec::new());
        Self { state, chain, chunk, has_trailer, left: length, trailers }
    }

    /// The lines behind the body, names in lower case; their signature was checked.
    pub(super) fn into_trailers(self) -> Vec<(String, String)> {
        self.trailers
    }

    /// Goes on with what has come, taking from it what was understood.
    ///
    /// # Errors
    /// The frames do not read, a signature is wrong, or there is more or less than was announced.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Step, Error> {
        loop {
            match &mut self.state {
                State::Size => match take_line(input, LINE_LIMIT)? {
                    None => return Ok(Step::More),
                    Some(line) => self.begin_chunk(&line)?,
                },
                State::Data { left: 0, .. } => self.end_chunk()?,
                State::Data { left, .. } => {
                    if input.is_empty() {
                        return Ok(Step::More);
                    }
                    let most = usize::try_from(*left).unwrap_or(usize::MAX);
                    let piece = input.split_to(most.min(input.len())).freeze();
                    *left -= u64::try_from(piece.len()).unwrap_or(*left);
                    if self.chain.is_some() {
                        self.chunk.update(&piece);
                    }
                    return Ok(Step::Data(piece));
                }
                State::DataEnd { is_last } => {
                    if input.len() < 2 {
                        return Ok(Step::More);
                    }
                    if !input.starts_with(b"\r\n") {
                        return Err(Error::BadChunk("A chunk is longer than it says."));
                    }
                    input.advance(2);
                    self.state = if *is_last { State::Done } else { State::Size };
                }
                State::Trailers => match take_line(input, TRAILER_LIMIT)? {
                    None => return Ok(Step::More),
                    Some(line) if line.is_empty() => self.end_trailers()?,
                    Some(line) => self.read_trailer(&line)?,
                },
                State::Done => return self.end(input),
            }
        }
    }

    fn begin_chunk(&mut self, line: &str) -> Result<(), Error> {
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let is_hex = (1..=16).contains(&size.len()) && size.bytes().all(|b| b.is_ascii_hexdigit());
        let size = u64::from_str_radix(size, 16).ok().filter(|_| is_hex);
        let size = size.ok_or(Error::BadChunk("The size of a chunk does not read."))?;
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(size).ok_or(Error::ChunkTooLarge)?;
        }
        let signature = extension.trim().strip_prefix("chunk-signature=").unwrap_or_default();
        if self.chain.is_some() && signature.is_empty() {
            return Err(Error::BadChunk("A chunk is not signed."));
        }
        let signature = signature.to_owned();
        self.state = State::Data { left: size, signature, is_last: size == 0 };
        Ok(())
    }

    /// All of a chunk has passed.
    fn end_chunk(&mut self) -> Result<(), Error> {
        let State::Data { signature, is_last, .. } = &self.state else { return Ok(()) };
        let is_last = *is_last;
        if let Some(chain) = &mut self.chain {
            let data = hex::encode(self.chunk.finalize_reset());
            chain.check_chunk(&data, signature)?;
        }
        self.state =
            if is_last && self.has_trailer { State::Trailers } else { State::DataEnd { is_last } };
        Ok(())
    }

    fn read_trailer(&mut self, line: &str) -> Result<(), Error> {
        let (name, value) = line.split_once(':').ok_or(Error::BadTrailer)?;
        if self.trailers.len() == MOST_TRAILERS {
            return Err(Error::BadTrailer);
        }
        self.trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        Ok(())
    }

    fn end_trailers(&mut self) -> Result<(), Error> {
        let is_signature = |(name, _): &(String, String)| name == "x-amz-trailer-signature";
        let signature = match self.trailers.iter().position(is_signature) {
            Some(place) => Some(self.trailers.remove(place).1),
            None => None,
        };
        if let Some(chain) = &mut self.chain {
            chain.check_trailer(&self.trailers, &signature.ok_or(Error::BadTrailer)?)?;
        }
        self.state = State::Done;
        Ok(())
    }

    fn end(&self, input: &BytesMut) -> Result<Step, Error> {
        if !input.is_empty() {
            return Err(Error::BadChunk("Something follows the last chunk."));
        }
        match self.left {
            None | Some(0) => Ok(Step::Done),
            Some(_) => Err(Error::Incomplete),
        }
    }
}

/// The next line without its end, once it is there.
fn take_line(input: &mut BytesMut, limit: usize) -> Result<Option<String>, Error> {
    let Some(end) = input.iter().take(limit).position(|byte| *byte == b'\n') else {
        return if input.len() < limit {
            Ok(None)
        } else {
            Err(Error::BadChunk("A line of the frames is too long."))
        };
    };
    let line = input.split_to(end + 1);
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = std::str::from_utf8(line).map_err(|_| Error::BadChunk("The frames are no text."))?;
    Ok(Some(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::signing::Scope;
    use super::*;

    // Keys, chunks and signatures are those of AWS's own documentation.
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn head(signature: &str) -> Verified {
        let scope = Scope { date: "20130524".into(), region: "us-east-1".into() };
        let (instant, signature) = ("20130524T000000Z".into(), signature.into());
        Verified { key: scope.key(SECRET), instant, scope, signature }
    }

    /// Decodes a body that comes in pieces of this size.
    fn decode(
        mut decoder: Decoder,
        body: &[u8],
        piece: usize,
    ) -> Result<(Vec<u8>, Decoder), Error> {
        let mut input = BytesMut::new();
        let mut pieces = body.chunks(piece);
        let mut decoded = Vec::new();
        loop {
            match decoder.next(&mut input)? {
                Step::Data(data) => decoded.extend_from_slice(&data),
                Step::Done if pieces.len() == 0 => return Ok((decoded, decoder)),
                Step::More | Step::Done => match pieces.next() {
                    Some(piece) => input.extend_from_slice(piece),
                    None => return Err(Error::Incomplete),
                },
            }
            assert!(input.len() <= TRAILER_LIMIT + piece, "no more is held than a line");
        }
    }

    fn signed(chunks: &[(usize, &str)], end: &str) -> Vec<u8> {
        let mut body = Vec::new();
        for (size, signature) in chunks {
            body.extend(format!("{size:x};chunk-signature={signature}\r\n").bytes());
            body.extend(std::iter::repeat_n(b'a', *size));
            if *size > 0 {
                body.extend(b"\r\n");
            }
        }
        body.extend(end.bytes());
        body
    }

    const SEED: &str = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    const CHUNKS: [(usize, &str); 3] = [
        (65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ];

    fn plain(body: &[u8], length: Option<u64>) -> Result<Vec<u8>, Error> {
        decode(Decoder::new(None, true, length), body, 7).map(|(decoded, _)| decoded)
    }

    #[test]
    fn signed_chunks_give_the_body_however_they_are_cut() {
        let body = signed(&CHUNKS, "\r\n");
        assert_eq!(body.len(), 66824, "as the documentation counts");
        for piece in [1, 100, 66_824] {
            let decoder = Decoder::new(Some(head(SEED)), false, Some(66560));
            let (decoded, _) = decode(decoder, &body, piece).expect("it decodes");
            assert_eq!(decoded, vec![b'a'; 66560]);
        }
    }

    const TRAILED_SEED: &str = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
    const TRAILED: [(usize, &str); 3] = [
        (65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"),
        (1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"),
        (0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"),
    ];
    const TRAILER: &str = "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:\
        d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";

    #[test]
    fn signed_trailers_are_given() {
        let decoder = Decoder::new(Some(head(TRAILED_SEED)), true, Some(66560));
        let (decoded, decoder) =
            decode(decoder, &signed(&TRAILED, TRAILER), 1000).expect("it decodes");
        assert_eq!(decoded.len(), 66560);
        let trailers = decoder.into_trailers();
        assert_eq!(trailers, [("x-amz-checksum-crc32c".into(), "sOO8/Q==".into())]);
    }

    #[test]
    fn a_changed_byte_size_signature_or_trailer_is_seen() {
        let refused = |seed: &str, has_trailer, body: &[u8]| {
            decode(Decoder::new(Some(head(seed)), has_trailer, None), body, 999).err()
        };
        let mut changed = signed(&CHUNKS, "\r\n");
        changed[1000] = b'b';
        assert_eq!(refused(SEED, false, &changed), Some(Error::SignatureMismatch));
        let whole = signed(&CHUNKS, "\r\n");
        assert_eq!(refused(TRAILED_SEED, false, &whole), Some(Error::SignatureMismatch));
        let dropped = signed(&[CHUNKS[0], CHUNKS[2]], "\r\n");
        assert_eq!(refused(SEED, false, &dropped), Some(Error::SignatureMismatch));
        let other = TRAILER.replace("sOO8", "sOO9");
        let other = signed(&TRAILED, &other);
        assert_eq!(refused(TRAILED_SEED, true, &other), Some(Error::SignatureMismatch));
        let unsigned = signed(&TRAILED, "x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n");
        assert_eq!(refused(TRAILED_SEED, true, &unsigned), Some(Error::BadTrailer));
        let bare = b"4\r\naaaa\r\n0\r\n\r\n";
        assert!(matches!(refused(SEED, false, bare), Some(Error::BadChunk(_))));
    }

    #[test]
    fn unsigned_chunks_have_trailers_too() {
        let body = b"4\r\nWiki\r\n5\r\npedia\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        let decoder = Decoder::new(None, true, Some(9));
        let (decoded, decoder) = decode(decoder, body, 3).expect("it decodes");
        assert_eq!(decoded, b"Wikipedia");
        let trailers = decoder.into_trailers();
        assert_eq!(trailers, [("x-amz-checksum-crc32".into(), "AAAAAA==".into())]);
    }

    #[test]
    fn announced_lengths_hold() {
        let body = b"4\r\nWiki\r\n0\r\n\r\n";
        assert_eq!(plain(body, Some(4)).as_deref(), Ok(&b"Wiki"[..]));
        assert_eq!(plain(body, None).as_deref(), Ok(&b"Wiki"[..]));
        assert_eq!(plain(body, Some(3)), Err(Error::ChunkTooLarge));
        assert_eq!(plain(body, Some(5)), Err(Error::Incomplete));
        assert_eq!(plain(b"4\r\nWiki\r\n", Some(4)), Err(Error::Incomplete));
    }

    #[test]
    fn frames_that_do_not_read_are_refused() {
        let endless = [b"0\r\n".to_vec(), vec![b'x'; 2 * TRAILER_LIMIT]].concat();
        let many = [b"0\r\n".to_vec(), b"a:b\r\n".repeat(MOST_TRAILERS + 1)].concat();
        let bodies: [&[u8]; 9] = [
            b"\r\n",
            b"+4\r\nWiki\r\n",
            b"-1\r\n",
            b"fffffffffffffffff\r\n",
            b"4\r\nWikipedia\r\n0\r\n\r\n",
            b"0\r\nno colon\r\n\r\n",
            b"0\r\n\r\nmore",
            &endless,
            &many,
        ];
        for body in bodies {
            let refused = plain(body, None);
            assert!(matches!(refused, Err(Error::BadChunk(_) | Error::BadTrailer)), "{refused:?}");
        }
        assert!(plain(&[b'1'; LINE_LIMIT], None).is_err());
    }
}
