//! The house rules, read from the source itself. Needs no database.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

/// A module may import only modules of a lower rank. Same rank: never.
const RANKS: &[&[&str]] = &[
    &["config"],
    &["observe"],
    &["identity"],
    &["pg", "http", "embedded", "blob"],
    &["wal"],
    &["rest", "auth", "realtime", "storage", "jobs", "typescript"],
    &["server", "standalone"],
    &["main"],
];

/// The live log is for one dialect; `server` only starts it.
const READERS_OF_THE_LOG: &[&str] = &["wal", "realtime", "server"];

/// What a module must not know, by the crates that would tell it.
const UNKNOWN: &[(&str, &[&str])] = &[
    ("http", &["tokio_postgres", "deadpool_postgres"]),
    ("pg", &["axum", "tower", "tower_http"]),
    ("blob", &["axum", "tower", "tower_http", "tokio_postgres", "deadpool_postgres"]),
    ("wal", &["axum", "tower", "tower_http", "tokio_tungstenite"]),
];

/// Words that say nothing about what a file or type is.
const EMPTY_WORDS: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "misc", "types", "manager", "service",
    "handler", "impl",
];

/// What exists only as tables, functions and policies.
const CHAT_NOUNS: &[&str] = &[
    "chat",
    "conversation",
    "room",
    "dm",
    "persona",
    "mention",
    "moderator",
    "reaction",
    "unread",
];

/// All there is at the top, hidden entries and build output aside.
const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "bin",
    "build.rs",
    "clippy.toml",
    "docs",
    "migrations",
    "policies",
    "rustfmt.toml",
    "sql",
    "src",
    "supabase-compat",
    "target",
    "tests",
    "web",
];

#[test]
fn modules_import_only_lower_ranks() {
    let rank = |module: &str| RANKS.iter().position(|rank| rank.contains(&module));
    let mut found = Vec::new();
    for file in rust_files(&["src"]) {
        let Some(own) = file.module() else { continue };
        let Some(own_rank) = rank(&own) else {
            found.push(file.finding(1, "this module has no rank"));
            continue;
        };
        for (line, other) in file.imports() {
            if other != own && rank(&other).is_some_and(|rank| rank >= own_rank) {
                found.push(file.finding(line, &format!("{own} must not import {other}")));
            }
            if other == "wal" && !READERS_OF_THE_LOG.contains(&own.as_str()) {
                found.push(file.finding(line, &format!("{own} must not read the log")));
            }
        }
    }
    assert_none(&found);
}

#[test]
fn floors_do_not_know_what_is_not_theirs() {
    let mut found = Vec::new();
    for file in rust_files(&["src"]) {
        let own = file.module().unwrap_or_default();
        for (_, crates) in UNKNOWN.iter().filter(|(module, _)| *module == own) {
            for (line, words) in file.words() {
                for word in words.iter().filter(|word| crates.contains(&word.as_str())) {
                    found.push(file.finding(line, &format!("{own} knows no {word}")));
                }
            }
        }
    }
    assert_none(&found);
}

#[test]
fn only_the_settings_read_the_environment() {
    // Which system this is, where its scratch files go and how we were called are no settings.
    let harmless = ["env::consts", "env::temp_dir", "env::current_exe", "env::args_os"];
    let mut found = Vec::new();
    for file in rust_files(&["src"]).iter().filter(|file| !file.path.starts_with("src/config/")) {
        for (line, code) in file.code_lines().take_while(|(line, _)| *line < file.first_test_line())
        {
            let code = harmless.iter().fold(code.to_owned(), |code, call| code.replace(call, ""));
            if code.contains("env::") {
                found.push(file.finding(line, "reads the environment; that is config's"));
            }
        }
    }
    assert_none(&found);
}

#[test]
fn only_the_session_puts_on_a_role() {
    let mut found = Vec::new();
    let files = rust_files(&["src"]).into_iter().chain(files(&["src"], "sql"));
    for file in files.filter(|file| !file.path.starts_with("src/pg/session/")) {
        for (line, code) in file.code_lines() {
            let code = code.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
            // `update t set role = ...` writes a column of that name.
            let code = code.replace("set role =", "");
            let ways = ["set role", "set local role", "set session role", "set_config('role'"];
            if ways.iter().any(|way| code.contains(way)) {
                found.push(file.finding(line, "puts on a role; that is pg/session's"));
            }
        }
    }
    assert_none(&found);
}

#[test]
fn files_and_types_bear_telling_names() {
    let mut found = Vec::new();
    for file in rust_files(&["src", "tests", "benches"]) {
        let names = file.path.trim_end_matches(".rs").split('/');
        for word in names.flat_map(split_name).filter(|word| EMPTY_WORDS.contains(&word.as_str())) {
            found.push(file.finding(1, &format!("a path must not say {word}")));
        }
        for (line, words) in file.words() {
            for name in words
                .windows(2)
                .filter(|pair| ["struct", "enum", "trait", "type", "mod"].contains(&&*pair[0]))
                .map(|pair| &pair[1])
            {
                for word in split_name(name).filter(|word| EMPTY_WORDS.contains(&word.as_str())) {
                    found.push(file.finding(line, &format!("{name} must not say {word}")));
                }
            }
        }
    }
    assert_none(&found);
}

