//! Where each statement of an SQL text begins, so that a failure can name its line (pure).

/// Line numbers (from 1) on which the statements of `sql` begin.
///
/// Knows comments, quoted strings and names, and dollar quotes: as much as is needed to find
/// the semicolons that end statements.
pub fn first_lines(sql: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut inside = false;
    let mut rest = sql;
    let mut line = 1;
    while !rest.is_empty() {
        let length = token_length(rest);
        let token = &rest[..length];
        let is_blank =
            token.trim().is_empty() || token.starts_with("--") || token.starts_with("/*");
        if token == ";" {
            inside = false;
        } else if !is_blank && !inside {
            inside = true;
            lines.push(line);
        }
        line += token.matches('\n').count();
        rest = &rest[length..];
    }
    lines
}

/// Line (from 1) of a character position (from 1), as Postgres counts it in error reports.
pub fn line_of(sql: &str, position: usize) -> usize {
    1 + sql.chars().take(position.saturating_sub(1)).filter(|c| *c == '\n').count()
}

/// Bytes of the comment, string, dollar quote or single character at the start of `sql`.
fn token_length(sql: &str) -> usize {
    let through = |end: &str, from: usize| {
        sql.get(from..)
            .and_then(|rest| rest.find(end))
            .map_or(sql.len(), |at| from + at + end.len())
    };
    if sql.starts_with("--") {
        return through("\n", 0);
    }
    if sql.starts_with("/*") {
        return through("*/", 2);
    }
    if sql.starts_with('\'') {
        return through("'", 1);
    }
    if sql.starts_with('"') {
        return through("\"", 1);
    }
    if let Some(tag) = dollar_tag(sql) {
        return through(tag, tag.len());
    }
    sql.chars().next().map_or(0, char::len_utf8)
}

/// `$$` or `$name$` at the start of `sql`.
fn dollar_tag(sql: &str) -> Option<&str> {
    let name = sql.strip_prefix('$')?;
    let end = name.find('$')?;
    let is_name = name[..end].chars().all(|c| c.is_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    is_name.then(|| &sql[..end + 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_begin_after_comments_and_semicolons() {
        let sql =
            "-- a; b\nselect 1;\n\n/* ; */ select ';', \";\";\ndo $x$ begin; end $x$;\nselect $1;";
        assert_eq!(first_lines(sql), [2, 4, 5, 6]);
    }

    #[test]
    fn an_unfinished_quote_ends_with_the_text() {
        assert_eq!(first_lines("select 'abc"), [1]);
        assert_eq!(first_lines("select $a$ x"), [1]);
        assert_eq!(first_lines(""), [] as [usize; 0]);
    }

    #[test]
    fn positions_count_characters() {
        assert_eq!(line_of("é\nselect", 1), 1);
        assert_eq!(line_of("é\nselect", 3), 2);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(sql in "[-/*'\"$;a \n]{0,60}") {
            first_lines(&sql);
        }
    }
}
