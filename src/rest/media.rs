//! What the client accepts, what we can give, and the best of both.

use std::fmt::{self, Display, Formatter};

use super::error::Error;
use crate::pg::catalog::producer::{Producer, Target};

/// Parts of an execution plan that may be asked for, as the header names them.
const PLAN_OPTIONS: [&str; 5] = ["analyze", "verbose", "settings", "buffers", "wal"];

/// Longest list of accepted types, in bytes.
const MAX_ACCEPT_BYTES: usize = 8 * 1024;

/// A media type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// `application/json`
    Json,
    /// An array without members that are null.
    ArrayStripped,
    /// Exactly one row.
    Object {
        /// Whether members that are null are left out.
        is_stripped: bool,
    },
    /// `application/geo+json`
    GeoJson,
    /// `application/openapi+json`
    OpenApi,
    /// `text/csv`
    Csv,
    /// `application/x-ndjson`
    Lines,
    /// `text/plain`
    Text,
    /// `text/xml`
    Xml,
    /// `application/x-www-form-urlencoded`
    Form,
    /// `application/octet-stream`
    Bytes,
    /// `*/*`
    Any,
    /// How Postgres would answer.
    Plan(Box<Explain>),
    /// One that only a producer gives.
    Other(String),
}

/// A question for an execution plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explain {
    /// The type whose answer is explained.
    pub of: Media,
    /// Whether the plan is told as JSON, else as text.
    pub is_json: bool,
    /// What else is told.
    pub options: Vec<&'static str>,
}

/// What the client accepts and a server gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// The type of the answer.
    pub media: Media,
    /// How rows become its body.
    pub body: Body,
}

/// How rows become a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// JSON: an array of rows, or a function's value.
    Json {
        /// Whether members that are null are left out.
        is_stripped: bool,
    },
    /// The only row, as JSON.
    Object {
        /// Whether members that are null are left out.
        is_stripped: bool,
    },
    /// A collection of features.
    GeoJson,
    /// Lines of values.
    Csv,
    /// A line of JSON for each row, sent as the rows come.
    Lines,
    /// As a function of the database does it.
    Producer(Producer),
}

impl Media {
    /// The accepted types, the most wanted first.
    pub fn accepted(accept: Option<&str>) -> Result<Vec<Self>, Error> {
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
            return Ok(vec![Self::Any]);
        };
        if accept.len() > MAX_ACCEPT_BYTES {
            return Err(Error::TooLong("Accept header", MAX_ACCEPT_BYTES));
        }
        Ok(ranges(accept).into_iter().map(Self::read).collect())
    }

    /// A media type with its parameters.
    pub fn read(text: &str) -> Self {
        let mut parts = outside_of_quotes(text).into_iter();
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let parameters: Vec<(String, &str)> = parts
            .filter_map(|parameter| parameter.split_once('='))
            .map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim().trim_matches('"')))
            .collect();
        let parameter = |wanted: &str| {
            parameters.iter().find(|(key, _)| key == wanted).map(|(_, value)| *value)
        };
        let is_stripped = parameter("nulls") == Some("stripped");
        match name.as_str() {
            "application/json" | "application/*" => Self::Json,
            "application/vnd.pgrst.array" | "application/vnd.pgrst.array+json" => {
                if is_stripped {
                    Self::ArrayStripped
                } else {
                    Self::Json
                }
            }
            "application/vnd.pgrst.object" | "application/vnd.pgrst.object+json" => {
                Self::Object { is_stripped }
            }
            "application/geo+json" => Self::GeoJson,
            "application/openapi+json" => Self::OpenApi,
            "text/csv" => Self::Csv,
            "application/x-ndjson" => Self::Lines,
            "text/plain" => Self::Text,
            "text/xml" => Self::Xml,
            "application/x-www-form-urlencoded" => Self::Form,
            "application/octet-stream" => Self::Bytes,
            "*/*" => Self::Any,
            "application/vnd.pgrst.plan"
            | "application/vnd.pgrst.plan+text"
            | "application/vnd.pgrst.plan+json" => {
                let options = parameter("options").unwrap_or_default();
                // A plan of a plan is a plan of what is behind both.
                let of = match parameter("for").map(Self::read) {
                    Some(Self::Plan(explain)) => explain.of,
                    Some(of) => of,
                    None => Self::Json,
                };
                Self::Plan(Box::new(Explain {
                    of,
                    is_json: name.ends_with("+json"),
                    options: PLAN_OPTIONS
                        .into_iter()
                        .filter(|option| options.split('|').any(|asked| asked == *option))
                        .collect(),
                }))
            }
            _ => Self::Other(name),
        }
    }

    /// The `Content-Type` of an answer.
    pub fn content_type(&self) -> String {
        match self {
            Self::Bytes | Self::Other(_) => self.to_string(),
            _ => format!("{self}; charset=utf-8"),
        }
    }

    /// Whether exactly one row must come back.
    pub fn is_singular(&self) -> bool {
        matches!(self, Self::Object { .. })
    }
}

