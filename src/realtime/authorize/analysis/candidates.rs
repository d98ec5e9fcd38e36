//! Who could possibly be permitted: never fewer than are (pure).

use super::{Candidates, Read, Source};

/// Where a source may have this many alternatives, everybody is asked instead.
const MAX_SOURCES: usize = 16;

/// Whoever is among both: told by the one that is cheaper to ask.
pub(super) fn better(reads: &[Read], one: Candidates, other: Candidates) -> Candidates {
    if rank(reads, &other) < rank(reads, &one) { other } else { one }
}

/// Whoever is among one of both.
pub(super) fn either(one: Candidates, other: Candidates) -> Candidates {
    match (one, other) {
        (Candidates::Of(mut all), Candidates::Of(more)) => {
            for source in more {
                if !all.contains(&source) {
                    all.push(source);
                }
            }
            if all.len() > MAX_SOURCES { Candidates::Anybody } else { Candidates::Of(all) }
        }
        _ => Candidates::Anybody,
    }
}

/// Those that need not be looked up first, then those whose look-up is bound to the row judged,
/// then the fewest.
fn rank(reads: &[Read], candidates: &Candidates) -> (usize, usize, usize) {
    let Candidates::Of(sources) = candidates else { return (usize::MAX, 0, 0) };
    let looked_up = |source: &&Source| matches!(source, Source::Rows(_));
    let is_unbound = |source: &&Source| match source {
        Source::Rows(index) => reads.get(*index).is_none_or(|read| read.keys.is_empty()),
        Source::Column(_) => false,
    };
    let unbound = sources.iter().filter(is_unbound).count();
    (unbound, sources.len(), sources.iter().filter(looked_up).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> Candidates {
        Candidates::Of(vec![Source::Column(name.to_owned())])
    }

    fn rows(index: usize) -> Candidates {
        Candidates::Of(vec![Source::Rows(index)])
    }

    #[test]
    fn and_takes_the_better_part() {
        let nobody = Candidates::Of(Vec::new());
        let read = |keys| Read {
            table: 1,
            name: "a.b".to_owned(),
            keys,
            subject: Some("c".to_owned()),
            columns: None,
            is_lookup: false,
        };
        let key = ("d".to_owned(), "e".to_owned());
        let reads = [read(vec![]), read(vec![key.clone()]), read(vec![key])];
        assert_eq!(better(&reads, Candidates::Anybody, column("a")), column("a"));
        assert_eq!(better(&reads, rows(1), column("a")), column("a"));
        assert_eq!(better(&reads, column("a"), nobody.clone()), nobody);
        let two = either(column("a"), rows(1));
        assert_eq!(better(&reads, two.clone(), rows(2)), rows(2));
        assert_eq!(better(&reads, rows(0), two.clone()), two, "what is bound to the row first");
    }

    #[test]
    fn or_takes_both_parts_once() {
        let two = either(column("a"), rows(1));
        assert_eq!(two, Candidates::Of(vec![Source::Column("a".to_owned()), Source::Rows(1)]));
        assert_eq!(either(two.clone(), column("a")), two);
        assert_eq!(either(two, Candidates::Anybody), Candidates::Anybody);
        let many = (0..=MAX_SOURCES).map(rows).reduce(either);
        assert_eq!(many, Some(Candidates::Anybody));
    }
}
