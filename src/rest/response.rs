//! Answer -> HTTP: status, headers, body.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::error::{Error, RangeFault, insert};
use super::plan::{Plan, Work, WritePlan};
use super::prefer::{Preferences, Return};
use super::request::{Action, ApiRequest, Change};
use super::run::Answer;
use crate::pg::catalog::routine::Shape;

const CONTENT_PROFILE: HeaderName = HeaderName::from_static("content-profile");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const WALKIE_PLACE: HeaderName = HeaderName::from_static("walkie-place");

/// Longest place in a header, in bytes: proxies refuse answers whose headers are large.
const MAX_PLACE_BYTES: usize = 2000;

/// Writes the answer of a plan that asked Postgres. `is_profiled` tells that several schemas
/// are served.
pub fn write(
    request: &ApiRequest,
    plan: &Plan,
    answer: Answer,
    is_profiled: bool,
) -> Result<Response, Error> {
    let mut headers = HeaderMap::new();
    let status = match plan {
        Plan::Read(_) => read_head(request, &answer, &mut headers)?,
        Plan::Write(write) => write_head(request, write, &answer, &mut headers),
        Plan::Call(call) if call.shape == Shape::Void => StatusCode::NO_CONTENT,
        Plan::Call(_) => window_head(request, &answer, &mut headers)?,
        Plan::Inspect(verbs) => return Ok(inspection(verbs)),
    };
    if is_profiled {
        insert(&mut headers, CONTENT_PROFILE, &request.schema);
    }
    if let Some(applied) = applied(request, plan).applied() {
        insert(&mut headers, PREFERENCE_APPLIED, &applied);
    }
    if let Some(place) = &answer.place {
        insert(&mut headers, WALKIE_PLACE, &bounded(place));
    }
    if has_body(plan) {
        insert(&mut headers, header::CONTENT_TYPE, request.media.content_type());
    }
    let status = overridden(status, &answer, &mut headers)?;
    let body = if !has_body(plan) || request.is_head() {
        Body::empty()
    } else {
        // A single result that is not there is null.
        Body::from(answer.body.unwrap_or_else(|| "null".into()))
    };
    Ok((status, headers, body).into_response())
}

/// A place `X/Y@xmin:xmax:xip,..` of bounded length. Where very many transactions are running,
/// none that began after the oldest of them counts as seen: what they changed follows once more,
/// and nothing is missed.
fn bounded(place: &str) -> Cow<'_, str> {
    let oldest = place.split(':').next().and_then(|start| start.split_once('@'));
    match oldest {
        Some((end, xmin)) if place.len() > MAX_PLACE_BYTES => {
            format!("{end}@{xmin}:{xmin}:").into()
        }
        _ => place.into(),
    }
}

fn has_body(plan: &Plan) -> bool {
    match plan {
        Plan::Read(_) => true,
        Plan::Write(write) => write.rows.is_some(),
        Plan::Call(call) => call.shape != Shape::Void,
        Plan::Inspect(_) => false,
    }
}

fn read_head(
    request: &ApiRequest,
    answer: &Answer,
    headers: &mut HeaderMap,
) -> Result<StatusCode, Error> {
    insert(headers, header::VARY, "Accept, Prefer, Range");
    let query = &request.query.canonical;
    let location =
        if query.is_empty() { request.path.clone() } else { format!("{}?{query}", request.path) };
    insert(headers, header::CONTENT_LOCATION, &location);
    window_head(request, answer, headers)
}

/// Which part of all rows this is.
fn window_head(
    request: &ApiRequest,
    answer: &Answer,
    headers: &mut HeaderMap,
) -> Result<StatusCode, Error> {
    let offset = request.window.offset;
    let range = request.window.content_range(answer.rows, answer.total);
    insert(headers, header::CONTENT_RANGE, &range);
    match answer.total {
        Some(total) if offset > total => Err(Error::Range(RangeFault::Beyond { offset, total })),
        Some(total) if answer.rows < total => Ok(StatusCode::PARTIAL_CONTENT),
        _ => Ok(StatusCode::OK),
    }
}

