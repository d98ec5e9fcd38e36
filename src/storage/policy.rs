//! What a refusal by row policies may come of: the command that no policy permits at all.

use super::caller::Caller;
use super::store::change;
use super::{Error, Storage};

/// Something that is done, and the commands on a table that policies must permit for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    what: &'static str,
    table: &'static str,
    commands: &'static [&'static str],
}

const OBJECTS: &str = "storage.objects";

/// A new object.
pub(super) const UPLOAD: Needs = Needs { what: "An upload", table: OBJECTS, commands: &["INSERT"] };

/// An object that may take the place of another.
pub(super) const UPSERT: Needs =
    Needs { what: "An upsert", table: OBJECTS, commands: &["INSERT", "SELECT", "UPDATE"] };

/// Another name for an object.
pub(super) const MOVE: Needs =
    Needs { what: "A move", table: OBJECTS, commands: &["SELECT", "UPDATE"] };

/// A new bucket.
pub(super) const BUCKET: Needs =
    Needs { what: "A new bucket", table: "storage.buckets", commands: &["INSERT"] };

/// Adds to a refusal of policies which of them may be missing.
///
/// # Errors
/// What was refused.
pub(super) async fn explain<T>(
    storage: &Storage,
    caller: &Caller,
    needs: Needs,
    outcome: Result<T, Error>,
) -> Result<T, Error> {
    let Err(Error::RowSecurity(None)) = outcome else { return outcome };
    let Needs { what, table, commands } = needs;
    let missing = change::missing_policies(storage, caller, table, commands).await;
    let (role, all) = (&caller.identity.role, commands.join(", "));
    let hint = match missing {
        Ok(missing) if missing.is_empty() => {
            format!(
                "{what} needs {all} on {table}; policies permit these to {role}, but not for this row"
            )
        }
        Ok(missing) => {
            let missing = missing.join(", ");
            format!("{what} needs {all} on {table}; no policy permits {missing} to {role}")
        }
        Err(_) => return outcome,
    };
    Err(Error::RowSecurity(Some(hint)))
}
