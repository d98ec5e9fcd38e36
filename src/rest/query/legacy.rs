//! Parameters that call an aliased embed by its target's name: understood, but not for ever.

use super::Query;
use super::select::{Embed, Item};

/// The words that warn of the first such parameter, as a `Warning` header has them.
pub fn warning(query: &Query) -> Option<String> {
    let items = query.select.as_deref()?;
    let conditions = query.conditions.iter().map(|(at, _)| at);
    let orders = query.orders.iter().map(|(at, _)| at);
    let numbers = query.limits.iter().chain(&query.offsets).map(|(at, _)| at);
    let embed = conditions.chain(orders).chain(numbers).find_map(|at| by_target(items, at))?;
    Some(format!(
        "299 - \"The embedded resource '{}' was addressed as '{}', the name of its target; this is \
         deprecated, use its alias\"",
        embed.label(),
        embed.target
    ))
}

/// The embed that `path` reaches by its target's name though it has an alias.
fn by_target<'a>(items: &'a [Item], path: &[String]) -> Option<&'a Embed> {
    let (first, rest) = path.split_first()?;
    let embeds = || {
        items.iter().filter_map(|item| match item {
            Item::Embed(embed) => Some(embed),
            _ => None,
        })
    };
    match embeds().find(|embed| embed.label() == first) {
        Some(embed) => by_target(&embed.items, rest),
        None => embeds().find(|embed| embed.target == *first),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Bare, parse};
    use super::*;

    fn warned(query: &str) -> bool {
        warning(&parse(query, Bare::Nothing).expect("parses")).is_some()
    }

    #[test]
    fn only_targets_behind_an_alias_are_warned_of() {
        assert!(warned("select=a:b(c)&b.c=eq.1"));
        assert!(warned("select=x(a:b(c))&x.b.order=c"));
        assert!(!warned("select=a:b(c)&a.c=eq.1"));
        assert!(!warned("select=b(c)&b.limit=1"));
        assert!(!warned("select=a:b(c),b(d)&b.d=eq.1"));
    }
}
