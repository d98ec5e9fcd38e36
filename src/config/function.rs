//! A function of the database that a setting names.

/// A function, as `schema.name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionName {
    schema: String,
    name: String,
}

impl FunctionName {
    /// Reads `schema.name`, each part as it stands in the catalog: no quotes, and their case
    /// counts.
    ///
    /// # Errors
    /// It is not of that form.
    pub fn read(text: &str) -> Result<Self, String> {
        let is_part = |part: &str| (1..=63).contains(&part.len()) && !part.contains(['"', '\0']);
        match text.split_once('.') {
            Some((schema, name)) if is_part(schema) && is_part(name) && !name.contains('.') => {
                Ok(Self { schema: schema.to_owned(), name: name.to_owned() })
            }
            _ => Err("a function is written as schema.name".to_owned()),
        }
    }

    /// The name as SQL takes it.
    pub fn quoted(&self) -> String {
        format!("\"{}\".\"{}\"", self.schema, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_a_schema_and_a_name() {
        let quoted = |text: &str| FunctionName::read(text).map(|function| function.quoted());
        assert_eq!(quoted("public.Add_claims").as_deref(), Ok("\"public\".\"Add_claims\""));
        for text in ["", "name", ".name", "schema.", "a.b.c", "a.\"b", "a\".b"] {
            assert!(quoted(text).is_err(), "{text}");
        }
    }
}
