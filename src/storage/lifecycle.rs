//! How long a bucket keeps versions that are not current any more.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::caller::Caller;
use super::store::bucket;
use super::{Error, Storage, reply, request};

/// Most rules of a bucket, and longest name of one.
const MAX_RULES: usize = 1_000;
const MAX_ID_LENGTH: usize = 255;

/// Longest time in days, and most versions that stay whatever their age.
const MAX_DAYS: u64 = 36_500;
const MAX_NEWER: u64 = 100;

/// GET /bucket/{id}/lifecycle
pub(super) async fn read(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let rules = bucket::lifecycle(&storage, &caller, &id).await?;
    Ok(reply(&rules.ok_or(Error::NoLifecycle)?))
}

/// PUT /bucket/{id}/lifecycle
pub(super) async fn replace(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Error> {
    let rules = read_rules(&request::object(&body)?)?;
    bucket::set_lifecycle(&storage, &caller, &id, Some(&rules)).await?;
    Ok(reply(&rules))
}

/// DELETE /bucket/{id}/lifecycle
pub(super) async fn delete(
    State(storage): State<Arc<Storage>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    bucket::set_lifecycle(&storage, &caller, &id, None).await?;
    Ok(reply(&json!({ "message": "Successfully deleted" })))
}

fn read_rules(body: &Map<String, Value>) -> Result<Value, Error> {
    let rules = body.get("rules").ok_or_else(|| request::lacks("rules"))?;
    let rules = rules.as_array().filter(|rules| (1..=MAX_RULES).contains(&rules.len()));
    let rules = rules.ok_or_else(|| {
        Error::Form(format!("body/rules must hold 1 to {MAX_RULES} items").into())
    })?;
    let rules = rules.iter().map(read_rule).collect::<Result<Vec<Value>, Error>>()?;
    let ids: BTreeSet<&str> = rules.iter().filter_map(|rule| rule["id"].as_str()).collect();
    if ids.len() < rules.len() {
        return Err(Error::Invalid("Rule ids must be unique".into()));
    }
    Ok(json!({ "rules": rules }))
}

fn read_rule(rule: &Value) -> Result<Value, Error> {
    let odd = |why: &'static str| Error::Form(why.into());
    let rule = rule.as_object().ok_or_else(|| odd("body/rules/0 must be object"))?;
    let id = match request::text(rule, "id")? {
        Some(id) if id.is_empty() || id.chars().count() > MAX_ID_LENGTH => {
            return Err(odd("body/rules/0/id must have 1 to 255 characters"));
        }
        Some(id) => id.to_owned(),
        None => Uuid::new_v4().to_string(),
    };
    let status = request::needed(rule, "status")?;
    if !["Enabled", "Disabled"].contains(&status) {
        return Err(request::not_allowed("body/rules/0/status"));
    }
    if rule.get("filter").and_then(Value::as_object).is_none_or(|filter| !filter.is_empty()) {
        return Err(odd("body/rules/0/filter must be {}"));
    }
    let known = ["id", "status", "filter", "noncurrentVersionExpiration"];
    if rule.keys().any(|key| !known.contains(&key.as_str())) {
        return Err(odd("body/rules/0 must NOT have additional properties"));
    }
    let expiration = rule.get("noncurrentVersionExpiration").and_then(Value::as_object);
    let expiration = expiration.ok_or_else(|| request::lacks("noncurrentVersionExpiration"))?;
    let days = request::number(expiration, "noncurrentDays", 1)?;
    let days = days.ok_or_else(|| request::lacks("noncurrentDays"))?;
    let newer = request::number(expiration, "newerNoncurrentVersions", 1)?;
    if days > MAX_DAYS || newer.is_some_and(|newer| newer > MAX_NEWER) {
        return Err(odd("body/rules/0/noncurrentVersionExpiration is out of range"));
    }
    let mut told = json!({ "noncurrentDays": days });
    if let Some(newer) = newer {
        told["newerNoncurrentVersions"] = newer.into();
    }
    Ok(json!({ "id": id, "status": status, "filter": {}, "noncurrentVersionExpiration": told }))
}
