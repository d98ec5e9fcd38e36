//! In which format a plan's rows leave.

use super::super::error::Error;
use super::super::media::{Negotiated, Offer};
use super::super::query::select::Item;
use super::super::request::{Action, ApiRequest};
use super::{CallPlan, Plan};
use crate::pg::Catalog;
use crate::pg::catalog::producer::Target;

/// The first accepted format that the plan's rows can have. `shows_plans` tells whether execution
/// plans are one.
pub fn negotiate(
    request: &ApiRequest,
    plan: &Plan,
    catalog: &Catalog,
    shows_plans: bool,
) -> Result<Negotiated, Error> {
    // Producers of a relation take its rows whole.
    let is_whole = match request.query.select.as_deref() {
        None => true,
        Some(items) => matches!(items, [Item::All]),
    };
    let target = target(request, plan).filter(|_| is_whole);
    let producers = &|target: &Target, media: &str| catalog.producer(target, media);
    let streams = match plan {
        Plan::Read(_) => true,
        // What was done for too many rows could not be undone once they were told.
        Plan::Call(call) => call.is_set && request.preferences.limit().is_none(),
        Plan::Write(_) | Plan::Inspect(_) => false,
    };
    Offer { producers, target, shows_plans, streams }.negotiate(&request.accepts)
}

fn target(request: &ApiRequest, plan: &Plan) -> Option<Target> {
    match (plan, &request.action) {
        (Plan::Call(CallPlan { schema, routine, table, .. }), _) => Some(match table {
            Some((schema, table)) => Target::Named(schema.clone(), table.clone()),
            None => Target::Named(schema.clone(), routine.clone()),
        }),
        (_, Action::Read(name) | Action::Write(name, _)) => {
            Some(Target::Named(request.schema.clone(), name.clone()))
        }
        _ => None,
    }
}
