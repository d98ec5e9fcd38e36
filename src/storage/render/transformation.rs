//! What is asked of a picture: `?width=320&resize=cover&quality=80`, read and bounded.

use std::fmt::{self, Display, Formatter};

use serde_json::Value;

/// No side of an answer is longer.
pub const LONGEST_SIDE: u32 = 2500;

/// As the reference has it.
const QUALITY: u8 = 80;

/// How a picture is to be made over. Its text is the key of what is kept of it, and may be
/// read again with [`Transformation::of_text`].
#[derive(Debug, Clone, PartialEq)]
pub struct Transformation {
    /// Pixels; none follows from the other side.
    pub width: Option<u32>,
    /// Pixels; none follows from the other side.
    pub height: Option<u32>,
    pub fit: Fit,
    /// From 20 to 100, for the codecs that lose something.
    pub quality: u8,
    pub format: Format,
    pub gravity: Gravity,
}

/// What to do where the shape that is asked for is not that of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Fill it, and cut off what hangs over.
    Cover,
    /// Stay inside of it.
    Contain,
    /// Stretch.
    Fill,
}

/// How the answer is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// WebP for those who say that they read it, the picture's own for others.
    Negotiated,
    /// The picture's own.
    Origin,
    Webp,
    Avif,
}

/// Which part is kept where something is cut off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gravity {
    /// A corner, an edge or the centre: 0, 0.5 or 1 of the slack there is.
    Anchor { name: &'static str, x: f64, y: f64 },
    /// Around a point, told in parts of the picture from 0 to 1.
    Focus { x: f64, y: f64 },
    /// Where most is to be seen.
    Smart,
}

const ANCHORS: [(&str, f64, f64); 9] = [
    ("ce", 0.5, 0.5),
    ("no", 0.5, 0.0),
    ("so", 0.5, 1.0),
    ("ea", 1.0, 0.5),
    ("we", 0.0, 0.5),
    ("noea", 1.0, 0.0),
    ("nowe", 0.0, 0.0),
    ("soea", 1.0, 1.0),
    ("sowe", 0.0, 1.0),
];

const FITS: [(&str, Fit); 3] =
    [("cover", Fit::Cover), ("contain", Fit::Contain), ("fill", Fit::Fill)];

const FORMATS: [(&str, Format); 3] =
    [("origin", Format::Origin), ("webp", Format::Webp), ("avif", Format::Avif)];

impl Transformation {
    /// The transformation of the parameters of a request; what else stands among them is not
    /// for us. Errors are the dialect's sentence about the first parameter that is wrong.
    pub fn of_query<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, String> {
        Parameters::new("querystring", pairs).read()
    }

    /// The transformation inside of the request to sign a URL. Errors are the dialect's
    /// sentence about what is wrong.
    pub fn of_json(value: &Value) -> Result<Self, String> {
        let Some(fields) = value.as_object() else {
            return Err("body/transform must be object".to_owned());
        };
        let texts: Vec<(&str, String)> = fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| {
                (&**name, value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            })
            .collect();
        let pairs = texts.iter().map(|(name, value)| (*name, &**value));
        Parameters::new("body/transform", pairs).read()
    }

    /// The transformation that [`Display`] wrote, as signed URLs carry it. None for other text.
    pub fn of_text(text: &str) -> Option<Self> {
        let pairs: Option<Vec<_>> =
            text.split(',').filter(|part| !part.is_empty()).map(|it| it.split_once(':')).collect();
        Parameters::new("token", pairs?).read().ok()
    }

    /// The same with its format decided by what the caller says to accept.
    pub fn negotiated(self, accept: &str) -> Self {
        let format = match self.format {
            Format::Negotiated if accepts_webp(accept) => Format::Webp,
            Format::Negotiated => Format::Origin,
            chosen => chosen,
        };
        Self { format, ..self }
    }
}

/// Whether WebP is named among what is accepted; a mere `*/*` says nothing of it.
fn accepts_webp(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().is_some_and(|media| media.eq_ignore_ascii_case("image/webp"))
            && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

impl Display for Transformation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (name, side) in [("width", self.width), ("height", self.height)] {
            if let Some(side) = side {
                write!(f, "{name}:{side},")?;
            }
        }
        let fit = name_of(&FITS, self.fit);
        write!(f, "resize:{fit},quality:{}", self.quality)?;
        if self.format != Format::Negotiated {
            write!(f, ",format:{}", name_of(&FORMATS, self.format))?;
        }
        match self.gravity {
            Gravity::Anchor { name, .. } => write!(f, ",gravity:{name}"),
            Gravity::Focus { x, y } => write!(f, ",gravity:fp,x_offset:{x},y_offset:{y}"),
            Gravity::Smart => f.write_str(",gravity:sm"),
        }
    }
}

