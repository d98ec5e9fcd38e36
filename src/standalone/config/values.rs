//! Settings by name, from all places where they may stand: a file, the environment, the database.
//! What comes later in this list speaks. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::ConfigError;
use super::keys::{KEYS, Key, Kind};

/// How `app.settings.jwt_lifetime` begins.
const APP_SETTINGS: &str = "app.settings.";

/// How the same begins in the environment.
const APP_VARIABLES: &str = "PGRST_APP_SETTINGS_";

/// Settings by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    known: BTreeMap<&'static str, String>,
    /// By their whole names.
    pub app_settings: BTreeMap<String, String>,
}

impl Values {
    /// What the three places say, each by its own names; a name nobody knows is passed over.
    pub fn new(
        file: &BTreeMap<String, String>,
        environment: &BTreeMap<String, String>,
        database: &BTreeMap<String, String>,
    ) -> Self {
        let said = |key: &Key| {
            let names = || std::iter::once(&key.name).chain(key.aliases);
            let by_database = key.is_in_database.then(|| database.get(&key.database_name()));
            by_database
                .flatten()
                .or_else(|| names().find_map(|name| environment.get(&Key::variable(name))))
                .or_else(|| names().find_map(|name| file.get(*name)))
                .map_or(key.default, String::as_str)
                .to_owned()
        };
        let of_file = file
            .iter()
            .filter(|(name, _)| name.starts_with(APP_SETTINGS))
            .map(|(name, value)| (name.clone(), value.clone()));
        let of_environment = environment.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix(APP_VARIABLES)?.to_lowercase();
            Some((format!("{APP_SETTINGS}{name}"), value.clone()))
        });
        Self {
            known: KEYS.iter().map(|key| (key.name, said(key))).collect(),
            app_settings: of_file.chain(of_environment).collect(),
        }
    }

    /// A text; none where it is empty.
    pub fn text(&self, name: &'static str) -> Option<&str> {
        self.known.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A list separated by commas.
    pub fn list(&self, name: &'static str) -> Vec<String> {
        let parts = self.text(name).unwrap_or_default().split(',').map(str::trim);
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// A whole number; none where nothing is said.
    pub fn number<T: std::str::FromStr>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, ConfigError> {
        let read = |text: &str| text.parse().map_err(|_| ConfigError::Number(name));
        self.text(name).map(read).transpose()
    }

    /// True or false; numbers other than 0 are true.
    pub fn switch(&self, name: &'static str) -> Result<bool, ConfigError> {
        let text = self.text(name).unwrap_or_default().to_lowercase();
        match text.as_str() {
            "true" | "on" | "yes" => Ok(true),
            "false" | "off" | "no" | "" => Ok(false),
            text => {
                text.parse().map(|number: i64| number != 0).map_err(|_| ConfigError::Switch(name))
            }
        }
    }

    /// One of these words.
    pub fn word<T: Copy>(&self, name: &'static str, words: &[(&str, T)]) -> Result<T, ConfigError> {
        let text = self.text(name).unwrap_or_default();
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        found.ok_or(ConfigError::Word(name))
    }

    /// All of them as a file would say them.
    pub fn file(&self) -> String {
        let mut file = String::new();
        for key in KEYS {
            let value = self.known.get(key.name).map_or("", String::as_str);
            let _ = writeln!(file, "{} = {}", key.name, written(key.kind, value));
        }
        for (name, value) in &self.app_settings {
            let _ = writeln!(file, "{name} = {}", written(Kind::Text, value));
        }
        file
    }
}

fn written(kind: Kind, value: &str) -> String {
    let is_bare = match kind {
        Kind::Text => false,
        Kind::Number => !value.is_empty(),
        Kind::Switch => true,
    };
    if is_bare {
        return value.to_lowercase();
    }
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$");
    format!("\"{}\"", value.replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r"))
}

/// A file that tells every setting, none of them said.
pub fn example() -> String {
    let mut file = String::new();
    for key in KEYS {
        let _ = writeln!(
            file,
            "## {}\n# {} = {}\n",
            key.meaning,
            key.name,
            written(key.kind, key.default)
        );
    }
    file.push_str("## Settings of every transaction: current_setting('app.settings.name')\n");
    file.push_str("# app.settings.name = \"value\"\n");
    file
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn database_speaks_before_environment_before_file() {
        let file = map(&[("db-schemas", "f"), ("db-pool", "1"), ("jwt-aud", "f"), ("other", "x")]);
        let environment = map(&[("PGRST_DB_SCHEMAS", "e"), ("PGRST_JWT_AUD", "e")]);
        let database = map(&[("pgrst.db_schemas", "d"), ("pgrst.db_pool", "9")]);
        let values = Values::new(&file, &environment, &database);
        assert_eq!(values.text("db-schemas"), Some("d"));
        assert_eq!(values.text("jwt-aud"), Some("e"));
        // The size of the pool is not for the database to say.
        assert_eq!(values.number::<u16>("db-pool").ok().flatten(), Some(1));
        assert_eq!(values.text("db-channel"), Some("pgrst"));
    }

    #[test]
    fn former_names_and_app_settings_count() {
        let file = map(&[("max-rows", "7"), ("app.settings.a", "1"), ("app.settings.b", "1")]);
        let environment = map(&[("PGRST_PRE_REQUEST", "f"), ("PGRST_APP_SETTINGS_B", "2")]);
        let values = Values::new(&file, &environment, &BTreeMap::new());
        assert_eq!(values.text("db-max-rows"), Some("7"));
        assert_eq!(values.text("db-pre-request"), Some("f"));
        assert_eq!(values.app_settings, map(&[("app.settings.a", "1"), ("app.settings.b", "2")]));
    }

    #[test]
    fn switches_may_be_words_and_numbers() {
        let switch = |text: &str| {
            let environment = map(&[("PGRST_LOG_QUERY", text)]);
            Values::new(&BTreeMap::new(), &environment, &BTreeMap::new()).switch("log-query").ok()
        };
        assert_eq!([switch("TRUE"), switch("1"), switch("5")], [Some(true); 3]);
        assert_eq!([switch("false"), switch("0"), switch("")], [Some(false); 3]);
        assert_eq!(switch("perhaps"), None);
    }

    #[test]
    fn what_is_printed_reads_back_the_same() {
        let odd = "a \"quoted\" $(NAME) \\ line\nand\tmore";
        let first = map(&[("jwt-secret", odd), ("app.settings.x", odd), ("db-pool", "3")]);
        let values = Values::new(&first, &BTreeMap::new(), &BTreeMap::new());
        let again = file::read(&values.file(), |_| None).expect("a file");
        assert_eq!(Values::new(&again, &BTreeMap::new(), &BTreeMap::new()), values);
        // An example is all comments; without their signs it says what nothing said means.
        assert_eq!(file::read(&example(), |_| None), Ok(BTreeMap::new()));
        let defaults = file::read(&example().replace("\n# ", "\n"), |_| None).expect("a file");
        let nothing = Values::new(&BTreeMap::new(), &BTreeMap::new(), &BTreeMap::new());
        let said = Values::new(&defaults, &BTreeMap::new(), &BTreeMap::new());
        assert_eq!(said.known, nothing.known);
        assert!(defaults.len() > 40, "{defaults:?}");
    }
}
