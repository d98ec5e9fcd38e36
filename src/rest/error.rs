//! Errors of the dialect: each a row in a table of status, code, message, details and hint.
//!
//! What Postgres refuses has its own table in `sqlstate`.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use hyper::ext::ReasonPhrase;
use serde_json::{Value, json};

use super::keyset::CursorFault;
use super::{sqlstate, token};
use crate::config::ErrorVerbosity;
use crate::identity;
use crate::pg;

/// Why a request was not served.
#[derive(Debug)]
pub enum Error {
    /// A parameter does not read.
    Syntax {
        /// Its kind.
        what: &'static str,
        /// Its text.
        text: String,
        /// Where reading stopped, from 1.
        column: usize,
        /// What was found and what expected.
        details: String,
    },
    /// Something exceeds this many bytes or pieces.
    TooLong(&'static str, usize),
    /// A verb that calls do not know.
    VerbOnRoutine(Method),
    /// A verb nobody knows.
    Verb(Method),
    /// The body is not what it should be.
    Body(String),
    /// The body exceeds the limit of the server.
    BodyTooLarge,
    /// No such part of the rows.
    Range(RangeFault),
    /// A schema that is not served, and those that are.
    Schema(String, Vec<String>),
    /// None of the accepted formats can be given.
    MediaType(String),
    /// A filter, order or limit of something that is not embedded.
    NotEmbedded(String),
    /// An order by an embed of which there may be many.
    RelatedOrder {
        /// From where.
        origin: String,
        /// The embed.
        target: String,
    },
    /// Something else is asked of an embed than whether it is there.
    EmbedOperator(String),
    /// An aggregate, where they are turned off.
    AggregatesOff,
    /// One row was asked for; this many were there.
    NotSingular(i64),
    /// A path that leads nowhere.
    Path,
    /// The document about everything is not there.
    Root,
    /// The dialect has it, this server does not.
    NotImplemented(Feature),
    /// No way between two tables.
    NoRelation {
        /// From where.
        origin: String,
        /// To where.
        target: String,
        /// By which way.
        hint: Option<String>,
        /// Where both should be.
        schema: String,
        /// The name that may be misspelt, and one like it that has a way.
        similar: Option<(String, String)>,
    },
    /// More than one way between two tables.
    AmbiguousRelation {
        /// From where.
        origin: String,
        /// To where.
        target: String,
        /// The ways.
        candidates: Vec<Candidate>,
    },
    /// No function of this name takes these arguments.
    NoRoutine {
        /// Schema and name.
        name: String,
        /// The arguments given.
        arguments: Vec<String>,
        /// What else would have done.
        takes: Takes,
        /// A function of a similar name.
        similar: Option<String>,
    },
    /// More than one function takes these arguments: their signatures.
    AmbiguousRoutine(Vec<String>),
    /// A column to write that is not there.
    NoColumn {
        /// The column.
        column: String,
        /// The table.
        table: String,
    },
    /// No such table.
    NoTable {
        /// Schema and name.
        name: String,
        /// A table of a similar name.
        similar: Option<String>,
    },
    /// The schema was not loaded yet.
    NotLoaded,
    /// The token that speaks for the caller is refused.
    Token(identity::Error),
    /// Postgres did not do it.
    Database {
        /// What it said.
        error: pg::Error,
        /// Whether signing in might help.
        is_anonymous: bool,
    },
    /// What a function put into `response.headers` or `response.status` does not read.
    Override(&'static str),
    /// A fault of this program: it panicked.
    Broken,
    /// A PUT that does not name one row by its key.
    PutFilters,
    /// A PUT of a part of the rows.
    PutLimit,
    /// A PUT whose body is another row than its address names.
    PutMismatch,
    /// Preferences that are not understood.
    Preferences(Vec<String>),
    /// More rows were changed than the client allowed.
    TooManyRows(i64),
    /// A limit for a function that gives one result.
    LimitOfSingle,
    /// No page by cursor.
    Cursor(CursorFault),
}

/// What is wrong with a range.
#[derive(Debug)]
pub enum RangeFault {
    /// A limit below zero.
    NegativeLimit,
    /// The end lies before the beginning.
    Reversed,
    /// The beginning lies behind the end of all rows.
    Beyond {
        /// Rows to pass over.
        offset: i64,
        /// Rows there are.
        total: i64,
    },
}

/// What a function that was not found might have taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// The arguments by their names.
    Named,
    /// The same, or a single unnamed JSON argument.
    NamedOrJson,
    /// Only a single unnamed argument of this type.
    Whole(&'static str),
}

/// What the dialect has and this server has not.
#[derive(Debug, Clone, Copy)]
pub enum Feature {
    /// `...rel(a.sum())` of many rows
    AggregatesOfSpread,
}

/// One of several ways, as the answer tells it.
#[derive(Debug)]
pub struct Candidate {
    /// `many-to-one` and so on.
    pub cardinality: &'static str,
    /// By which keys.
    pub relationship: String,
    /// The word that chooses it.
    pub hint: String,
}

/// An error as it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// The dialect's code.
    pub code: String,
    /// What happened.
    pub message: String,
    /// More about it.
    pub details: Value,
    /// What might help.
    pub hint: Value,
    /// Headers beside the dialect's own.
    pub headers: HeaderMap,
    /// What stands beside the status, when a rule chose it.
    pub reason: Option<String>,
}

impl Error {
    fn status(&self) -> StatusCode {
        match self {
            Self::Syntax { .. }
            | Self::TooLong(..)
            | Self::Body(_)
            | Self::NotEmbedded(_)
            | Self::RelatedOrder { .. }
            | Self::EmbedOperator(_)
            | Self::AggregatesOff
            | Self::NotImplemented(_)
            | Self::NoRelation { .. }
            | Self::NoColumn { .. }
            | Self::PutLimit
            | Self::PutMismatch
            | Self::Preferences(_)
            | Self::TooManyRows(_)
            | Self::LimitOfSingle
            | Self::Cursor(_) => StatusCode::BAD_REQUEST,
            Self::Token(identity::Error::NoSecret) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::Path | Self::Root | Self::NoRoutine { .. } | Self::NoTable { .. } => {
                StatusCode::NOT_FOUND
            }
            Self::VerbOnRoutine(_) | Self::Verb(_) | Self::PutFilters => {
                StatusCode::METHOD_NOT_ALLOWED
            }
            Self::Schema(..) | Self::MediaType(_) | Self::NotSingular(_) => {
                StatusCode::NOT_ACCEPTABLE
            }
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Range(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::AmbiguousRelation { .. } | Self::AmbiguousRoutine(_) => {
                StatusCode::MULTIPLE_CHOICES
            }
            Self::NotLoaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Database { .. } | Self::Override(_) | Self::Broken => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } | Self::TooLong(..) => "PGRST100",
            Self::VerbOnRoutine(_) => "PGRST101",
            Self::Body(_) | Self::BodyTooLarge => "PGRST102",
            Self::Range(_) => "PGRST103",
            Self::PutFilters => "PGRST105",
            Self::Schema(..) => "PGRST106",
            Self::MediaType(_) => "PGRST107",
            Self::NotEmbedded(_) => "PGRST108",
            Self::Override("response.headers") => "PGRST111",
            Self::Override(_) => "PGRST112",
            Self::PutLimit => "PGRST114",
            Self::PutMismatch => "PGRST115",
            Self::NotSingular(_) => "PGRST116",
            Self::Verb(_) => "PGRST117",
            Self::RelatedOrder { .. } => "PGRST118",
            Self::EmbedOperator(_) => "PGRST120",
            Self::Preferences(_) => "PGRST122",
            Self::AggregatesOff => "PGRST123",
            Self::TooManyRows(_) => "PGRST124",
            Self::Path => "PGRST125",
            Self::Root => "PGRST126",
            Self::NotImplemented(_) => "PGRST127",
            Self::LimitOfSingle => "PGRST128",
            Self::Cursor(_) => "PGRST190",
            Self::NoRelation { .. } => "PGRST200",
            Self::AmbiguousRelation { .. } => "PGRST201",
            Self::NoRoutine { .. } => "PGRST202",
            Self::AmbiguousRoutine(_) => "PGRST203",
            Self::NoColumn { .. } => "PGRST204",
            Self::NoTable { .. } => "PGRST205",
            Self::NotLoaded => "PGRST002",
            Self::Token(identity::Error::NoSecret) => "PGRST300",
            Self::Token(identity::Error::Anonymous) => "PGRST302",
            Self::Token(error) if token::is_about_claims(error) => "PGRST303",
            Self::Token(_) => "PGRST301",
            Self::Database { .. } | Self::Broken => "PGRSTX00",
        }
    }

