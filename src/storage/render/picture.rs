//! Pictures: read within bounds that are checked before anything is decoded, scaled, cut, and
//! written again without what cameras note about people and places.

use std::io::Cursor;

use fast_image_resize::{ResizeOptions, Resizer};
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use super::geometry::{self, Plan};
use super::transformation::{Format, Gravity, Transformation};

/// Bytes of a pixel that the bound on pixels is meant for; deeper ones count for more.
const PIXEL_BYTES: u64 = 4;

/// AVIF is slow to write; a larger picture becomes WebP.
const MAX_AVIF_PIXELS: u64 = 1_048_576;

/// The fastest that still beats WebP in size.
const AVIF_SPEED: u8 = 10;

/// 1 is the best palette and 30 the soonest found.
const GIF_SPEED: i32 = 10;

/// Why a picture cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The bytes are no picture, or of a kind that is not read here.
    #[error("The source is no image of a supported format: JPEG, PNG, WebP and GIF are")]
    Unknown,
    /// It would take too much memory.
    #[error("The resolution of the source image is too high")]
    TooManyPixels,
    /// It ends too early or holds nonsense.
    #[error("The source image is broken")]
    Broken,
}

/// A picture as it is sent.
#[derive(Debug)]
pub struct Rendered {
    pub bytes: Vec<u8>,
    pub mimetype: &'static str,
}

/// Makes a picture over. Takes as long as it takes: for a thread that may be blocked.
///
/// # Errors
/// See [`Unfit`].
pub fn render(source: &[u8], asked: &Transformation, max_pixels: u64) -> Result<Rendered, Unfit> {
    let kind = image::guess_format(source).map_err(|_| Unfit::Unknown)?;
    let original = Original::read(source, kind, max_pixels)?;
    let plan = geometry::plan(original.size(), asked);
    let scaled = original.scaled(plan.scaled)?;
    let kept = cut(scaled, plan, asked.gravity);
    write(&kept, target(kind, asked.format, plan.kept), asked.quality)
}

/// A decoded picture, and what its file says about how to look at it.
struct Original {
    pixels: DynamicImage,
    orientation: Orientation,
    profile: Option<Vec<u8>>,
}

impl Original {
    fn read(source: &[u8], kind: ImageFormat, max_pixels: u64) -> Result<Self, Unfit> {
        let mut reader = ImageReader::with_format(Cursor::new(source), kind);
        let max_bytes = max_pixels.saturating_mul(PIXEL_BYTES);
        let mut limits = Limits::no_limits();
        // Beside the picture itself, what a decoder keeps to make it.
        limits.max_alloc = Some(max_bytes.saturating_mul(2));
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(|error| unfit(&error))?;
        let (width, height) = decoder.dimensions();
        let is_large = u64::from(width) * u64::from(height) > max_pixels;
        if is_large || decoder.total_bytes() > max_bytes {
            return Err(Unfit::TooManyPixels);
        }
        // What is wrong in the notes does no harm to the picture.
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let profile = decoder.icc_profile().unwrap_or_default();
        let pixels = DynamicImage::from_decoder(decoder).map_err(|error| unfit(&error))?;
        Ok(Self { pixels, orientation, profile })
    }

