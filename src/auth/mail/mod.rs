//! What is written to whom: letters in the person's language, handed to the jobs in the same
//! transaction as the token they carry.

mod reader;
mod template;

use std::collections::BTreeMap;
use std::path::Path;

use include_dir::{Dir, include_dir};

use super::SetupError;
use crate::config::LetterSettings;

pub(super) use reader::Reader;
pub(super) use template::{Template, Values};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/auth/mail/templates");

/// The page of a link that waits for a click; it is HTML alone.
const LINK_PAGE: &str = "link";

/// Everything that is written to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Letter {
    Confirmation,
    Invite,
    Recovery,
    MagicLink,
    EmailChange,
    Reauthentication,
    PasswordChanged,
    EmailChanged,
    PhoneChanged,
    IdentityLinked,
    IdentityUnlinked,
    FactorEnrolled,
    FactorUnenrolled,
}

impl Letter {
    const ALL: [Self; 13] = [
        Self::Confirmation,
        Self::Invite,
        Self::Recovery,
        Self::MagicLink,
        Self::EmailChange,
        Self::Reauthentication,
        Self::PasswordChanged,
        Self::EmailChanged,
        Self::PhoneChanged,
        Self::IdentityLinked,
        Self::IdentityUnlinked,
        Self::FactorEnrolled,
        Self::FactorUnenrolled,
    ];

    /// The first of the letters that only tell what happened.
    const FIRST_NOTIFICATION: Self = Self::PasswordChanged;

    /// As its files and settings name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Invite => "invite",
            Self::Recovery => "recovery",
            Self::MagicLink => "magic_link",
            Self::EmailChange => "email_change",
            Self::Reauthentication => "reauthentication",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::PhoneChanged => "phone_changed",
            Self::IdentityLinked => "identity_linked",
            Self::IdentityUnlinked => "identity_unlinked",
            Self::FactorEnrolled => "mfa_factor_enrolled",
            Self::FactorUnenrolled => "mfa_factor_unenrolled",
        }
    }
}

/// A letter as it leaves.
pub(super) struct Written {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Writes letters.
pub(super) struct Writer {
    /// By language and name of the file.
    templates: BTreeMap<(String, String), Template>,
    default_locale: String,
    notifications: Vec<Letter>,
}

impl Writer {
    /// Reads the templates: those of the operator's folder stand in for the built-in ones.
    pub(super) fn new(settings: &LetterSettings) -> Result<Self, SetupError> {
        let mut templates = BTreeMap::new();
        for file in BUILT_IN.dirs().flat_map(Dir::files) {
            let text = file.contents_utf8().unwrap_or_default();
            add(&mut templates, file.path(), text)?;
        }
        if let Some(folder) = &settings.auth_mailer_templates {
            add_folder(&mut templates, folder)?;
        }
        let notifications = settings.auth_mailer_notifications.iter();
        let notifications = notifications
            .filter(|name| !name.is_empty())
            .map(|name| {
                Letter::ALL
                    .into_iter()
                    .find(|letter| *letter >= Letter::FIRST_NOTIFICATION && *name == letter.name())
                    .ok_or_else(|| SetupError::Notification(name.clone()))
            })
            .collect::<Result<Vec<_>, SetupError>>()?;
        let default_locale = settings.auth_mailer_locale.to_lowercase();
        let writer = Self { templates, default_locale, notifications };
        for letter in Letter::ALL {
            for ending in ["subject", "txt", "html"] {
                let name = format!("{}.{ending}", letter.name());
                if writer.template(&[], &name).is_none() {
                    return Err(SetupError::Template(name, "is missing".to_owned()));
                }
            }
        }
        Ok(writer)
    }

    /// Whether people are told of this.
    pub(super) fn tells(&self, letter: Letter) -> bool {
        letter < Letter::FIRST_NOTIFICATION || self.notifications.contains(&letter)
    }

    /// A letter in the first of these languages that there are templates in.
    pub(super) fn write(&self, letter: Letter, languages: &[String], values: &Values) -> Written {
        let template = |ending: &str| {
            self.template(languages, &format!("{}.{ending}", letter.name()))
                .expect("all were there at the start")
        };
        Written {
            subject: template("subject").line(values),
            text: template("txt").text(values),
            html: template("html").html(values),
        }
    }

    /// The page of a link that waits for a click.
    pub(super) fn link_page(&self, languages: &[String], values: &Values) -> String {
        let page = self.template(languages, &format!("{LINK_PAGE}.html"));
        page.map(|page| page.html(values)).unwrap_or_default()
    }

