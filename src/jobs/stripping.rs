//! What cameras and programs note in pictures is taken out: places, times, names, thumbnails of
//! what was cut off. The picture itself stays as it is, byte for byte. Pure.

use bytes::Bytes;
use image::metadata::Orientation;
use img_parts::jpeg::{Jpeg, markers};
use img_parts::png::Png;
use img_parts::webp::WebP;
use img_parts::{DynImage, ImageEXIF};

/// What a picture is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    /// As it is shown, turned as the camera was held.
    pub width: u32,
    pub height: u32,
    /// The same picture without what was noted in it.
    pub bare: Bytes,
}

/// Chunks of a PNG that say how it looks.
const PNG_CHUNKS: [&[u8; 4]; 17] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB",
    b"cICP", b"bKGD", b"hIST", b"pHYs", b"acTL", b"fcTL", b"fdAT",
];

/// The same of a WebP.
const WEBP_CHUNKS: [&[u8; 4]; 7] = [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];

/// Looks at a JPEG, PNG or WebP; nothing where it is none, or broken.
pub(super) fn strip(bytes: Bytes) -> Option<Picture> {
    let mut image = DynImage::from_bytes(bytes).ok()??;
    let exif = image.exif();
    let orientation = exif.and_then(|exif| Orientation::from_exif_chunk(&exif));
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    let (width, height) = match &mut image {
        DynImage::Jpeg(jpeg) => {
            jpeg.segments_mut().retain(|segment| looks(segment.marker(), segment.contents()));
            let (width, height) = jpeg.dimensions()?;
            (width.into(), height.into())
        }
        DynImage::Png(png) => {
            png.chunks_mut().retain(|chunk| PNG_CHUNKS.contains(&&chunk.kind()));
            png.dimensions()?
        }
        DynImage::WebP(webp) => {
            webp.chunks_mut().retain(|chunk| WEBP_CHUNKS.contains(&&chunk.id()));
            webp.dimensions()?
        }
    };
    image.set_exif((orientation != Orientation::NoTransforms).then(|| turned(orientation)));
    let bare = match image {
        DynImage::Jpeg(jpeg) => cut(jpeg)?,
        DynImage::Png(png) => Png::encoder(png).bytes(),
        DynImage::WebP(webp) => WebP::encoder(webp).bytes(),
    };
    let is_on_its_side = matches!(orientation.to_exif(), 5..=8);
    let (width, height) = if is_on_its_side { (height, width) } else { (width, height) };
    Some(Picture { width, height, bare })
}

/// Whether a segment of a JPEG says how it looks: no application's but of colours, and no comment.
fn looks(marker: u8, contents: &[u8]) -> bool {
    match marker {
        markers::APP0 => contents.starts_with(b"JFIF\0"),
        markers::APP2 => contents.starts_with(b"ICC_PROFILE\0"),
        markers::APP14 => contents.starts_with(b"Adobe"),
        markers::APP1..=markers::APP15 | markers::COM => false,
        _ => true,
    }
}

/// An EXIF that says how a picture is turned, and nothing else.
fn turned(orientation: Orientation) -> Bytes {
    let entry = [0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation.to_exif(), 0, 0, 0];
    [&b"II*\0\x08\0\0\0\x01\0"[..], &entry, &[0; 4]].concat().into()
}

/// The bytes of a JPEG up to its end: behind that cameras keep films and further pictures.
fn cut(jpeg: Jpeg) -> Option<Bytes> {
    let last = jpeg.segments().last()?;
    let (with, without) = (last.len_with_entropy(), last.len());
    let whole = jpeg.encoder().bytes();
    let mut kept = Vec::with_capacity(whole.len());
    let mut at = whole.len().checked_sub(with.checked_sub(without)?)?;
    kept.extend_from_slice(&whole[..at]);
    loop {
        let from = at;
        // Up to the next mark that is no part of the data.
        let marker = loop {
            at += whole.get(at..)?.iter().position(|byte| *byte == markers::P)?;
            match *whole.get(at + 1)? {
                0x00 | 0xD0..=0xD7 => at += 2,
                markers::P => at += 1,
                marker => break marker,
            }
        };
        kept.extend_from_slice(&whole[from..at]);
        if marker == markers::EOI {
            kept.extend_from_slice(&[markers::P, markers::EOI]);
            return Some(kept.into());
        }
        let length = whole.get(at + 2..at + 4)?;
        let end = at + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
        let segment = whole.get(at..end)?;
        if looks(marker, segment.get(4..)?) {
            kept.extend_from_slice(segment);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, RgbImage};

    use super::*;

    /// What a camera writes: turned to the right, at 48 degrees north, and who took it.
    fn exif() -> Vec<u8> {
        let mut exif = turned(Orientation::Rotate90).to_vec();
        exif.extend_from_slice(b"GPSLatitude 48 12 30 N, Artist Ana");
        exif
    }

    fn picture(format: ImageFormat) -> Bytes {
        let picture = RgbImage::from_fn(40, 20, |x, y| {
            let [red, green] = [x * 6, y * 12].map(|light| light.to_le_bytes()[0]);
            image::Rgb([red, green, 9])
        });
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).expect("it is written");
        let mut image =
            DynImage::from_bytes(bytes.into_inner().into()).expect("it reads").expect("known");
        image.set_exif(Some(exif().into()));
        image.encoder().bytes()
    }

    fn has(bytes: &[u8], text: &str) -> bool {
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }

    #[test]
    fn places_are_taken_out_and_the_picture_stays() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let bytes = picture(format);
            assert!(has(&bytes, "GPSLatitude"), "{format:?}: there is something to take out");
            let Picture { width, height, bare } = strip(bytes.clone()).expect("a picture");
            assert_eq!((width, height), (20, 40), "{format:?}: it stands");
            assert!(!has(&bare, "GPS") && !has(&bare, "Ana"), "{format:?}");
            let read = |bytes: &[u8]| image::load_from_memory(bytes).expect("it reads").into_rgb8();
            assert_eq!(read(&bare), read(&bytes), "{format:?}");
            let image = DynImage::from_bytes(bare.clone()).expect("it reads").expect("known");
            let told = image.exif().and_then(|exif| Orientation::from_exif_chunk(&exif));
            assert_eq!(told, Some(Orientation::Rotate90), "{format:?}: it is still turned");
            assert_eq!(strip(bare.clone()).map(|again| again.bare), Some(bare), "{format:?}");
        }
    }

    #[test]
    fn nothing_stays_behind_the_end_of_a_picture_or_in_its_comments() {
        let mut bytes = picture(ImageFormat::Jpeg).to_vec();
        bytes.splice(2..2, *b"\xff\xfe\0\x0dcomment: x\xff\xed\0\x0aIPTC: x!");
        bytes.extend_from_slice(b"a film with its place");
        let bare = strip(bytes.into()).expect("a picture").bare;
        assert!(!has(&bare, "comment") && !has(&bare, "IPTC") && !has(&bare, "film"));
        assert!(bare.ends_with(&[markers::P, markers::EOI]));
    }

    #[test]
    fn what_is_no_picture_or_cut_off_is_none() {
        assert_eq!(strip(Bytes::from_static(b"GIF89a")), None);
        assert_eq!(strip(Bytes::new()), None);
        let whole = picture(ImageFormat::Jpeg);
        assert_eq!(strip(whole.slice(..whole.len() - 20)), None);
    }
}
