//! The environment itself: which variables there are, and which of them are ours.
#![expect(clippy::disallowed_methods, reason = "settings are read here and nowhere else")]

use std::collections::BTreeMap;

use clap::CommandFactory;

use super::CommandLine;

/// Environment variables that begin with `WALKIE_` and mean nothing: a misspelt setting must
/// not be silently ignored.
pub fn unknown_variables() -> Vec<String> {
    let known = variables();
    let mut unknown: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("WALKIE_") && !known.contains(name))
        .collect();
    unknown.sort();
    unknown
}

/// PostgREST's settings in the environment, by name.
pub fn postgrest_variables() -> BTreeMap<String, String> {
    let is_setting = |(name, _): &(String, String)| name.starts_with("PGRST_");
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(is_setting)
        .collect()
}

/// A variable that a file of settings names.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Every environment variable some command reads.
pub fn variables() -> Vec<String> {
    let mut names: Vec<String> = CommandLine::command()
        .get_subcommands()
        .flat_map(clap::Command::get_arguments)
        .filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
