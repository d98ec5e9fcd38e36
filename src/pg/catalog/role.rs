//! What was set for a role with `alter role … set`: a login applies it, putting a role on does
//! not.

use serde::Deserialize;

/// The settings of one role that the server may put on.
#[derive(Debug, Clone, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Names and values.
    pub settings: Vec<(String, String)>,
}
