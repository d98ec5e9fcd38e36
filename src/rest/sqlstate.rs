//! What Postgres refuses, as the dialect tells it: the SQLSTATE chooses the status.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use super::error::Reply;
use crate::pg;

/// A refusal's own words.
struct Refusal<'a> {
    code: &'a str,
    message: &'a str,
    details: Option<&'a str>,
    hint: Option<&'a str>,
}

/// The reply to work that Postgres did not do.
pub fn reply(error: &pg::Error, is_anonymous: bool) -> Reply {
    match error {
        pg::Error::Refused(refused) => refusal(
            &Refusal {
                code: refused.code().code(),
                message: refused.message(),
                details: refused.detail(),
                hint: refused.hint(),
            },
            is_anonymous,
        ),
        pg::Error::Busy => own(
            StatusCode::GATEWAY_TIMEOUT,
            "PGRST003",
            "Timed out acquiring connection from connection pool.",
        ),
        pg::Error::Down(_) => {
            own(StatusCode::SERVICE_UNAVAILABLE, "PGRST001", "Database client error. Retrying.")
        }
        pg::Error::Unexpected(_) | pg::Error::Unreadable(_) => {
            own(StatusCode::INTERNAL_SERVER_ERROR, "PGRSTX00", "Internal error")
        }
    }
}

fn own(status: StatusCode, code: &str, message: &str) -> Reply {
    Reply {
        status,
        code: code.into(),
        message: message.into(),
        details: Value::Null,
        hint: Value::Null,
        headers: HeaderMap::new(),
        reason: None,
    }
}

fn refusal(refusal: &Refusal<'_>, is_anonymous: bool) -> Reply {
    if refusal.code == "PGRST" {
        return raised(refusal).unwrap_or_else(Fault::reply);
    }
    let status = status(refusal, is_anonymous);
    let mut headers = HeaderMap::new();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    Reply {
        status,
        code: refusal.code.into(),
        message: refusal.message.into(),
        details: refusal.details.into(),
        hint: refusal.hint.into(),
        headers,
        reason: chosen(refusal.code).map(|_| refusal.message.to_owned()),
    }
}

/// A status that a rule chose by `raise sqlstate 'PTxyz'`.
fn chosen(code: &str) -> Option<StatusCode> {
    status_of(code.strip_prefix("PT")?.parse().ok()?)
}

/// A status that can end an exchange; those below 200 announce one that is still to come.
fn status_of(number: u16) -> Option<StatusCode> {
    StatusCode::from_u16(number).ok().filter(|status| !status.is_informational())
}

