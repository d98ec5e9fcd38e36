//! Tables that are read (pure): which rows and whom a change of one can concern.

use std::collections::BTreeSet;

use super::Read;
use super::facts::{Facts, Relation};
use super::terms::{Classes, Term};
use super::walk::{Found, Walk};

impl Walk<'_> {
    /// A table is read. `number` is its place among all that have columns. Gives the read that
    /// can name candidates, if one can.
    pub(super) fn read(
        &mut self,
        oid: u32,
        number: Option<usize>,
        classes: &Classes,
    ) -> Option<usize> {
        let relation = self.relation(oid)?;
        if let Some(reason) = unfit(relation) {
            self.reason(&reason);
            return None;
        }
        if !relation.is_told {
            self.found.untold.insert(oid);
        }
        let told = |column: i64| {
            let is_told = !relation.generated.contains(&column);
            is_told.then(|| relation.column(column).map(|name| (column, name.to_owned()))).flatten()
        };
        let (mut keys, mut subject) = (Vec::new(), None);
        for (column, name) in
            number.into_iter().flat_map(|number| classes.columns_of(number)).filter_map(told)
        {
            let term = Term::Column(number?, column);
            let of_row = classes.row_columns(term).into_iter().find_map(|own| self.row_column(own));
            if let Some(of_row) = of_row {
                keys.push((column, (name.clone(), of_row)));
            }
            if subject.is_none() && classes.is_person(term) {
                subject = Some((column, name));
            }
        }
        let is_known = |column: &i64| relation.identity.contains(column);
        let read = |is_lookup: bool| {
            let stays = |column: &i64| is_lookup || is_known(column);
            Read {
                table: relation.logged_as,
                name: relation.name.clone(),
                keys: keys
                    .iter()
                    .filter(|(column, _)| stays(column))
                    .map(|(_, key)| key.clone())
                    .collect(),
                subject: subject
                    .as_ref()
                    .filter(|(column, _)| stays(column))
                    .map(|(_, name)| name.clone()),
                columns: None,
                is_lookup,
            }
        };
        let (whole, seen) = (read(true), read(false));
        let is_seen_whole = whole.keys == seen.keys && whole.subject == seen.subject;
        let place = number.map(|number| (oid, number));
        let seen = self.note(seen, place);
        match whole.subject {
            None => None,
            Some(_) if is_seen_whole => Some(seen),
            Some(_) => Some(self.note(whole, place)),
        }
    }

    fn note(&mut self, read: Read, place: Option<(u32, usize)>) -> usize {
        let Found { reads, places, .. } = &mut self.found;
        let index = reads.iter().position(|known| *known == read).unwrap_or_else(|| {
            reads.push(read);
            places.push(Vec::new());
            reads.len() - 1
        });
        places[index].push(place);
        index
    }
}

impl Found {
    /// The reads, with the columns that were looked at wherever each stands.
    pub(super) fn reads(&self, facts: &Facts) -> Vec<Read> {
        let reads = self.reads.iter().zip(&self.places).map(|(read, places)| {
            let columns = self.looked_at(places, facts);
            Read { columns, ..read.clone() }
        });
        reads.collect()
    }

    fn looked_at(&self, places: &[Option<(u32, usize)>], facts: &Facts) -> Option<Vec<String>> {
        let mut columns = BTreeSet::new();
        for place in places {
            let (oid, number) = (*place)?;
            let relation = facts.relations.get(&oid)?;
            for column in self.looked_at.get(&number).into_iter().flatten() {
                // The whole row has number 0, and no name.
                columns.insert(relation.column(*column)?.to_owned());
            }
        }
        Some(columns.into_iter().collect())
    }
}

/// Why what happens to a relation's rows cannot be followed.
fn unfit(relation: &Relation) -> Option<String> {
    let name = &relation.name;
    let what = match relation.kind.as_str() {
        "v" => "is a view: let policies read the tables behind it",
        "m" => "is a materialized view, whose refreshes the log does not tell",
        "f" => "is a foreign table, whose changes the log does not tell",
        "r" | "p" if relation.is_system => {
            "is a system catalog, whose changes the log does not tell"
        }
        "r" | "p" if relation.persistence != "p" => {
            "is unlogged or temporary, so the log does not tell its changes"
        }
        "r" | "p" if relation.has_children => {
            "has tables that inherit from it: use partitions instead"
        }
        "r" | "p" => return None,
        _ => "is no table",
    };
    Some(format!("{name} {what}"))
}