    fn is_turned(&self) -> bool {
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        matches!(self.orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
    }

    /// How large it is to whoever looks at it.
    fn size(&self) -> (u32, u32) {
        let (width, height) = (self.pixels.width(), self.pixels.height());
        if self.is_turned() { (height, width) } else { (width, height) }
    }

    /// The same in that size, the right way up, in sRGB with 8 bits.
    fn scaled(self, (width, height): (u32, u32)) -> Result<DynamicImage, Unfit> {
        let (width, height) = if self.is_turned() { (height, width) } else { (width, height) };
        let (orientation, profile) = (self.orientation, self.profile);
        let pixels = if (self.pixels.width(), self.pixels.height()) == (width, height) {
            self.pixels
        } else {
            let mut scaled = DynamicImage::new(width, height, self.pixels.color());
            let options = ResizeOptions::new();
            Resizer::new()
                .resize(&self.pixels, &mut scaled, &options)
                .map_err(|_| Unfit::Broken)?;
            scaled
        };
        let mut plain = if pixels.color().has_alpha() {
            DynamicImage::ImageRgba8(pixels.into_rgba8())
        } else {
            DynamicImage::ImageRgb8(pixels.into_rgb8())
        };
        if let Some(profile) = profile {
            plain = in_srgb(&profile, &plain).unwrap_or(plain);
        }
        plain.apply_orientation(orientation);
        Ok(plain)
    }
}

fn unfit(error: &image::ImageError) -> Unfit {
    match error {
        image::ImageError::Limits(_) => Unfit::TooManyPixels,
        image::ImageError::Unsupported(_) => Unfit::Unknown,
        _ => Unfit::Broken,
    }
}

/// The same colours where no profile says what the numbers mean. None where it says nothing of use.
fn in_srgb(profile: &[u8], picture: &DynamicImage) -> Option<DynamicImage> {
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    if profile.color_space != DataColorSpace::Rgb {
        return None;
    }
    let layout = if picture.color().has_alpha() { Layout::Rgba } else { Layout::Rgb };
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let transform = profile.create_transform_8bit(layout, &srgb, layout, options).ok()?;
    let source = picture.as_bytes();
    let mut bytes = vec![0; source.len()];
    transform.transform(source, &mut bytes).ok()?;
    let (width, height) = (picture.width(), picture.height());
    if picture.color().has_alpha() {
        image::RgbaImage::from_raw(width, height, bytes).map(Into::into)
    } else {
        image::RgbImage::from_raw(width, height, bytes).map(Into::into)
    }
}

fn cut(picture: DynamicImage, plan: Plan, gravity: Gravity) -> DynamicImage {
    if plan.kept == (picture.width(), picture.height()) {
        return picture;
    }
    let (x, y) = match gravity {
        Gravity::Smart => smart_place(&picture, plan),
        gravity => geometry::place(plan, gravity),
    };
    picture.crop_imm(x, y, plan.kept.0, plan.kept.1)
}

/// Where the most is to be seen: neighbours that differ in brightness.
fn smart_place(picture: &DynamicImage, plan: Plan) -> (u32, u32) {
    let luma = picture.to_luma8();
    let (width, height) = (luma.width(), luma.height());
    let at = |x: u32, y: u32| u64::from(luma.get_pixel(x, y).0[0]);
    let mut columns = vec![0; usize::try_from(width).unwrap_or_default()];
    let mut rows = vec![0; usize::try_from(height).unwrap_or_default()];
    for (y, row) in (1..height).zip(rows.iter_mut().skip(1)) {
        for (x, column) in (1..width).zip(columns.iter_mut().skip(1)) {
            let here = at(x, y);
            let edge = here.abs_diff(at(x - 1, y)) + here.abs_diff(at(x, y - 1));
            *column += edge;
            *row += edge;
        }
    }
    let place = |energies: &[u64], kept: u32| {
        let start = geometry::richest(energies, usize::try_from(kept).unwrap_or_default());
        u32::try_from(start).unwrap_or_default()
    };
    (place(&columns, plan.kept.0), place(&rows, plan.kept.1))
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Jpeg,
    Png,
    Gif,
    Webp,
    Avif,
}

fn target(source: ImageFormat, asked: Format, (width, height): (u32, u32)) -> Target {
    match asked {
        Format::Avif if u64::from(width) * u64::from(height) <= MAX_AVIF_PIXELS => Target::Avif,
        Format::Avif | Format::Webp => Target::Webp,
        Format::Origin | Format::Negotiated => match source {
            ImageFormat::Jpeg => Target::Jpeg,
            ImageFormat::WebP => Target::Webp,
            ImageFormat::Gif => Target::Gif,
            _ => Target::Png,
        },
    }
}

fn write(picture: &DynamicImage, target: Target, quality: u8) -> Result<Rendered, Unfit> {
    let mut bytes = Vec::new();
    let mimetype = match target {
        Target::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
            picture.to_rgb8().write_with_encoder(encoder).map_err(|_| Unfit::Broken)?;
            "image/jpeg"
        }
        Target::Png => {
            picture.write_with_encoder(PngEncoder::new(&mut bytes)).map_err(|_| Unfit::Broken)?;
            "image/png"
        }
        Target::Gif => {
            let mut encoder = GifEncoder::new_with_speed(&mut bytes, GIF_SPEED);
            encoder
                .encode_frame(image::Frame::new(picture.to_rgba8()))
                .map_err(|_| Unfit::Broken)?;
            drop(encoder);
            "image/gif"
        }
        Target::Webp => {
            bytes = webp(picture, quality)?;
            "image/webp"
        }
        Target::Avif => {
            bytes = avif(picture, quality)?;
            "image/avif"
        }
    };
    Ok(Rendered { bytes, mimetype })
}

fn webp(picture: &DynamicImage, quality: u8) -> Result<Vec<u8>, Unfit> {
    let (width, height) = (picture.width(), picture.height());
    let encoder = if picture.color().has_alpha() {
        webp::Encoder::from_rgba(picture.as_bytes(), width, height)
    } else {
        webp::Encoder::from_rgb(picture.as_bytes(), width, height)
    };
    let written = encoder.encode_simple(false, f32::from(quality)).map_err(|_| Unfit::Broken)?;
    Ok(written.to_vec())
}

fn avif(picture: &DynamicImage, quality: u8) -> Result<Vec<u8>, Unfit> {
    let encoder = ravif::Encoder::new().with_quality(f32::from(quality)).with_speed(AVIF_SPEED);
    let side = |side: u32| usize::try_from(side).unwrap_or_default();
    let (width, height) = (side(picture.width()), side(picture.height()));
    let pixels = picture.to_rgba8();
    let pixels: Vec<_> =
        pixels.pixels().map(|it| ravif::RGBA8::new(it[0], it[1], it[2], it[3])).collect();
    let picture = ravif::Img::new(pixels.as_slice(), width, height);
    Ok(encoder.encode_rgba(picture).map_err(|_| Unfit::Broken)?.avif_file)
}

