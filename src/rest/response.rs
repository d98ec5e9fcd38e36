//! Answer -> HTTP: status, headers, body.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::{Error, RangeFault, insert};
use super::media::{Media, Negotiated};
use super::plan::{Plan, Rows, Work, WritePlan};
use super::prefer::{Preferences, Resolution};
use super::request::ApiRequest;
use super::run::Answer;
use super::{etag, keyset};
use crate::pg::catalog::routine::Shape;

const CONTENT_PROFILE: HeaderName = HeaderName::from_static("content-profile");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const WALKIE_PLACE: HeaderName = HeaderName::from_static("walkie-place");

/// Longest place in a header, in bytes: proxies refuse answers whose headers are large.
const MAX_PLACE_BYTES: usize = 2000;

/// What stays as it is in an address.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Writes the answer of a plan that asked Postgres.
pub fn write(
    request: &ApiRequest,
    plan: &Plan,
    format: &Negotiated,
    answer: Answer,
) -> Result<Response, Error> {
    let mut headers = HeaderMap::new();
    insert(&mut headers, header::VARY, "Accept, Prefer, Range");
    if let Media::Plan(_) = format.media {
        tell_format(request, format, &mut headers);
        return Ok(respond(request, StatusCode::OK, headers, answer.body));
    }
    let status = match plan {
        Plan::Read(_) => read_head(request, &answer, &mut headers)?,
        Plan::Write(write) => write_head(request, write, &answer, &mut headers),
        Plan::Call(call) => {
            let status = window_head(request, &answer, &mut headers)?;
            if call.shape == Shape::Void { StatusCode::NO_CONTENT } else { status }
        }
        Plan::Inspect(verbs) => return Ok(inspection(verbs)),
    };
    if let Some(applied) = applied(request, plan, &answer).applied() {
        insert(&mut headers, PREFERENCE_APPLIED, &applied);
    }
    if let Some(place) = &answer.place {
        insert(&mut headers, WALKIE_PLACE, &bounded(place));
    }
    if has_body(plan) {
        tell_format(request, format, &mut headers);
    }
    if let Plan::Read(rows) = plan
        && let Some(next) = next_page(request, rows, &answer)?
    {
        insert(&mut headers, header::LINK, &format!("<?{next}>; rel=\"next\""));
    }
    let status = overridden(status, &answer, &mut headers)?;
    if let Some(lines) = answer.lines {
        return Ok((status, headers, lines).into_response());
    }
    let body = answer.body.filter(|_| has_body(plan));
    if request.wants_etag() && status.is_success() {
        let etag = etag::of(status, &headers, body.as_deref().unwrap_or_default());
        insert(&mut headers, header::ETAG, &etag);
        if request.known_etags.as_ref().is_some_and(|known| etag::is_known(known, &etag)) {
            headers.remove(header::CONTENT_TYPE);
            return Ok((StatusCode::NOT_MODIFIED, headers, unsent()).into_response());
        }
    }
    Ok(respond(request, status, headers, body))
}

/// The query of the page behind this one. A full page has one, though it may be empty.
fn next_page(request: &ApiRequest, rows: &Rows, answer: &Answer) -> Result<Option<String>, Error> {
    match (&rows.keyset, rows.window.limit, &answer.location) {
        (Some(keyset), Some(limit), Some(last)) if answer.rows >= limit => {
            let cursor = keyset::write(&keyset.order, last)?;
            Ok(Some(request.query.onward(&cursor, limit)))
        }
        _ => Ok(None),
    }
}

/// In which format, and of which schema, the body is.
fn tell_format(request: &ApiRequest, format: &Negotiated, headers: &mut HeaderMap) {
    insert(headers, header::CONTENT_TYPE, &format.media.content_type());
    if request.is_profiled {
        insert(headers, CONTENT_PROFILE, &request.schema);
    }
}

fn respond(
    request: &ApiRequest,
    status: StatusCode,
    headers: HeaderMap,
    body: Option<Bytes>,
) -> Response {
    let body = if request.is_head() { unsent() } else { Body::from(body.unwrap_or_default()) };
    (status, headers, body).into_response()
}

