//! Frames as they go on the wire: made once, with their headers, and shared by all who get them.
//! Pure.

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

/// Of the first byte of a frame: what kind it is.
const OPCODE: u8 = 0x0f;

/// One or several WebSocket frames (RFC 6455, 5.2), one after the other. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frames {
    bytes: Bytes,
    count: usize,
}

impl Frames {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::one(Data::Text, text.as_bytes())
    }

    /// Bytes.
    pub fn binary(bytes: &[u8]) -> Self {
        Self::one(Data::Binary, bytes)
    }

    /// A goodbye.
    pub fn close(why: Option<CloseFrame>) -> Self {
        let frame = Frame::close(why);
        Self::framed(OpCode::Control(Control::Close), frame.payload())
    }

    /// A frame that has its header already, such as the answer to a ping.
    pub fn whole(bytes: &[u8]) -> Self {
        Self { bytes: Bytes::copy_from_slice(bytes), count: 1 }
    }

    /// Several that always go together: they cost a socket as much as one.
    pub fn together(all: &[Self]) -> Self {
        if let [one] = all {
            return one.clone();
        }
        let mut bytes = Vec::with_capacity(all.iter().map(Self::size_bytes).sum());
        for frames in all {
            bytes.extend_from_slice(&frames.bytes);
        }
        Self { bytes: bytes.into(), count: all.iter().map(|frames| frames.count).sum() }
    }

    fn one(kind: Data, payload: &[u8]) -> Self {
        Self::framed(OpCode::Data(kind), payload)
    }

    fn framed(opcode: OpCode, payload: &[u8]) -> Self {
        let header = FrameHeader { opcode, ..FrameHeader::default() };
        let length = payload.len() as u64;
        let mut bytes = Vec::with_capacity(header.len(length) + payload.len());
        // Nothing can fail where memory is written to.
        let _: Result<(), _> = header.format(length, &mut bytes);
        bytes.extend_from_slice(payload);
        Self { bytes: bytes.into(), count: 1 }
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Their length with their headers, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing may follow.
    pub fn is_close(&self) -> bool {
        self.bytes
            .first()
            .is_some_and(|first| first & OPCODE == u8::from(OpCode::Control(Control::Close)))
    }

    /// What goes on the wire.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The payload, when it is one text.
    #[cfg(test)]
    pub fn as_text(&self) -> Option<&str> {
        let mut at = std::io::Cursor::new(&self.bytes);
        let (header, length) = FrameHeader::parse(&mut at).ok()??;
        let payload = &self.bytes[usize::try_from(at.position()).ok()?..];
        let is_one = payload.len() as u64 == length && header.opcode == OpCode::Data(Data::Text);
        is_one.then(|| std::str::from_utf8(payload).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_room_that_they_need() {
        for (length, head) in [
            (0, &b"\x81\x00"[..]),
            (125, b"\x81\x7d"),
            (126, b"\x81\x7e\x00\x7e"),
            (65_535, b"\x81\x7e\xff\xff"),
            (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        ] {
            let text = "x".repeat(length);
            let frames = Frames::text(&text);
            assert_eq!(frames.as_text(), Some(&*text));
            assert!(frames.bytes.starts_with(head), "{length}");
            assert_eq!(frames.size_bytes(), head.len() + length);
        }
        assert_eq!(&Frames::binary(b"\xff").into_bytes()[..], b"\x82\x01\xff");
    }

    #[test]
    fn several_go_as_one() {
        let (a, b) = (Frames::text("a"), Frames::binary(b"b"));
        let both = Frames::together(&[a.clone(), b]);
        assert_eq!((both.count(), &both.clone().into_bytes()[..]), (2, &b"\x81\x01a\x82\x01b"[..]));
        assert_eq!(both.as_text(), None);
        assert_eq!(Frames::together(std::slice::from_ref(&a)), a);
    }

    #[test]
    fn goodbyes_are_known() {
        let why = CloseFrame { code: 1012.into(), reason: "later".into() };
        let close = Frames::close(Some(why));
        assert!(close.is_close() && !Frames::text("x").is_close());
        assert_eq!(&close.clone().into_bytes()[..], b"\x88\x07\x03\xf4later");
        assert!(Frames::whole(&close.into_bytes()).is_close());
        assert_eq!(&Frames::close(None).into_bytes()[..], b"\x88\x00");
    }
}