    fn template(&self, languages: &[String], name: &str) -> Option<&Template> {
        let languages = languages.iter().map(String::as_str);
        languages.chain([self.default_locale.as_str(), "en"]).find_map(|language| {
            let find = |tag: &str| self.templates.get(&(tag.to_lowercase(), name.to_owned()));
            find(language).or_else(|| find(language.split(['-', '_']).next().unwrap_or_default()))
        })
    }
}

/// A text file begins with its subject.
fn add(
    templates: &mut BTreeMap<(String, String), Template>,
    path: &Path,
    text: &str,
) -> Result<(), SetupError> {
    let part = |part: Option<&std::ffi::OsStr>| {
        part.and_then(std::ffi::OsStr::to_str).unwrap_or_default().to_owned()
    };
    let locale = part(path.parent().and_then(Path::file_name)).to_lowercase();
    let (stem, name) = (part(path.file_stem()), part(path.file_name()));
    if stem != LINK_PAGE && !Letter::ALL.iter().any(|letter| letter.name() == stem) {
        return Err(SetupError::Template(name, "has the name of no letter".to_owned()));
    }
    let mut put = |name: String, text: &str| {
        let template = Template::parse(text)
            .map_err(|why| SetupError::Template(format!("{locale}/{name}"), why))?;
        templates.insert((locale.clone(), name), template);
        Ok(())
    };
    match part(path.extension()).as_str() {
        "html" => put(name, text),
        "txt" => {
            let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
            let Some(subject) = first.strip_prefix("Subject:") else {
                let why = "does not begin with Subject:".to_owned();
                return Err(SetupError::Template(name, why));
            };
            put(format!("{stem}.subject"), subject)?;
            put(name, rest.trim_start())
        }
        _ => Err(SetupError::Template(name, "ends neither with .txt nor with .html".to_owned())),
    }
}

fn add_folder(
    templates: &mut BTreeMap<(String, String), Template>,
    folder: &Path,
) -> Result<(), SetupError> {
    let failed = |error: std::io::Error| {
        SetupError::Template(folder.display().to_string(), error.to_string())
    };
    for locale in folder.read_dir().map_err(failed)? {
        let locale = locale.map_err(failed)?.path();
        if locale.is_dir() {
            for file in locale.read_dir().map_err(failed)? {
                let path = file.map_err(failed)?.path();
                add(templates, &path, &std::fs::read_to_string(&path).map_err(failed)?)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        letters: LetterSettings,
    }

    fn settings(flags: &[&str]) -> LetterSettings {
        Flags::parse_from(["walkie"].iter().chain(flags)).letters
    }

    fn subject(writer: &Writer, languages: &[&str]) -> String {
        let languages: Vec<String> = languages.iter().map(|&tag| tag.to_owned()).collect();
        writer.write(Letter::Recovery, &languages, &Values::default()).subject
    }

    #[test]
    fn language_is_the_first_that_there_are_templates_in() {
        let writer = Writer::new(&settings(&[])).unwrap();
        assert_eq!(subject(&writer, &["xx", "de-AT", "en"]), "Passwort zurücksetzen");
        assert_eq!(subject(&writer, &["xx"]), "Reset your password");
        let german = Writer::new(&settings(&["--auth-mailer-locale", "de"])).unwrap();
        assert_eq!(subject(&german, &[]), "Passwort zurücksetzen");
    }

    #[test]
    fn operators_templates_stand_in_for_ours() {
        let folder = tempfile::tempdir().unwrap();
        let locale = folder.path().join("en");
        std::fs::create_dir(&locale).unwrap();
        std::fs::write(locale.join("recovery.txt"), "Subject: Lost?\n\n{{ .Token }}").unwrap();
        let path = folder.path().to_str().unwrap();
        let flags = ["--auth-mailer-templates", path];
        assert_eq!(subject(&Writer::new(&settings(&flags)).unwrap(), &[]), "Lost?");

        std::fs::write(locale.join("recovery.html"), "{{ .Oops }}").unwrap();
        assert!(matches!(Writer::new(&settings(&flags)), Err(SetupError::Template(..))));
    }

    #[test]
    fn people_are_told_only_what_the_operator_wants() {
        let flags = ["--auth-mailer-notifications", "password_changed"];
        let writer = Writer::new(&settings(&flags)).unwrap();
        assert!(writer.tells(Letter::PasswordChanged) && writer.tells(Letter::Recovery));
        assert!(!writer.tells(Letter::EmailChanged));
        let wrong = settings(&["--auth-mailer-notifications", "recovery"]);
        assert!(matches!(Writer::new(&wrong), Err(SetupError::Notification(_))));
    }
}