    /// What happened, in one line.
    pub fn message(&self) -> String {
        match self {
            Self::Syntax { what, text, column, .. } => {
                format!("\"failed to parse {what} ({text})\" (line 1, column {column})")
            }
            Self::TooLong(what, limit) => format!("The {what} exceeds {limit}"),
            Self::VerbOnRoutine(method) => format!("Cannot use the {method} method on RPC"),
            Self::Verb(method) => format!("Unsupported HTTP method: {method}"),
            Self::Body(message) => message.clone(),
            Self::BodyTooLarge => "The body is too large".into(),
            Self::Range(_) => "Requested range not satisfiable".into(),
            Self::Schema(schema, _) => format!("Invalid schema: {schema}"),
            Self::MediaType(accept) => {
                format!("None of these media types are available: {accept}")
            }
            Self::NotEmbedded(name) => {
                format!("'{name}' is not an embedded resource in this request")
            }
            Self::RelatedOrder { target, .. } => {
                format!("A related order on '{target}' is not possible")
            }
            Self::EmbedOperator(name) => {
                format!("Bad operator on the '{name}' embedded resource")
            }
            Self::AggregatesOff => "Use of aggregate functions is not allowed".into(),
            Self::NotSingular(_) => "Cannot coerce the result to a single JSON object".into(),
            Self::Path => "Invalid path specified in request URL".into(),
            Self::Root => "Root endpoint metadata is disabled".into(),
            Self::NotImplemented(_) => "Feature not implemented".into(),
            Self::NoRelation { origin, target, .. } => format!(
                "Could not find a relationship between '{origin}' and '{target}' in the schema cache"
            ),
            Self::AmbiguousRelation { origin, target, .. } => format!(
                "Could not embed because more than one relationship was found for '{origin}' and '{target}'"
            ),
            Self::NoRoutine { name, takes: Takes::Whole(_), .. } => {
                format!("Could not find the function {name} in the schema cache")
            }
            Self::NoRoutine { name, arguments, .. } if arguments.is_empty() => {
                format!("Could not find the function {name} without parameters in the schema cache")
            }
            Self::NoRoutine { name, arguments, .. } => format!(
                "Could not find the function {name}({}) in the schema cache",
                arguments.join(", ")
            ),
            Self::AmbiguousRoutine(signatures) => format!(
                "Could not choose the best candidate function between: {}",
                signatures.join(", ")
            ),
            Self::NoColumn { column, table } => {
                format!("Could not find the '{column}' column of '{table}' in the schema cache")
            }
            Self::NoTable { name, .. } => {
                format!("Could not find the table '{name}' in the schema cache")
            }
            Self::NotLoaded => {
                "Could not query the database for the schema cache. Retrying.".into()
            }
            Self::Token(error) => token::message(error),
            Self::Database { error, .. } => error.to_string(),
            Self::Broken => "Unexpected failure, please check the server's log".into(),
            Self::Override("response.headers") => {
                "response.headers guc must be a JSON array composed of objects with a single key \
                 and a string value"
                    .into()
            }
            Self::Override(setting) => format!("{setting} guc must be a valid status code"),
            Self::PutFilters => {
                "Filters must include all and only primary key columns with 'eq' operators".into()
            }
            Self::PutLimit => "limit/offset querystring parameters are not allowed for PUT".into(),
            Self::PutMismatch => "Payload values do not match URL in primary key column(s)".into(),
            Self::Preferences(_) => "Invalid preferences given with handling=strict".into(),
            Self::TooManyRows(_) => {
                "Query result exceeds max-affected preference constraint".into()
            }
            Self::LimitOfSingle => "Function must return SETOF or TABLE when max-affected \
                                    preference is used with handling=strict"
                .into(),
            Self::Cursor(fault) => fault.message(),
        }
    }