#[test]
fn every_file_opens_with_its_purpose_and_every_folder_has_a_door() {
    let mut found = Vec::new();
    let files = rust_files(&["src", "tests", "benches"]);
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    for file in &files {
        if !file.text.starts_with("//! ") {
            found.push(file.finding(1, "does not open with //! and its purpose"));
        }
        let (folder, _) = file.path.rsplit_once('/').expect("every path starts with a root folder");
        let is_inner = folder.contains('/');
        let has_door = |name: &str| paths.contains(format!("{folder}/{name}").as_str());
        // A program of several files is entered by its main.rs.
        if is_inner && !has_door("mod.rs") && !has_door("main.rs") {
            found.push(file.finding(1, "its folder has no mod.rs"));
        }
    }
    assert_none(&found);
}

#[test]
fn the_source_knows_no_chat() {
    let mut found = Vec::new();
    for file in rust_files(&["src"]) {
        // In the Realtime dialect a room is whoever joined one topic.
        let is_own_noun = |noun: &str| noun == "room" && file.path.starts_with("src/realtime/");
        for (line, words) in file.words().take_while(|(line, _)| *line < file.first_test_line()) {
            for noun in words.iter().flat_map(|word| split_name(word)) {
                let noun = noun.strip_suffix('s').unwrap_or(&noun);
                if CHAT_NOUNS.contains(&noun) && !is_own_noun(noun) {
                    found.push(file.finding(line, &format!("{noun} belongs in SQL")));
                }
            }
        }
    }
    assert_none(&found);
}

#[test]
fn every_rule_and_policy_has_its_twin() {
    let mut found = Vec::new();
    for folder in ["sql", "policies"] {
        let listed = fs::read_to_string(root().join(folder).join("install.sql"))
            .expect("install.sql is the order of its folder");
        for file in files(&[folder], "sql").iter().filter(|file| file.stem() != "install") {
            if !root().join("tests").join(&file.path).exists() {
                found.push(file.finding(1, &format!("has no twin tests/{}", file.path)));
            }
            let line = format!("\\ir {}.sql", file.stem());
            if !listed.lines().any(|listed| listed.trim() == line) {
                found.push(file.finding(1, &format!("is not in {folder}/install.sql")));
            }
        }
    }
    assert_none(&found);
}

#[test]
fn the_top_level_holds_what_it_is_known_for() {
    let mut found = Vec::new();
    for entry in fs::read_dir(root()).expect("the repository can be read") {
        let name = entry.expect("an entry can be read").file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()) {
            found.push(format!("{name}:1: does not belong to the top level"));
        }
    }
    assert_none(&found);
}

#[test]
fn readme_lists_exactly_the_settings_there_are() {
    let listed = settings_of("README.md", |line| {
        let name = line.trim().strip_prefix("| `")?.split('`').next()?;
        name.starts_with("WALKIE_").then(|| (name.to_owned(), String::new()))
    });
    let known: BTreeSet<String> = walkie::config::variables().into_iter().collect();
    assert_same("README.md", &listed, &known);
}

#[test]
fn example_of_the_environment_holds_every_setting_with_its_default() {
    // OPS-01
    let listed = settings_of(".env.example", |line| {
        let (name, value) = line.strip_prefix('#').unwrap_or(line).trim().split_once('=')?;
        name.starts_with("WALKIE_").then(|| (name.to_owned(), value.to_owned()))
    });
    let defaults = defaults();
    assert_same(".env.example", &listed, &defaults.keys().cloned().collect());
    let found: Vec<String> = listed
        .iter()
        .filter(|(name, (_, value))| defaults[*name].as_ref().is_some_and(|it| it != value))
        .map(|(name, (line, value))| format!(".env.example:{line}: {name} defaults not to {value}"))
        .collect();
    assert_none(&found);
}

/// Each setting's default, where it has one.
fn defaults() -> BTreeMap<String, Option<String>> {
    let mut defaults = BTreeMap::new();
    for command in walkie::config::CommandLine::command().get_subcommands() {
        for argument in command.get_arguments() {
            let Some(name) = argument.get_env() else { continue };
            let values: Vec<_> =
                argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
            let takes_value = argument.get_action().takes_values() && !values.is_empty();
            defaults
                .insert(name.to_string_lossy().into_owned(), takes_value.then(|| values.join(",")));
        }
    }
    defaults
}

/// Settings that lines of a document tell, with the line's number and what it says of them.
fn settings_of(
    document: &str,
    read: impl Fn(&str) -> Option<(String, String)>,
) -> BTreeMap<String, (usize, String)> {
    let text = fs::read_to_string(root().join(document))
        .unwrap_or_else(|error| panic!("{document}: {error}"));
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| read(line).map(|(name, value)| (name, (index + 1, value))))
        .collect()
}