fn write_head(
    request: &ApiRequest,
    plan: &WritePlan,
    answer: &Answer,
    headers: &mut HeaderMap,
) -> StatusCode {
    let total = answer.total.map_or_else(|| "*".into(), |total| total.to_string());
    let is_update = matches!(request.action, Action::Write(_, Change::Update));
    let range = if is_update && answer.rows > 0 {
        format!("0-{}/{total}", answer.rows - 1)
    } else {
        format!("*/{total}")
    };
    insert(headers, header::CONTENT_RANGE, &range);
    if let Some(location) = answer.location.as_deref().and_then(|key| location(plan, key)) {
        insert(headers, header::LOCATION, &location);
    }
    match &plan.work {
        Work::Insert { conflict: Some(_), .. }
            if answer.rows == answer.updated.unwrap_or_default() =>
        {
            StatusCode::OK
        }
        Work::Insert { .. } => StatusCode::CREATED,
        Work::Nothing if request.method == Method::POST => StatusCode::CREATED,
        _ if plan.rows.is_none() => StatusCode::NO_CONTENT,
        _ => StatusCode::OK,
    }
}

/// `/table?key=eq.value` of a new row, from its key as JSON.
fn location(plan: &WritePlan, key: &str) -> Option<String> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let key: Map<String, Value> = serde_json::from_str(key).ok()?;
    let parts: Vec<String> = plan
        .location
        .iter()
        .map(|column| {
            let condition = match key.get(column) {
                None | Some(Value::Null) => "is.null".to_owned(),
                Some(Value::String(text)) => format!("eq.{}", encoded(text)),
                Some(value) => format!("eq.{}", encoded(&value.to_string())),
            };
            format!("{}={condition}", encoded(column))
        })
        .collect();
    Some(format!("/{}?{}", encoded(&plan.table), parts.join("&")))
}

/// The preferences that meant something here.
fn applied(request: &ApiRequest, plan: &Plan) -> Preferences {
    let mut preferences = request.preferences;
    match plan {
        Plan::Write(write) => match &write.work {
            Work::Insert { conflict: Some(_), .. } => {}
            Work::Insert { .. } => preferences.resolution = None,
            _ => (preferences.resolution, preferences.missing) = (None, None),
        },
        _ => {
            preferences = Preferences { count: preferences.count, ..Preferences::default() };
        }
    }
    if preferences.representation == Some(Return::HeadersOnly) && request.method != Method::POST {
        preferences.representation = Some(Return::Minimal);
    }
    preferences
}

/// Rules may choose status and headers: `response.status`, and `response.headers` as an array
/// of objects with one member each.
fn overridden(
    status: StatusCode,
    answer: &Answer,
    headers: &mut HeaderMap,
) -> Result<StatusCode, Error> {
    if let Some(chosen) = &answer.headers {
        let fault = || Error::Override("response.headers");
        let chosen: Vec<Map<String, Value>> = serde_json::from_str(chosen).map_err(|_| fault())?;
        // A header named here replaces ours; named twice it is sent twice.
        let mut seen: Vec<HeaderName> = Vec::new();
        for (name, value) in chosen.iter().flatten() {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fault())?;
            let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok());
            let value = value.ok_or_else(fault)?;
            if seen.contains(&name) {
                headers.append(name, value);
            } else {
                headers.insert(name.clone(), value);
                seen.push(name);
            }
        }
    }
    match &answer.status {
        None => Ok(status),
        Some(chosen) => chosen
            .parse()
            .ok()
            .and_then(|chosen| StatusCode::from_u16(chosen).ok())
            .ok_or(Error::Override("response.status")),
    }
}

fn inspection(verbs: &[Method]) -> Response {
    let verbs: Vec<&str> = verbs.iter().map(Method::as_str).collect();
    let mut headers = HeaderMap::new();
    insert(&mut headers, header::ALLOW, &verbs.join(","));
    (StatusCode::OK, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_places_are_cut_so_that_nothing_is_missed() {
        let place = "0/1A@742:745:742,744";
        assert_eq!(bounded(place), place);
        let running: Vec<String> = (742..1742).map(|xid| xid.to_string()).collect();
        let long = format!("0/1A@742:1800:{}", running.join(","));
        assert_eq!(bounded(&long), "0/1A@742:742:");
    }
}