    fn details(&self) -> Option<Value> {
        Some(match self {
            Self::Syntax { details, .. } => json!(details),
            Self::Token(error) => json!(token::details(error)?),
            Self::Range(RangeFault::NegativeLimit) => {
                json!("Limit should be greater than or equal to zero.")
            }
            Self::Range(RangeFault::Reversed) => json!(
                "The lower boundary must be lower than or equal to the upper boundary in the Range header."
            ),
            Self::Range(RangeFault::Beyond { offset, total }) => json!(format!(
                "An offset of {offset} was requested, but there are only {total} rows."
            )),
            Self::NotSingular(rows) => json!(format!("The result contains {rows} rows")),
            Self::RelatedOrder { origin, target } => json!(format!(
                "'{origin}' and '{target}' do not form a many-to-one or one-to-one relationship"
            )),
            Self::EmbedOperator(_) => {
                json!("Only is null or not is null filters are allowed on embedded resources")
            }
            Self::NotImplemented(feature) => json!(match feature {
                Feature::AggregatesOfSpread => {
                    "Aggregates are not implemented for one-to-many or many-to-many spreads."
                }
            }),
            Self::NoRelation { origin, target, hint, schema, .. } => {
                let by = hint.as_ref().map(|hint| format!(" using the hint '{hint}'"));
                json!(format!(
                    "Searched for a foreign key relationship between '{origin}' and '{target}'{} \
                     in the schema '{schema}', but no matches were found.",
                    by.unwrap_or_default()
                ))
            }
            Self::AmbiguousRelation { origin, target, candidates } => candidates
                .iter()
                .map(|candidate| {
                    json!({
                        "cardinality": candidate.cardinality,
                        "embedding": format!("{origin} with {target}"),
                        "relationship": candidate.relationship,
                    })
                })
                .collect(),
            Self::NoRoutine { name, arguments, takes, .. } => {
                let with = match (takes, arguments.as_slice()) {
                    (Takes::Whole(sql_type), _) => {
                        format!("with a single unnamed {sql_type} parameter")
                    }
                    (_, []) => "without parameters".to_owned(),
                    (_, [one]) => format!("with parameter {one}"),
                    (_, several) => format!("with parameters {}", several.join(", ")),
                };
                let or = match takes {
                    Takes::NamedOrJson => " or with a single unnamed json/jsonb parameter",
                    Takes::Named | Takes::Whole(_) => "",
                };
                json!(format!(
                    "Searched for the function {name} {with}{or}, but no matches were found in the schema cache."
                ))
            }
            Self::Preferences(unknown) => {
                json!(format!("Invalid preferences: {}", unknown.join(", ")))
            }
            Self::TooManyRows(rows) => json!(format!("The query affects {rows} rows")),
            Self::Cursor(fault) => json!(fault.details()?),
            _ => return None,
        })
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Schema(_, served) => {
                Some(format!("Only the following schemas are exposed: {}", served.join(", ")))
            }
            Self::NotEmbedded(name) => {
                Some(format!("Verify that '{name}' is included in the 'select' query parameter."))
            }
            Self::NoRelation { similar, .. } => similar.as_ref().map(|(name, similar)| {
                format!("Perhaps you meant '{similar}' instead of '{name}'.")
            }),
            Self::AmbiguousRelation { target, candidates, .. } => {
                let forms: Vec<String> = candidates
                    .iter()
                    .map(|candidate| format!("'{target}!{}'", candidate.hint))
                    .collect();
                Some(format!(
                    "Try changing '{target}' to one of the following: {}. Find the desired \
                     relationship in the 'details' key.",
                    forms.join(", ")
                ))
            }
            Self::NoRoutine { similar, .. } => similar
                .as_ref()
                .map(|similar| format!("Perhaps you meant to call the function {similar}")),
            Self::AmbiguousRoutine(_) => Some(
                "Try renaming the parameters or the function itself in the database so function \
                 overloading can be resolved"
                    .into(),
            ),
            Self::NoTable { similar, .. } => {
                similar.as_ref().map(|similar| format!("Perhaps you meant the table '{similar}'"))
            }
            Self::Cursor(fault) => Some(fault.hint().into()),
            _ => None,
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Self::Range(RangeFault::Beyond { total, .. }) = self {
            insert(&mut headers, header::CONTENT_RANGE, &format!("*/{total}"));
        }
        if let Self::Token(error) = self
            && let Some(challenge) = token::challenge(error)
        {
            insert(&mut headers, header::WWW_AUTHENTICATE, &challenge);
        }
        headers
    }