/// The word for `value`; every value but [`Format::Negotiated`], which has none, is in its table.
fn name_of<T: PartialEq + Copy>(table: &[(&'static str, T)], value: T) -> &'static str {
    table.iter().find(|(_, other)| *other == value).map_or("", |(name, _)| name)
}

/// The parameters by name, and where they stand, for what is said of them.
struct Parameters<'a> {
    place: &'a str,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Parameters<'a> {
    fn new(place: &'a str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self { place, pairs: pairs.into_iter().collect() }
    }

    fn read(&self) -> Result<Transformation, String> {
        Ok(Transformation {
            width: self.side("width")?,
            height: self.side("height")?,
            fit: self.choice("resize", &FITS)?.unwrap_or(Fit::Cover),
            quality: self.quality()?,
            format: self.choice("format", &FORMATS)?.unwrap_or(Format::Negotiated),
            gravity: self.gravity()?,
        })
    }

    /// The one value of a parameter; `kind` is what more than one of them are not.
    fn get(&self, name: &str, kind: &str) -> Result<Option<&'a str>, String> {
        let mut values = self.pairs.iter().filter(|(other, _)| *other == name).map(|(_, it)| *it);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(self.complaint(name, &format!("must be {kind}"))),
            (value, None) => Ok(value),
        }
    }

    fn complaint(&self, name: &str, what: &str) -> String {
        format!("{}/{name} {what}", self.place)
    }

    /// A number as the reference takes it: `1e2` is one hundred.
    fn number(&self, name: &str, kind: &str) -> Result<Option<f64>, String> {
        let Some(text) = self.get(name, kind)? else { return Ok(None) };
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        number.map(Some).ok_or_else(|| self.complaint(name, &format!("must be {kind}")))
    }

    /// A whole number from `least`; what is above `most` is `most`.
    fn whole(&self, name: &str, least: u32, most: u32) -> Result<Option<u32>, String> {
        let Some(number) = self.number(name, "integer")? else { return Ok(None) };
        if number.fract() != 0.0 {
            return Err(self.complaint(name, "must be integer"));
        }
        if number < f64::from(least) {
            return Err(self.complaint(name, &format!("must be >= {least}")));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number between two of 32 bits"
        )]
        Ok(Some(number.min(f64::from(most)) as u32))
    }

    fn side(&self, name: &str) -> Result<Option<u32>, String> {
        Ok(self.whole(name, 0, LONGEST_SIDE)?.filter(|side| *side > 0))
    }

    fn quality(&self) -> Result<u8, String> {
        let Some(quality) = self.whole("quality", 20, 101)? else { return Ok(QUALITY) };
        u8::try_from(quality)
            .ok()
            .filter(|quality| *quality <= 100)
            .ok_or_else(|| self.complaint("quality", "must be <= 100"))
    }

    fn choice<T: Copy>(&self, name: &str, table: &[(&str, T)]) -> Result<Option<T>, String> {
        let Some(text) = self.get(name, "string")? else { return Ok(None) };
        let found = table.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.map(Some).ok_or_else(|| self.complaint(name, NOT_ALLOWED))
    }

    fn gravity(&self) -> Result<Gravity, String> {
        match self.get("gravity", "string")? {
            None => Ok(anchor("ce").unwrap_or(Gravity::Smart)),
            Some("sm") => Ok(Gravity::Smart),
            Some("fp") => {
                Ok(Gravity::Focus { x: self.part("x_offset")?, y: self.part("y_offset")? })
            }
            Some(name) => anchor(name).ok_or_else(|| self.complaint("gravity", NOT_ALLOWED)),
        }
    }

    /// A part of one, that a focus must have.
    fn part(&self, name: &str) -> Result<f64, String> {
        let Some(part) = self.number(name, "number")? else {
            return Err(format!("{} must have required property '{name}'", self.place));
        };
        match part {
            ..0.0 => Err(self.complaint(name, "must be >= 0")),
            0.0..=1.0 => Ok(part),
            _ => Err(self.complaint(name, "must be <= 1")),
        }
    }
}

