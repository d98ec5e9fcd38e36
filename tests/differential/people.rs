//! Who listens: roles and claims, some of them almost alike.

use serde_json::{Value, json};
use walkie::identity::unix_now;

use crate::support::Dice;

/// Somebody with a token.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Database role.
    pub role: String,
    /// All claims of the token.
    pub claims: Value,
}

/// Subjects that rows and claims name.
pub const SUBJECTS: usize = 5;

/// The subject of this number.
pub fn subject(number: usize) -> String {
    format!("00000000-0000-4000-8000-00000000000{number}")
}

/// Three to eight listeners; `guest` is a role of this world alone.
pub fn people(dice: &mut Dice, guest: &str) -> Vec<Listener> {
    let count = dice.between(3, 8);
    let mut people = vec![
        somebody(dice, "authenticated", Some(1)),
        somebody(dice, "authenticated", Some(2)),
        somebody(dice, "anon", None),
    ];
    while people.len() < count {
        people.push(newcomer(dice, guest));
    }
    people
}

/// Somebody more.
pub fn newcomer(dice: &mut Dice, guest: &str) -> Listener {
    let number = dice.between(1, SUBJECTS);
    match dice.below(8) {
        0 => somebody(dice, "service_role", None),
        1 | 2 => somebody(dice, guest, Some(number)),
        // The same subject as the first, and claims of its own.
        3 => somebody(dice, "authenticated", Some(1)),
        4 => somebody(dice, "authenticated", None),
        5 => somebody(dice, "anon", Some(number)),
        _ => somebody(dice, "authenticated", Some(number)),
    }
}

fn somebody(dice: &mut Dice, role: &str, number: Option<usize>) -> Listener {
    let mut claims = json!({
        "role": role,
        "exp": unix_now() + 3600,
        "level": dice.below(4),
        "label": dice.word(&["a", "b", "c"]),
        "teams": dice.some(&[1, 2, 3, 4]),
        "vip": dice.percent(50),
    });
    if let Some(number) = number {
        claims["sub"] = subject(number).into();
    }
    if dice.percent(20) {
        claims["level"] = Value::Null;
    }
    Listener { role: role.to_owned(), claims }
}