    fn reply(&self) -> Reply {
        if let Self::Database { error, is_anonymous } = self {
            return sqlstate::reply(error, *is_anonymous);
        }
        Reply {
            status: self.status(),
            code: self.code().into(),
            message: self.message(),
            details: self.details().unwrap_or_default(),
            hint: self.hint().into(),
            headers: self.headers(),
            reason: None,
        }
    }
}

/// Puts in a header whose value may hold what headers cannot; then it is left out.
pub fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

impl Error {
    /// What Postgres says in words may repeat the values of a row: these are the client's to read.
    fn log(&self, code: &str) {
        match self {
            Self::Database { error: pg::Error::Refused(refused), .. } => tracing::error!(
                code,
                table = refused.table(),
                constraint = refused.constraint(),
                routine = refused.routine(),
                "request failed"
            ),
            error => tracing::error!(code, ?error, "request failed"),
        }
    }

    /// The error as it leaves, saying as much as is wanted.
    pub fn into_response(self, verbosity: ErrorVerbosity) -> Response {
        let reply = self.reply();
        if reply.status.is_server_error() {
            self.log(&reply.code);
        }
        reply.into_response(verbosity)
    }
}

impl Reply {
    fn into_response(self, verbosity: ErrorVerbosity) -> Response {
        let body = match verbosity {
            ErrorVerbosity::Minimal => json!({ "code": self.code, "message": self.message }),
            ErrorVerbosity::Verbose => json!({
                "code": self.code,
                "details": self.details,
                "hint": self.hint,
                "message": self.message,
            }),
        };
        let mut headers = self.headers;
        if !headers.contains_key(header::CONTENT_TYPE) {
            insert(&mut headers, header::CONTENT_TYPE, "application/json; charset=utf-8");
        }
        let proxy_status = HeaderName::from_static("proxy-status");
        insert(&mut headers, proxy_status, &format!("PostgREST; error={}", self.code));
        let mut response = (self.status, headers, body.to_string()).into_response();
        if let Some(reason) = self.reason.and_then(|text| ReasonPhrase::try_from(text).ok()) {
            response.extensions_mut().insert(reason);
        }
        response
    }
}
