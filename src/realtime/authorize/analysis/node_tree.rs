//! PostgreSQL's `pg_node_tree` text as a tree (pure): `{NODE :field value ...}`, `(...)`, words.
//!
//! Knows the writing, not the meaning. Nothing that is no such text makes it panic.

/// How deep nodes and lists may stand in each other.
const MAX_DEPTH: usize = 200;

/// The longest text that is read, in bytes.
const MAX_BYTES: usize = 4 << 20;

/// A node, a list, a word, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    /// `<>`
    Nothing,
    /// A name, number or string, as it was before it was escaped.
    Word(String),
    /// `(...)`
    List(Vec<Tree>),
    /// `{KIND :field value ...}`
    Node(Node),
}

/// A node with its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// Its kind, in capitals.
    pub(super) kind: String,
    /// A field has one value, but for constants: their length and their bytes.
    fields: Vec<(String, Vec<Tree>)>,
}

/// What nodes and lists give when they have nothing to give.
static NOTHING: Tree = Tree::Nothing;

impl Node {
    /// The value of a field; nothing when there is no such field.
    pub(super) fn get(&self, field: &str) -> &Tree {
        self.all(field).first().unwrap_or(&NOTHING)
    }

    /// The words of a field that has more than one.
    pub(super) fn all(&self, field: &str) -> &[Tree] {
        self.fields.iter().find(|(name, _)| name == field).map_or(&[], |(_, values)| values)
    }

    /// A field that is a number.
    pub(super) fn number(&self, field: &str) -> Option<i64> {
        self.get(field).word()?.parse().ok()
    }

    /// A field that is an oid; 0, as Postgres writes none, when it is missing.
    pub(super) fn oid(&self, field: &str) -> u32 {
        self.get(field).word().and_then(|word| word.parse().ok()).unwrap_or(0)
    }

    /// Whether a field is `true`.
    pub(super) fn is(&self, field: &str) -> bool {
        self.get(field).word() == Some("true")
    }

    /// Whether a field has a value.
    pub(super) fn has(&self, field: &str) -> bool {
        !matches!(self.get(field), Tree::Nothing)
    }

    /// The members of a field that is a list.
    pub(super) fn list(&self, field: &str) -> &[Tree] {
        self.get(field).list()
    }

    /// A constant's bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let words = self.all("constvalue").iter().filter_map(Tree::word);
        words
            .skip_while(|word| *word != "[")
            .skip(1)
            // Bytes are written as signed numbers.
            .filter_map(|word| word.parse::<i8>().ok().map(i8::cast_unsigned))
            .collect()
    }
}

impl Tree {
    /// Reads a text; `None` when it is none, or too deep or too long.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let mut reader = Reader { rest: text, depth: 0 };
        let tree = reader.tree()?;
        reader.next_token().is_none().then_some(tree)
    }

    /// The node, if it is one.
    pub(super) fn node(&self) -> Option<&Node> {
        match self {
            Self::Node(node) => Some(node),
            _ => None,
        }
    }

    /// The word, if it is one.
    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The members, if it is a list.
    pub(super) fn list(&self) -> &[Tree] {
        match self {
            Self::List(members) => members,
            _ => &[],
        }
    }
}

enum Token {
    Open(char),
    Close(char),
    Nothing,
    /// With its backslashes gone.
    Word(String),
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn tree(&mut self) -> Option<Tree> {
        let token = self.next_token()?;
        self.tree_from(token)
    }