/// A body that is left out. Nobody is told how long it would be.
fn unsent() -> Body {
    Body::from_stream(stream::empty::<Result<Bytes, Infallible>>())
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
    if answer.lines.is_some() {
        // Nobody knows yet how many there are.
        return Ok(StatusCode::OK);
    }
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
    let inserted = answer.rows - answer.updated.unwrap_or_default();
    if plan.work.is_put() {
        return match (plan.rows.is_some(), inserted > 0) {
            (true, true) => StatusCode::CREATED,
            (true, false) => StatusCode::OK,
            (false, _) => StatusCode::NO_CONTENT,
        };
    }
    let total = answer.total.map_or_else(|| "*".into(), |total| total.to_string());
    let is_update = matches!(plan.work, Work::Update { .. } | Work::Nothing);
    let range = if is_update && answer.rows > 0 {
        format!("0-{}/{total}", answer.rows - 1)
    } else {
        format!("*/{total}")
    };
    insert(headers, header::CONTENT_RANGE, &range);
    if let Some(location) = answer.location.as_deref().and_then(|key| location(plan, key)) {
        insert(headers, header::LOCATION, &location);
    }
    let merges = request.preferences.resolution == Some(Resolution::MergeDuplicates);
    match plan.work {
        Work::Insert { .. } if merges && inserted <= 0 => StatusCode::OK,
        Work::Insert { .. } => StatusCode::CREATED,
        _ if plan.rows.is_none() => StatusCode::NO_CONTENT,
        _ => StatusCode::OK,
    }
}

/// `/table?key=eq.value` of a new row, from names and texts of its key as JSON.
fn location(plan: &WritePlan, key: &str) -> Option<String> {
    let encoded = |text: &str| utf8_percent_encode(text, KEPT).to_string();
    let key: Vec<(String, Option<String>)> = serde_json::from_str(key).ok()?;
    let parts: Vec<String> = key
        .iter()
        .map(|(column, value)| match value {
            None => format!("{}=is.null", encoded(column)),
            Some(value) => format!("{}=eq.{}", encoded(column), encoded(value)),
        })
        .collect();
    Some(format!("/{}?{}", encoded(&plan.table), parts.join("&")))
}

/// The preferences that meant something here.
fn applied(request: &ApiRequest, plan: &Plan, answer: &Answer) -> Preferences {
    let asked = &request.preferences;
    let everywhere = Preferences {
        count: asked.count.filter(|_| answer.lines.is_none()),
        end: asked.end,
        handling: asked.handling,
        timezone: asked.timezone.clone(),
        etag: asked.etag && request.wants_etag() && answer.lines.is_none(),
        ..Preferences::default()
    };
    let written = Preferences { representation: asked.representation, ..everywhere.clone() };
    match plan {
        Plan::Read(_) => {
            Preferences { cursor: asked.cursor && answer.lines.is_none(), ..everywhere }
        }
        Plan::Inspect(_) => everywhere,
        Plan::Call(_) => Preferences { max_affected: asked.max_affected, ..everywhere },
        Plan::Write(write) => match &write.work {
            work if work.is_put() => written,
            Work::Insert { conflict, .. } => Preferences {
                resolution: asked.resolution.filter(|_| conflict.is_some()),
                missing: asked.missing,
                ..written
            },
            Work::Update { .. } | Work::Nothing => {
                Preferences { missing: asked.missing, max_affected: asked.max_affected, ..written }
            }
            Work::Delete { .. } => Preferences { max_affected: asked.max_affected, ..written },
        },
    }
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
        let chosen: Vec<BTreeMap<String, String>> =
            serde_json::from_str(chosen).map_err(|_| fault())?;
        if chosen.iter().any(|object| object.len() != 1) {
            return Err(fault());
        }
        // A header named here replaces ours; named twice it is sent twice.
        let mut seen: Vec<HeaderName> = Vec::new();
        for (name, value) in chosen.iter().flatten() {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fault())?;
            let value = HeaderValue::from_str(value).map_err(|_| fault())?;
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
            .filter(|status| !status.is_informational())
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
