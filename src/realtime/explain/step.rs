//! The answer: steps in words, and what they come to. Pure.

use serde_json::{Value, json};

/// One thing that an event must pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    /// Whether an event passes; `None` where nothing is decided.
    pub(super) ok: Option<bool>,
    pub(super) says: String,
}

impl Step {
    pub(super) fn new(name: &str, ok: Option<bool>, says: impl Into<String>) -> Self {
        Self { name: name.to_owned(), ok, says: says.into() }
    }

    pub(super) fn passes(name: &str, says: impl Into<String>) -> Self {
        Self::new(name, Some(true), says)
    }

    pub(super) fn stops(name: &str, says: impl Into<String>) -> Self {
        Self::new(name, Some(false), says)
    }
}

/// The body of the answer; its conclusion names what stops an event first.
pub(super) fn answer(steps: &[Step]) -> Value {
    let first = steps.iter().find(|step| step.ok == Some(false));
    let conclusion = match first {
        Some(step) => format!("No event: {}.", step.says),
        None => "Nothing stands in the way of an event.".to_owned(),
    };
    let steps: Vec<Value> = steps
        .iter()
        .map(|step| json!({"step": step.name, "ok": step.ok, "says": step.says}))
        .collect();
    json!({"steps": steps, "conclusion": conclusion})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conclusion_names_what_comes_first() {
        let conclusion = |steps: &[Step]| answer(steps)["conclusion"].clone();
        let steps = [
            Step::passes("table", "it is there"),
            Step::new("policy", None, "does not permit it"),
            Step::stops("verdict", "they may not see it"),
            Step::stops("subscription", "they are not there"),
        ];
        assert_eq!(conclusion(&steps), "No event: they may not see it.");
        assert_eq!(conclusion(&steps[..2]), "Nothing stands in the way of an event.");
    }
}
