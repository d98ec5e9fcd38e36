//! What Postgres refuses, as the dialect tells it: the SQLSTATE chooses the status.

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
    }
}

fn refusal(refusal: &Refusal<'_>, is_anonymous: bool) -> Reply {
    if refusal.code == "PGRST" {
        return raised(refusal).unwrap_or_else(|| Reply {
            details: "MESSAGE must be a JSON object with code and message, DETAIL one with status"
                .into(),
            ..own(
                StatusCode::INTERNAL_SERVER_ERROR,
                "PGRST121",
                "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",
            )
        });
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
    }
}

/// A status that a rule chose by `raise sqlstate 'PTxyz'`.
fn chosen(code: &str) -> Option<StatusCode> {
    let status = code.strip_prefix("PT")?;
    StatusCode::from_u16(status.parse().ok()?).ok()
}

fn status(refusal: &Refusal<'_>, is_anonymous: bool) -> StatusCode {
    if let Some(status) = chosen(refusal.code) {
        return status;
    }
    let class = refusal.code.get(..2).unwrap_or_default();
    match (class, refusal.code) {
        (_, "42501") if is_anonymous => StatusCode::UNAUTHORIZED,
        (_, "42501") => StatusCode::FORBIDDEN,
        (_, "22023") if refusal.message.starts_with("role ") => StatusCode::UNAUTHORIZED,
        (_, "23503" | "23505") => StatusCode::CONFLICT,
        (_, "25006") => StatusCode::METHOD_NOT_ALLOWED,
        (_, "42883" | "42P01") => StatusCode::NOT_FOUND,
        (_, "P0001") => StatusCode::BAD_REQUEST,
        (_, "57P01") | ("08", _) => StatusCode::SERVICE_UNAVAILABLE,
        ("53", state) if state != "53400" => StatusCode::SERVICE_UNAVAILABLE,
        ("0L" | "0P" | "28", _) => StatusCode::FORBIDDEN,
        (
            "09" | "25" | "2D" | "38" | "39" | "3B" | "40" | "53" | "54" | "55" | "57" | "58"
            | "F0" | "HV" | "P0" | "XX",
            _,
        )
        | (_, "42P17" | "21000") => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// The whole answer, as a rule chose it by `raise sqlstate 'PGRST'`.
fn raised(refusal: &Refusal<'_>) -> Option<Reply> {
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
        headers: serde_json::Map<String, Value>,
    }
    let body: Body = serde_json::from_str(refusal.message).ok()?;
    let head: Head = serde_json::from_str(refusal.details?).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in &head.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_str(value.as_str()?).ok()?);
    }
    Some(Reply {
        status: StatusCode::from_u16(head.status).ok()?,
        code: body.code,
        message: body.message,
        details: body.details.into(),
        hint: body.hint.into(),
        headers,
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
        assert_eq!(status("PT000"), 400);
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
        assert_eq!(reply_to("PGRST", "no json", None).code, "PGRST121");
    }
}
