//! Which columns of tables a view shows, so that keys of the tables lead to and from the view.
//!
//! Postgres keeps a view's query as a tree in text; each entry of its target list tells the table
//! and column it was taken from, through joins, subqueries and CTEs. Of a `union` it tells none.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::relation::ForeignKey;

/// Longest chain of views over views.
const MAX_CHAIN: usize = 32;

/// Most ways in which one view may show the columns of one key: a column shown twice doubles them.
const MAX_COMBINATIONS: usize = 16;

/// A column: the oid of its table and its number there.
type Origin = (u32, i16);

/// A foreign key as the database tells it, with what finds its columns in views.
#[derive(Debug, Clone, Deserialize)]
pub struct DeclaredKey {
    /// The key by names.
    #[serde(flatten)]
    pub key: ForeignKey,
    /// The referencing table.
    pub oid: u32,
    /// Numbers of its columns, in the key's order.
    pub numbers: Vec<i16>,
    /// The referenced table.
    pub foreign_oid: u32,
    /// Numbers of the referenced columns, in the key's order.
    pub foreign_numbers: Vec<i16>,
}

/// A table's primary key.
#[derive(Debug, Clone, Deserialize)]
pub struct PrimaryKey {
    /// The table.
    pub oid: u32,
    /// Numbers of its columns, in the key's order.
    pub numbers: Vec<i16>,
}

/// A view, materialized or not.
#[derive(Debug, Clone, Deserialize)]
pub struct View {
    /// Itself.
    pub oid: u32,
    /// Schema it lives in.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<ViewColumn>,
    /// The query that makes its rows, as Postgres stores it.
    pub rule: String,
}

/// A column of a view.
#[derive(Debug, Clone, Deserialize)]
pub struct ViewColumn {
    /// Its number in the view.
    pub number: i16,
    /// Its name.
    pub name: String,
}

/// A view, and its names for each column of a table by the column's number.
type Over<'a> = (&'a View, BTreeMap<i16, Vec<&'a str>>);

/// What views show of tables.
#[derive(Debug, Default)]
pub struct Views<'a> {
    /// By table: each view over it, with the view's columns that show a column of the table.
    over: BTreeMap<u32, Vec<Over<'a>>>,
}

impl<'a> Views<'a> {
    /// Looks through every view down to the tables.
    pub fn new(views: &'a [View]) -> Self {
        let origins: HashMap<u32, BTreeMap<i16, Origin>> =
            views.iter().map(|view| (view.oid, origins(&view.rule))).collect();
        let mut over = BTreeMap::<u32, Vec<(&View, BTreeMap<i16, Vec<&str>>)>>::new();
        for view in views {
            let mut shown = BTreeMap::<u32, BTreeMap<i16, Vec<&str>>>::new();
            for column in &view.columns {
                if let Some((table, number)) = bottom(&origins, (view.oid, column.number)) {
                    shown.entry(table).or_default().entry(number).or_default().push(&column.name);
                }
            }
            for (table, columns) in shown {
                over.entry(table).or_default().push((view, columns));
            }
        }
        Self { over }
    }

    /// The keys, and the same keys between views over their tables.
    pub fn keys(&self, declared: &[DeclaredKey]) -> Vec<ForeignKey> {
        let mut keys = Vec::with_capacity(declared.len());
        for DeclaredKey { key, oid, numbers, foreign_oid, foreign_numbers } in declared {
            let here = (key.schema.clone(), key.table.clone(), key.columns.clone());
            let there = (
                key.foreign_schema.clone(),
                key.foreign_table.clone(),
                key.foreign_columns.clone(),
            );
            let near = std::iter::once(here).chain(self.showing(*oid, numbers));
            let far: Vec<_> =
                std::iter::once(there).chain(self.showing(*foreign_oid, foreign_numbers)).collect();
            for (schema, table, columns) in near {
                keys.extend(far.iter().cloned().map(|(foreign_schema, foreign_table, foreign)| {
                    ForeignKey {
                        constraint: key.constraint.clone(),
                        schema: schema.clone(),
                        table: table.clone(),
                        columns: columns.clone(),
                        foreign_schema,
                        foreign_table,
                        foreign_columns: foreign,
                        is_unique: key.is_unique,
                    }
                }));
            }
        }
        keys
    }

    /// Primary keys of views: schema, name and columns. A view over several tables has the keys of
    /// all that it shows whole.
    pub fn primary_keys(&self, declared: &[PrimaryKey]) -> Vec<(String, String, Vec<String>)> {
        let mut keys = BTreeMap::<(String, String), Vec<String>>::new();
        for PrimaryKey { oid, numbers } in declared {
            let mut last = None;
            for (schema, view, columns) in self.showing(*oid, numbers) {
                // A column shown twice is one key all the same.
                let name = Some((schema, view));
                if name != last {
                    keys.entry(name.clone().expect("just made")).or_default().extend(columns);
                    last = name;
                }
            }
        }
        keys.into_iter().map(|((schema, view), columns)| (schema, view, columns)).collect()
    }

    /// Schema, name and columns of each view that shows all these columns of a table.
    fn showing(
        &self,
        table: u32,
        numbers: &[i16],
    ) -> impl Iterator<Item = (String, String, Vec<String>)> {
        let views = self.over.get(&table).into_iter().flatten();
        views.flat_map(move |(view, shown)| {
            combinations(shown, numbers)
                .into_iter()
                .map(|columns| (view.schema.clone(), view.name.clone(), columns))
        })
    }
}