    fn tree_from(&mut self, token: Token) -> Option<Tree> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let tree = match token {
            Token::Nothing => Tree::Nothing,
            Token::Word(word) => Tree::Word(word),
            Token::Open('(') => self.members()?,
            Token::Open(_) => Tree::Node(self.node()?),
            Token::Close(_) => return None,
        };
        self.depth -= 1;
        Some(tree)
    }

    fn members(&mut self) -> Option<Tree> {
        let mut members = Vec::new();
        loop {
            match self.next_token()? {
                Token::Close(')') => return Some(Tree::List(members)),
                token => members.push(self.tree_from(token)?),
            }
        }
    }

    fn node(&mut self) -> Option<Node> {
        let Token::Word(kind) = self.next_token()? else { return None };
        let mut fields: Vec<(String, Vec<Tree>)> = Vec::new();
        loop {
            let token = self.next_token()?;
            let name = match &token {
                Token::Close('}') => return Some(Node { kind, fields }),
                Token::Word(word) => word.strip_prefix(':'),
                _ => None,
            };
            let Some(name) = name.map(str::to_owned) else {
                let tree = self.tree_from(token)?;
                fields.last_mut()?.1.push(tree);
                continue;
            };
            // The first value of a field may look like the name of one.
            let value = self.tree()?;
            fields.push((name, vec![value]));
        }
    }

    fn next_token(&mut self) -> Option<Token> {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\t']);
        let first = self.rest.chars().next()?;
        if matches!(first, '(' | ')' | '{' | '}') {
            self.rest = &self.rest[1..];
            return Some(match first {
                '(' | '{' => Token::Open(first),
                _ => Token::Close(first),
            });
        }
        let mut word = String::new();
        let mut chars = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((place, c)) = chars.next() {
            match c {
                '\\' => word.extend(chars.next().map(|(_, c)| c)),
                ' ' | '\n' | '\t' | '(' | ')' | '{' | '}' => {
                    end = place;
                    break;
                }
                c => word.push(c),
            }
        }
        let raw = &self.rest[..end];
        self.rest = &self.rest[end..];
        if raw == "<>" {
            return Some(Token::Nothing);
        }
        // Strings in lists stand in quotes, which end only with the word.
        if raw.len() >= 2 && raw.starts_with('"') && raw.ends_with('"') {
            word = word[1..word.len() - 1].to_owned();
        }
        Some(Token::Word(word))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Tree {
        Tree::read(text).expect("a tree")
    }

    #[test]
    fn nodes_have_fields_lists_and_words() {
        let tree = read("{OPEXPR :opno 96 :args ({VAR :varattno 2} <>) :isnull false :x <>}");
        let node = tree.node().expect("a node");
        assert_eq!(node.kind, "OPEXPR");
        assert_eq!(node.oid("opno"), 96);
        assert_eq!(node.list("args").len(), 2);
        assert_eq!(node.list("args")[0].node().and_then(|node| node.number("varattno")), Some(2));
        assert!(!node.is("isnull") && !node.has("x") && !node.has("y"));
    }

    #[test]
    fn constants_have_bytes() {
        let tree = read("{CONST :constlen 4 :constvalue 4 [ 1 0 -1 0 ] :location 3}");
        let node = tree.node().expect("a node");
        assert_eq!(node.bytes(), [1, 0, 255, 0]);
        assert_eq!(node.number("location"), Some(3));
    }

    #[test]
    fn words_lose_their_escapes_and_quotes() {
        let tree =
            read(r#"{ALIAS :aliasname *SELECT*\ 1 :other :x :colnames ("a" "b\ \(c" "" "d"e")}"#);
        let node = tree.node().expect("a node");
        assert_eq!(node.get("aliasname").word(), Some("*SELECT* 1"));
        assert_eq!(node.get("other").word(), Some(":x"), "a value may look like a field");
        let names: Vec<_> = node.list("colnames").iter().filter_map(Tree::word).collect();
        assert_eq!(names, ["a", "b (c", "", "d\"e"]);
        assert_eq!(read(r"\<>"), Tree::Word("<>".to_owned()));
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        for text in ["", "(", "{", "{A", "}", "(a", "{A x}", "{A :f}", "a b", "{:a} }", "{A (b)}"] {
            assert_eq!(Tree::read(text), None, "{text}");
        }
        assert_eq!(Tree::read(&"(".repeat(100_000)), None);
        let deep = format!("{}{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
        assert!(Tree::read(&deep).is_some());
        assert_eq!(Tree::read(&format!("({deep})")), None);
    }

    fn written(tree: &Tree) -> String {
        match tree {
            Tree::Nothing => "<>".to_owned(),
            Tree::Word(word) => {
                let mut text = String::from("\"");
                for c in word.chars() {
                    if matches!(c, ' ' | '\n' | '\t' | '(' | ')' | '{' | '}' | '\\') {
                        text.push('\\');
                    }
                    text.push(c);
                }
                text.push('"');
                text
            }
            Tree::List(members) => {
                format!("({})", members.iter().map(written).collect::<Vec<_>>().join(" "))
            }
            Tree::Node(node) => {
                let fields = node.fields.iter().map(|(name, values)| {
                    format!(" :{name} {}", values.iter().map(written).collect::<String>())
                });
                format!("{{{}{}}}", node.kind, fields.collect::<String>())
            }
        }
    }

    fn trees() -> impl Strategy<Value = Tree> {
        let leaf = prop_oneof![Just(Tree::Nothing), any::<String>().prop_map(Tree::Word)];
        leaf.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Tree::List),
                ("[A-Z]{1,9}", prop::collection::vec(("[a-z]{1,9}", inner), 0..5)).prop_map(
                    |(kind, fields)| Tree::Node(Node {
                        kind,
                        fields: fields
                            .into_iter()
                            .map(|(name, value)| (name, vec![value]))
                            .collect(),
                    })
                ),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_what_is_written(tree in trees()) {
            prop_assert_eq!(Tree::read(&written(&tree)), Some(tree));
        }

        #[test]
        fn never_panics(text in "[ -~é\\\\\"{}()<>:]{0,60}") {
            let _ = Tree::read(&text);
        }
    }
}