impl Display for Media {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Json => "application/json",
            Self::ArrayStripped => "application/vnd.pgrst.array+json;nulls=stripped",
            Self::Object { is_stripped: false } => "application/vnd.pgrst.object+json",
            Self::Object { is_stripped: true } => {
                "application/vnd.pgrst.object+json;nulls=stripped"
            }
            Self::GeoJson => "application/geo+json",
            Self::OpenApi => "application/openapi+json",
            Self::Csv => "text/csv",
            Self::Lines => "application/x-ndjson",
            Self::Text => "text/plain",
            Self::Xml => "text/xml",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Bytes => "application/octet-stream",
            Self::Any => "*/*",
            Self::Other(name) => name,
            Self::Plan(explain) => return explain.fmt(out),
        };
        out.write_str(name)
    }
}

impl Display for Explain {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let form = if self.is_json { "json" } else { "text" };
        write!(out, "application/vnd.pgrst.plan+{form}; for=\"{}\"", self.of)?;
        if !self.options.is_empty() {
            write!(out, "; options={}", self.options.join("|"))?;
        }
        Ok(())
    }
}

/// What a server gives of one relation or function.
pub struct Offer<'a> {
    /// The producers of the database.
    pub producers: &'a dyn Fn(&Target, &str) -> Option<&'a Producer>,
    /// The relation or function; none when only some columns are read, which its own producers
    /// do not take.
    pub target: Option<Target>,
    /// Whether execution plans are shown.
    pub shows_plans: bool,
    /// Whether rows may leave as they come.
    pub streams: bool,
}

impl Offer<'_> {
    /// The first of the accepted types that is given.
    pub fn negotiate(&self, accepted: &[Media]) -> Result<Negotiated, Error> {
        accepted.iter().find_map(|media| self.given(media)).ok_or_else(|| {
            let names: Vec<String> = accepted.iter().map(Media::to_string).collect();
            Error::MediaType(names.join(", "))
        })
    }

    fn given(&self, media: &Media) -> Option<Negotiated> {
        // These speak in parameters; no producer stands in for them.
        let (media, body) = match media {
            Media::ArrayStripped => (media.clone(), Body::Json { is_stripped: true }),
            Media::Object { is_stripped } => {
                (media.clone(), Body::Object { is_stripped: *is_stripped })
            }
            Media::Plan(explain) => {
                let given = self.given(&explain.of).filter(|_| self.shows_plans)?;
                (media.clone(), given.body)
            }
            _ => return self.handled(media).or_else(|| self.built_in(media)),
        };
        Some(Negotiated { media, body })
    }

    /// Producers of the very relation come first, and among them the one of all types.
    fn handled(&self, media: &Media) -> Option<Negotiated> {
        let name = media.to_string();
        let own = self.target.as_ref().and_then(|target| {
            (self.producers)(target, "*/*").or_else(|| (self.producers)(target, &name))
        });
        let producer = own.or_else(|| (self.producers)(&Target::Any, &name))?;
        let given =
            if producer.media == "*/*" { Media::Bytes } else { Media::read(&producer.media) };
        Some(Negotiated { media: given, body: Body::Producer(producer.clone()) })
    }

    fn built_in(&self, media: &Media) -> Option<Negotiated> {
        let (media, body) = match media {
            Media::Any | Media::Json => (Media::Json, Body::Json { is_stripped: false }),
            Media::Csv => (Media::Csv, Body::Csv),
            Media::GeoJson => (Media::GeoJson, Body::GeoJson),
            Media::Lines if self.streams => (Media::Lines, Body::Lines),
            _ => return None,
        };
        Some(Negotiated { media, body })
    }
}