fn status(refusal: &Refusal<'_>, is_anonymous: bool) -> StatusCode {
    if let Some(status) = chosen(refusal.code) {
        return status;
    }
    let class = refusal.code.get(..2).unwrap_or_default();
    match (class, refusal.code) {
        (_, "42501") if is_anonymous => StatusCode::UNAUTHORIZED,
        (_, "42501") => StatusCode::FORBIDDEN,
        (_, "22023") if is_unknown_role(refusal.message) => StatusCode::UNAUTHORIZED,
        // What the safeupdate extension says of a write without a filter.
        (_, "21000") if refusal.message.ends_with("requires a WHERE clause") => {
            StatusCode::BAD_REQUEST
        }
        (_, "42883") if refusal.message.starts_with("function xmlagg(") => {
            StatusCode::NOT_ACCEPTABLE
        }
        (_, "23503" | "23505") => StatusCode::CONFLICT,
        (_, "25006") => StatusCode::METHOD_NOT_ALLOWED,
        (_, "42883" | "42P01") => StatusCode::NOT_FOUND,
        (_, "P0001") => StatusCode::BAD_REQUEST,
        (_, "57P01") | ("08", _) => StatusCode::SERVICE_UNAVAILABLE,
        ("53", state) if state != "53400" => StatusCode::SERVICE_UNAVAILABLE,
        ("0L" | "0P" | "28", _) => StatusCode::FORBIDDEN,
        (
            "09" | "25" | "2D" | "38" | "39" | "3B" | "40" | "53" | "54" | "55" | "57" | "58"
            | "F0" | "HV" | "P0" | "PT" | "XX",
            _,
        )
        | (_, "42P17" | "21000") => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn is_unknown_role(message: &str) -> bool {
    message.starts_with("role ") && message.ends_with("does not exist")
}

/// Why the answer that a rule chose cannot be given.
enum Fault<'a> {
    Message(&'a str),
    Detail(&'a str),
    NoDetail,
}

impl Fault<'_> {
    fn reply(self) -> Reply {
        let details = match self {
            Self::Message(text) => format!("Invalid JSON value for MESSAGE: '{text}'"),
            Self::Detail(text) => format!("Invalid JSON value for DETAIL: '{text}'"),
            Self::NoDetail => "DETAIL is missing in the RAISE statement".into(),
        };
        let hint = match self {
            Self::Message(_) => {
                "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and \
                 optional keys: 'details', 'hint'."
            }
            Self::Detail(_) | Self::NoDetail => {
                "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and \
                 optional key: 'status_text'."
            }
        };
        Reply {
            details: details.into(),
            hint: hint.into(),
            ..own(
                StatusCode::INTERNAL_SERVER_ERROR,
                "PGRST121",
                "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",
            )
        }
    }
}

/// The whole answer, as a rule chose it by `raise sqlstate 'PGRST'`.
fn raised<'a>(refusal: &Refusal<'a>) -> Result<Reply, Fault<'a>> {
    #[derive(Deserialize)]
    struct Body {
        code: String,
        message: String,
        #[serde(default)]
        details: Option<String>,
        #[serde(default)]
        hint: Option<String>,
    }
    #[derive(Deserialize)]
    struct Head {
        status: u16,
        #[serde(default)]
        status_text: Option<String>,
        headers: BTreeMap<String, String>,
    }
    let body: Body =
        serde_json::from_str(refusal.message).map_err(|_| Fault::Message(refusal.message))?;
    let text = refusal.details.ok_or(Fault::NoDetail)?;
    let head: Head = serde_json::from_str(text).map_err(|_| Fault::Detail(text))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &head.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Fault::Detail(text))?;
        headers.append(name, HeaderValue::from_str(value).map_err(|_| Fault::Detail(text))?);
    }
    Ok(Reply {
        status: status_of(head.status).ok_or(Fault::Detail(text))?,
        code: body.code,
        message: body.message,
        details: body.details.into(),
        hint: body.hint.into(),
        headers,
        reason: head.status_text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply_to(code: &str, message: &str, details: Option<&str>) -> Reply {
        refusal(&Refusal { code, message, details, hint: None }, true)
    }

    #[test]
    fn state_chooses_the_status() {
        let status = |code| reply_to(code, "", None).status.as_u16();
        assert_eq!(status("23505"), 409);
        assert_eq!(status("42501"), 401);
        assert_eq!(status("42P01"), 404);
        assert_eq!(status("40001"), 500);
        assert_eq!(status("22P02"), 400);
        assert_eq!(status("53300"), 503);
        assert_eq!(status("PT402"), 402);
        assert_eq!(status("PT000"), 500);
        assert_eq!(status("PTxyz"), 500);
        assert_eq!(status("0L000"), 403);
        assert_eq!(status("53400"), 500);
        assert_eq!(status("42P17"), 500);
        assert_eq!(status("P0002"), 500);
        assert_eq!(status("P0001"), 400);
    }

    #[test]
    fn missing_token_is_asked_for() {
        assert!(reply_to("42501", "", None).headers.contains_key("www-authenticate"));
    }

    #[test]
    fn rules_may_choose_the_whole_answer() {
        let message = r#"{"code":"NO","message":"no more","hint":"pay"}"#;
        let details = r#"{"status":402,"headers":{"X-Price":"7"}}"#;
        let reply = reply_to("PGRST", message, Some(details));
        assert_eq!((reply.status.as_u16(), reply.code.as_str()), (402, "NO"));
        assert_eq!(reply.hint, "pay");
        assert_eq!(reply.headers["x-price"], "7");
        assert_eq!(reply.reason, None);
        let named = r#"{"status":299,"status_text":"Fine","headers":{}}"#;
        assert_eq!(reply_to("PGRST", message, Some(named)).reason.as_deref(), Some("Fine"));
    }

    #[test]
    fn answers_that_do_not_read_are_told() {
        let details = |message, detail| reply_to("PGRST", message, detail).details;
        let message = r#"{"code":"NO","message":"no more"}"#;
        assert_eq!(details("no json", None), "Invalid JSON value for MESSAGE: 'no json'");
        assert_eq!(details(message, None), "DETAIL is missing in the RAISE statement");
        for detail in ["{}", r#"{"status":100,"headers":{}}"#, r#"{"status":200}"#] {
            let told = format!("Invalid JSON value for DETAIL: '{detail}'");
            assert_eq!(details(message, Some(detail)), told.as_str());
        }
    }

    #[test]
    fn words_tell_some_states_apart() {
        let status = |code, message| reply_to(code, message, None).status.as_u16();
        assert_eq!(status("21000", "UPDATE requires a WHERE clause"), 400);
        assert_eq!(status("21000", "more than one row"), 500);
        assert_eq!(status("22023", "role \"x\" does not exist"), 401);
        assert_eq!(status("22023", "role of the dice"), 400);
    }
}