fn assert_same(
    document: &str,
    listed: &BTreeMap<String, (usize, String)>,
    known: &BTreeSet<String>,
) {
    let missing = known
        .iter()
        .filter(|name| !listed.contains_key(*name))
        .map(|name| format!("{document}: {name} is missing"));
    let invented = listed
        .iter()
        .filter(|(name, _)| !known.contains(*name))
        .map(|(name, (line, _))| format!("{document}:{line}: there is no setting {name}"));
    assert_none(&missing.chain(invented).collect::<Vec<_>>());
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file, and its text with comments blanked out.
struct Source {
    /// From the root of the repository.
    path: String,
    text: String,
    code: String,
}

fn rust_files(folders: &[&str]) -> Vec<Source> {
    files(folders, "rs")
}

fn files(folders: &[&str], extension: &str) -> Vec<Source> {
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut files = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder of the repository can be read");
            waiting.extend(entries.map(|entry| entry.expect("an entry can be read").path()));
        } else if path.extension().is_some_and(|found| found == extension) {
            let text = fs::read_to_string(&path).expect("a source file is text");
            let code = if extension == "rs" { without_comments(&text) } else { text.clone() };
            let path = path.strip_prefix(root()).expect("found below the root");
            files.push(Source { path: path.to_string_lossy().into_owned(), text, code });
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

impl Source {
    fn finding(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }

    /// The file's name without its extension.
    fn stem(&self) -> String {
        let path = Path::new(&self.path);
        path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The module at the top of the crate this file belongs to; none for lib.rs, the map.
    fn module(&self) -> Option<String> {
        let inside = self.path.strip_prefix("src/")?;
        let module = inside.split('/').next()?.trim_end_matches(".rs");
        (module != "lib").then(|| module.to_owned())
    }

    /// How many modules deep this file is: 1 for src/rest/mod.rs, 2 for src/rest/run.rs.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count() - 1;
        if self.stem() == "mod" { parts - 1 } else { parts }
    }

    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Where the tests at the end of the file begin; their samples may speak of anything.
    fn first_test_line(&self) -> usize {
        let place = self.code.find("#[cfg(test)]\nmod ").unwrap_or(self.code.len());
        self.code[..place].matches('\n').count() + 1
    }

    /// The words of each line of code, strings included.
    fn words(&self) -> impl Iterator<Item = (usize, Vec<String>)> {
        self.code_lines().map(|(line, code)| {
            let is_part = |c: char| c.is_alphanumeric() || c == '_';
            let words = code.split(|c| !is_part(c)).filter(|word| !word.is_empty());
            (line, words.map(str::to_owned).collect())
        })
    }

    /// Names that follow the root of the crate in a path, however the root is written.
    fn imports(&self) -> Vec<(usize, String)> {
        let climb = "super::".repeat(self.depth());
        let mut found = Vec::new();
        for way in ["crate::", "walkie::", climb.as_str()] {
            for (place, _) in self.code.match_indices(way) {
                let goes_on =
                    self.code[..place].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                if !goes_on {
                    let line = self.code[..place].matches('\n').count() + 1;
                    let names = first_names(&self.code[place + way.len()..]);
                    found.extend(names.into_iter().map(|name| (line, name)));
                }
            }
        }
        found
    }
}

/// The first names of the paths at the start of `code`: one, or each inside of braces.
fn first_names(code: &str) -> Vec<String> {
    let name = |text: &str| {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        text[..end].to_owned()
    };
    let Some(group) = code.strip_prefix('{') else { return vec![name(code)] };
    let mut depth = 0;
    let mut names = vec![name(group.trim_start())];
    for (place, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(group[place + 1..].trim_start())),
            _ => {}
        }
    }
    names
}

/// The words of a name, whether written `like_this` or `LikeThis`, in lower case.
fn split_name(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut before_is_lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && before_is_lower) {
            words.push(String::new());
        }
        if c != '_' {
            words.last_mut().expect("never empty").extend(c.to_lowercase());
        }
        before_is_lower = c.is_lowercase();
    }
    words.into_iter().filter(|word| !word.is_empty())
}

/// The same text with every comment blanked out, line by line; strings are kept.
fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            rest = &rest[end..];
            continue;
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
            code.extend(rest[..end].matches('\n'));
            rest = &rest[end..];
            continue;
        } else if c == '"' {
            quoted(rest, '"')
        } else if let Some(end) = raw_string(rest, code.chars().next_back()) {
            end
        } else if c == '\'' && is_character(rest) {
            quoted(rest, '\'')
        } else {
            c.len_utf8()
        };
        code.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    code
}

/// The length of the literal at the start of `text`, its quotes included.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (place, c) in text.char_indices().skip(1) {
        if !is_escaped && c == quote {
            return place + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    text.len()
}

/// The length of the raw string at the start of `text`, if one is there.
fn raw_string(text: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') && before != Some('b') {
        return None;
    }
    let hashes = text.strip_prefix('r')?.chars().take_while(|c| *c == '#').count();
    let body = text[1 + hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    Some(text.len() - body.len() + body.find(&close)? + close.len())
}

/// Whether the quote at the start of `text` opens a character and no lifetime.
fn is_character(text: &str) -> bool {
    let mut rest = text.chars().skip(1);
    match rest.next() {
        Some('\\') => true,
        Some(_) => rest.next() == Some('\''),
        None => false,
    }
}