/// What an `Accept` header names with a weight above zero, the most wanted first.
pub fn ranges(accept: &str) -> Vec<&str> {
    let mut ranges: Vec<(f32, &str)> = accept.split(',').map(weighed).collect();
    ranges.retain(|(weight, _)| *weight > 0.0);
    // The sort is stable: of equal weights the first named wins.
    ranges.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranges.into_iter().map(|(_, range)| range).collect()
}

fn weighed(range: &str) -> (f32, &str) {
    let weight = range
        .split(';')
        .skip(1)
        .find_map(|parameter| parameter.trim().strip_prefix("q="))
        .and_then(|weight| weight.trim().parse().ok())
        .unwrap_or(1.0);
    (weight, range.trim())
}

/// The pieces between semicolons; those in quotes divide nothing.
fn outside_of_quotes(text: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut is_quoted) = (Vec::new(), 0, false);
    for (index, character) in text.char_indices() {
        match character {
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => {
                pieces.push(text[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    pieces.push(text[start..].trim());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn producer(target: Target, media: &str) -> Producer {
        Producer {
            schema: "public".into(),
            name: "f".into(),
            target,
            media: media.into(),
            is_bytes: false,
        }
    }

    fn negotiated_of(
        accept: &str,
        producers: &[Producer],
        shows_plans: bool,
    ) -> Option<Negotiated> {
        let find = |target: &Target, media: &str| {
            producers.iter().find(|producer| producer.target == *target && producer.media == media)
        };
        let target = Some(Target::Named("public".into(), "a".into()));
        let accepted = Media::accepted(Some(accept)).expect("short");
        Offer { producers: &find, target, shows_plans, streams: false }.negotiate(&accepted).ok()
    }

    fn negotiated(accept: &str) -> Option<Media> {
        negotiated_of(accept, &[], false).map(|negotiated| negotiated.media)
    }

    #[test]
    fn heaviest_known_type_wins() {
        assert_eq!(negotiated("text/html, */*;q=0.1"), Some(Media::Json));
        assert_eq!(negotiated("application/json;q=0.2,text/csv"), Some(Media::Csv));
        assert_eq!(negotiated("text/html"), None);
        assert_eq!(Media::accepted(None).expect("short"), [Media::Any]);
    }

    #[test]
    fn objects_and_arrays_may_drop_nulls() {
        assert_eq!(
            negotiated("application/vnd.pgrst.object+json;nulls=stripped"),
            Some(Media::Object { is_stripped: true })
        );
        assert_eq!(
            negotiated("application/vnd.pgrst.array+json;nulls=stripped"),
            Some(Media::ArrayStripped)
        );
        assert_eq!(negotiated("application/vnd.pgrst.array+json"), Some(Media::Json));
    }

    #[test]
    fn plans_are_shown_only_where_that_is_allowed() {
        let accept = "application/vnd.pgrst.plan+json; for=\"text/csv\"; options=buffers|analyze";
        assert_eq!(negotiated_of(accept, &[], false), None);
        let plan = negotiated_of(accept, &[], true).expect("allowed");
        assert_eq!(plan.body, Body::Csv);
        assert_eq!(
            plan.media.content_type(),
            "application/vnd.pgrst.plan+json; for=\"text/csv\"; options=analyze|buffers; charset=utf-8"
        );
    }

    #[test]
    fn producers_come_before_what_is_built_in() {
        let own = Target::Named("public".into(), "a".into());
        let html = [producer(own.clone(), "text/html"), producer(Target::Any, "text/csv")];
        let given = |accept, producers: &[Producer]| {
            negotiated_of(accept, producers, false)
                .map(|negotiated| (negotiated.media.content_type(), negotiated.body))
        };
        let by_hand = |producer: &Producer| Body::Producer(producer.clone());
        assert_eq!(given("text/html", &html), Some(("text/html".into(), by_hand(&html[0]))));
        let csv = ("text/csv; charset=utf-8".into(), by_hand(&html[1]));
        assert_eq!(given("text/csv", &html), Some(csv));
        let any = [producer(own, "*/*")];
        let bytes = ("application/octet-stream".into(), by_hand(&any[0]));
        assert_eq!(given("image/png", &any), Some(bytes));
    }
}