const NOT_ALLOWED: &str = "must be equal to one of the allowed values";

fn anchor(name: &str) -> Option<Gravity> {
    let (name, x, y) = ANCHORS.iter().find(|(other, ..)| *other == name)?;
    Some(Gravity::Anchor { name, x: *x, y: *y })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(query: &str) -> Result<Transformation, String> {
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        Transformation::of_query(pairs.iter().map(|(name, value)| (&**name, &**value)))
    }

    fn text(query: &str) -> String {
        of(query).expect("valid").to_string()
    }

    fn refusal(query: &str) -> String {
        of(query).expect_err("invalid")
    }

    #[test]
    fn nothing_asked_is_the_picture_at_the_usual_quality() {
        assert_eq!(text("token=t&download=a.png"), "resize:cover,quality:80,gravity:ce");
    }

    #[test]
    fn all_that_can_be_asked_is_read_and_written_again() {
        let asked = "width=320&height=200&resize=fill&quality=55&format=avif\
                     &gravity=fp&x_offset=0.25&y_offset=1";
        let written = "width:320,height:200,resize:fill,quality:55,format:avif,\
                       gravity:fp,x_offset:0.25,y_offset:1";
        assert_eq!(text(asked), written);
        assert_eq!(Transformation::of_text(written), Some(of(asked).expect("valid")));
        assert_eq!(Transformation::of_text("width"), None);
        assert_eq!(Transformation::of_text("quality:3"), None);
    }

    #[test]
    fn sides_are_numbers_bounded_above_and_nothing_is_no_bound() {
        assert_eq!(text("width=1e2&height=0"), "width:100,resize:cover,quality:80,gravity:ce");
        let bounded = of("width=99999999999999999999&height=2501").expect("valid");
        assert_eq!((bounded.width, bounded.height), (Some(2500), Some(2500)));
        assert_eq!(refusal("width=-1"), "querystring/width must be >= 0");
        for odd in ["width=", "width=1.5", "width=big", "width=inf", "width=1&width=2"] {
            assert_eq!(refusal(odd), "querystring/width must be integer", "{odd}");
        }
    }

    #[test]
    fn quality_and_the_chosen_words_are_checked() {
        assert_eq!(refusal("quality=19"), "querystring/quality must be >= 20");
        assert_eq!(refusal("quality=101"), "querystring/quality must be <= 100");
        for (name, value) in [("resize", "tile"), ("format", "bmp"), ("gravity", "up")] {
            let refusal = refusal(&format!("{name}={value}"));
            assert_eq!(
                refusal,
                format!("querystring/{name} must be equal to one of the allowed values")
            );
        }
    }

    #[test]
    fn a_focus_needs_its_two_parts_of_one() {
        assert_eq!(
            refusal("gravity=fp&x_offset=0"),
            "querystring must have required property 'y_offset'"
        );
        assert_eq!(
            refusal("gravity=fp&x_offset=-0.1&y_offset=0"),
            "querystring/x_offset must be >= 0"
        );
        assert_eq!(
            refusal("gravity=fp&x_offset=0&y_offset=1.1"),
            "querystring/y_offset must be <= 1"
        );
    }

    #[test]
    fn signing_takes_the_same_from_json() {
        let read = Transformation::of_json(&json!({"width": 64, "resize": "contain"}));
        assert_eq!(
            read.expect("valid").to_string(),
            "width:64,resize:contain,quality:80,gravity:ce"
        );
        let refused = |value| Transformation::of_json(&value).expect_err("invalid");
        assert_eq!(refused(json!({"width": [1]})), "body/transform/width must be integer");
        assert_eq!(refused(json!(7)), "body/transform must be object");
    }

    #[test]
    fn webp_is_given_to_those_who_name_it() {
        let given = |accept| of("").expect("valid").negotiated(accept).format;
        assert_eq!(given("image/avif,image/webp,*/*;q=0.8"), Format::Webp);
        assert_eq!(given("*/*"), Format::Origin);
        assert_eq!(given("image/webp;q=0"), Format::Origin);
        let kept = of("format=origin").expect("valid").negotiated("image/webp");
        assert_eq!(kept.format, Format::Origin);
    }
}