#[cfg(test)]
mod tests {
    use image::{GenericImageView, ImageEncoder, Rgb, RgbImage};

    use super::*;

    const MAX_PIXELS: u64 = 1_000_000;

    fn asked(query: &str) -> Transformation {
        let pairs = query.split('&').filter_map(|it| it.split_once('='));
        Transformation::of_query(pairs).expect("valid")
    }

    /// Red on the left, blue on the right.
    fn halves(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, _| {
            if x < width / 2 { Rgb([220, 0, 0]) } else { Rgb([0, 0, 220]) }
        })
    }

    fn png(picture: &RgbImage) -> Vec<u8> {
        let mut bytes = Vec::new();
        picture.write_with_encoder(PngEncoder::new(&mut bytes)).expect("written");
        bytes
    }

    fn made(source: &[u8], query: &str) -> DynamicImage {
        let rendered = render(source, &asked(query), MAX_PIXELS).expect("rendered");
        image::load_from_memory(&rendered.bytes).expect("a picture")
    }

    fn is_red(picture: &DynamicImage, x: u32, y: u32) -> bool {
        let pixel = picture.get_pixel(x, y).0;
        pixel[0] > 150 && pixel[2] < 100
    }

    #[test]
    fn a_picture_is_scaled_and_cut_on_the_side_that_is_asked_for() {
        let source = png(&halves(80, 40));
        let left = made(&source, "width=20&height=20&gravity=we");
        assert_eq!((left.width(), left.height()), (20, 20));
        assert!(is_red(&left, 2, 10) && is_red(&left, 17, 10));
        let middle = made(&source, "width=20&height=20");
        assert!(is_red(&middle, 2, 10) && !is_red(&middle, 17, 10));
    }

    #[test]
    fn smart_gravity_keeps_what_is_busy() {
        let busy = RgbImage::from_fn(90, 30, |x, y| match x {
            60.. if (x + y) % 2 == 0 => Rgb([220, 0, 0]),
            _ => Rgb([255, 255, 255]),
        });
        let rendered = made(&png(&busy), "width=30&height=30&gravity=sm");
        assert!(is_red(&rendered, 20, 20) || is_red(&rendered, 21, 20));
    }

    #[test]
    fn every_format_is_written_as_what_it_says() {
        let source = png(&halves(24, 12));
        let kinds = ["origin", "webp", "avif"].map(|format| {
            let query = format!("width=12&format={format}");
            let rendered = render(&source, &asked(&query), MAX_PIXELS).expect("rendered");
            let sniffed = infer::get(&rendered.bytes).map(|kind| kind.mime_type());
            assert_eq!(sniffed, Some(rendered.mimetype));
            rendered.mimetype
        });
        assert_eq!(kinds, ["image/png", "image/webp", "image/avif"]);
        let mut gif = Vec::new();
        GifEncoder::new(&mut gif)
            .encode_frame(image::Frame::new(DynamicImage::from(halves(24, 12)).to_rgba8()))
            .expect("written");
        let rendered = render(&gif, &asked("width=12"), MAX_PIXELS).expect("rendered");
        assert_eq!(rendered.mimetype, "image/gif");
    }

    #[test]
    fn a_photo_is_turned_as_its_camera_was_held() {
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
        // Orientation 6: to be turned right by a quarter.
        let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        encoder.set_exif_metadata(exif.to_vec()).expect("a jpeg takes it");
        halves(80, 40).write_with_encoder(encoder).expect("written");
        let upright = made(&bytes, "width=20");
        assert_eq!((upright.width(), upright.height()), (20, 40));
        assert!(is_red(&upright, 10, 2) && !is_red(&upright, 10, 37));
        let rendered = render(&bytes, &asked("width=20"), MAX_PIXELS).expect("rendered");
        assert!(!rendered.bytes.windows(4).any(|part| part == b"Exif"));
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_decoded() {
        // A few bytes that promise 60,000 by 60,000 pixels.
        let mut bomb = png(&halves(8, 8));
        let header: Vec<u8> = [60_000_u32.to_be_bytes(), 60_000_u32.to_be_bytes()].concat();
        bomb[16..24].copy_from_slice(&header);
        let sum = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&sum.to_be_bytes());
        let refused = render(&bomb, &asked("width=10"), MAX_PIXELS).expect_err("too large");
        assert_eq!(refused, Unfit::TooManyPixels);
        let large = png(&halves(1001, 1000));
        let refused = render(&large, &asked("width=10"), MAX_PIXELS).expect_err("too large");
        assert_eq!(refused, Unfit::TooManyPixels);
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let refused = |bytes: &[u8]| render(bytes, &asked("width=10"), MAX_PIXELS).expect_err("no");
        assert_eq!(refused(b""), Unfit::Unknown);
        assert_eq!(refused(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), Unfit::Unknown);
        assert_eq!(refused(b"BM and so on, a bitmap"), Unfit::Unknown);
        let whole = png(&halves(200, 200));
        assert_eq!(refused(&whole[..whole.len() / 2]), Unfit::Broken);
        assert_eq!(refused(&whole[..20]), Unfit::Broken);
    }

    /// As PNG sums its chunks.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0_u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 }
            })
        })
    }
}