/// Every way to show these columns.
fn combinations(shown: &BTreeMap<i16, Vec<&str>>, numbers: &[i16]) -> Vec<Vec<String>> {
    let mut ways = vec![Vec::new()];
    for number in numbers {
        let names = shown.get(number).map(Vec::as_slice).unwrap_or_default();
        ways = ways
            .into_iter()
            .flat_map(|way| {
                names.iter().map(move |name| [way.clone(), vec![(*name).into()]].concat())
            })
            .take(MAX_COMBINATIONS)
            .collect();
    }
    ways
}

/// The column of a table that a column of a view shows.
fn bottom(origins: &HashMap<u32, BTreeMap<i16, Origin>>, column: Origin) -> Option<Origin> {
    let mut at = column;
    for _ in 0..MAX_CHAIN {
        match origins.get(&at.0) {
            Some(columns) => at = *columns.get(&at.1)?,
            None => return (at != column).then_some(at),
        }
    }
    None
}

/// Where the columns of a view come from, by their number, read from the outermost target list.
fn origins(rule: &str) -> BTreeMap<i16, Origin> {
    let mut found = BTreeMap::new();
    let (mut depth, mut is_listed, mut is_escaped) = (0_usize, false, false);
    let mut entry = (None, None, None);
    for (at, byte) in rule.bytes().enumerate() {
        if std::mem::take(&mut is_escaped) {
            continue;
        }
        match byte {
            b'\\' => is_escaped = true,
            b'{' => {
                depth += 1;
                entry = if depth == 2 { (None, None, None) } else { entry };
            }
            b'}' => {
                if depth == 2
                    && is_listed
                    && let (Some(number), Some(table @ 1..), Some(column @ 1..)) = entry
                {
                    found.insert(number, (table, column));
                }
                depth = depth.saturating_sub(1);
            }
            b':' if depth == 1 => is_listed = rule[at..].starts_with(":targetList "),
            b':' if depth == 2 && is_listed => {
                let mut words = rule[at + 1..].split([' ', '}']);
                let (field, value) = (words.next(), words.next().unwrap_or_default());
                match field {
                    Some("resno") => entry.0 = value.parse::<i16>().ok(),
                    Some("resorigtbl") => entry.1 = value.parse::<u32>().ok(),
                    Some("resorigcol") => entry.2 = value.parse::<i16>().ok(),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "({QUERY :commandType 1 :rtable ({RANGETBLENTRY :subquery {QUERY \
        :targetList ({TARGETENTRY :resno 9 :resorigtbl 9 :resorigcol 9 :resjunk false})}}) \
        :targetList ({TARGETENTRY :expr {VAR :varno 1 :varattno 2} :resno 1 :resname odd\\}\\:x \
        :ressortgroupref 0 :resorigtbl 16400 :resorigcol 2 :resjunk false} \
        {TARGETENTRY :expr {CONST :constvalue 4 [ 1 0 0 0 ]} :resno 2 :resname one \
        :ressortgroupref 0 :resorigtbl 0 :resorigcol 0 :resjunk false}) :override 0 \
        :groupClause ({SORTGROUPCLAUSE :resno 3 :resorigtbl 1 :resorigcol 1})})";

    fn view(oid: u32, name: &str, columns: &[(i16, &str)], rule: &str) -> View {
        let columns = columns
            .iter()
            .map(|(number, name)| ViewColumn { number: *number, name: (*name).into() })
            .collect();
        View { oid, schema: "api".into(), name: name.into(), columns, rule: rule.into() }
    }

    #[test]
    fn only_the_outermost_list_tells_where_columns_come_from() {
        assert_eq!(origins(RULE), BTreeMap::from([(1, (16400, 2))]));
        assert_eq!(origins(""), BTreeMap::new());
    }

    #[test]
    fn views_over_views_show_the_table() {
        let entry = |table: u32, column: i16| {
            format!(
                "({{QUERY :targetList ({{TARGETENTRY :resno 1 :resorigtbl {table} \
                 :resorigcol {column}}})}})"
            )
        };
        let views = [
            view(1, "lower", &[(1, "a")], &entry(7, 3)),
            view(2, "upper", &[(1, "b")], &entry(1, 1)),
        ];
        let shown = Views::new(&views);
        let names: Vec<_> =
            shown.showing(7, &[3]).map(|(_, view, columns)| (view, columns)).collect();
        assert_eq!(
            names,
            [("lower".to_owned(), vec!["a".to_owned()]), ("upper".into(), vec!["b".into()])]
        );
        assert_eq!(shown.showing(7, &[3, 4]).count(), 0);
        let keys = shown.primary_keys(&[PrimaryKey { oid: 7, numbers: vec![3] }]);
        assert_eq!(keys.len(), 2);
    }

    #[test]
    fn views_that_go_round_in_circles_end() {
        let rule = "({QUERY :targetList ({TARGETENTRY :resno 1 :resorigtbl 1 :resorigcol 1})})";
        let views = [view(1, "round", &[(1, "a")], rule)];
        assert_eq!(Views::new(&views).showing(1, &[1]).count(), 0);
    }
}
