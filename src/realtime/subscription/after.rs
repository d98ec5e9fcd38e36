//! From where on a binding listens. Pure.

use std::str::FromStr;
use std::sync::Arc;

use super::super::reading::{Origin, Reading};
use crate::wal::{Change, NotAPosition, Place};

/// From where on a binding listens.
#[derive(Debug, Clone)]
pub struct After {
    /// Only to changes after this place.
    pub place: Place,
    /// And of these not to what this reading shows already.
    pub reading: Option<Arc<Reading>>,
}

impl After {
    /// After a place.
    pub fn place(place: Place) -> Self {
        Self { place, reading: None }
    }

    /// Whether the change is one to listen to.
    pub fn is_before(&self, change: &Change) -> bool {
        let origin = Origin::of(&change.transaction);
        change.place > self.place && !self.reading.as_ref().is_some_and(|it| it.saw(origin))
    }
}

impl FromStr for After {
    type Err = NotAPosition;

    /// The text of a place or of a reading; the place of a reading is still to be found.
    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        if !text.contains('@') {
            return Ok(Self::place(text.parse()?));
        }
        Ok(Self { place: Place::default(), reading: Some(Arc::new(text.parse()?)) })
    }
}
