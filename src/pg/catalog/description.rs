//! What schemas hold in words and types, for documents that people and programs read. Asked when
//! such a document is made, as whom it is for; requests need none of it.

use serde::Deserialize;

/// Asks for a [`Description`] of the schemas `$1`; without privileges in mind, if `$2`. Nothing
/// may be on the search path.
pub const SQL: &str = include_str!("description.sql");

/// What schemas hold.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Description {
    /// The schemas.
    pub schemas: Vec<DescribedSchema>,
    /// Tables, views, materialized, foreign and partitioned tables.
    pub tables: Vec<DescribedTable>,
    /// Functions; overloads are several.
    pub routines: Vec<DescribedRoutine>,
    /// Enums and composite types.
    pub types: Vec<DescribedType>,
}

/// A schema.
#[derive(Debug, Clone, Deserialize)]
pub struct DescribedSchema {
    /// Its name.
    pub name: String,
    /// `comment on`.
    pub comment: Option<String>,
}

/// Something with rows and columns.
#[derive(Debug, Clone, Deserialize)]
pub struct DescribedTable {
    /// Schema it lives in.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: super::table::Kind,
    /// `comment on`.
    pub comment: Option<String>,
    /// Whether rows may be inserted; triggers count.
    pub is_insertable: bool,
    /// Whether rows may be updated; triggers count.
    pub is_updatable: bool,
    /// Whether rows may be deleted; triggers count.
    pub is_deletable: bool,
    /// Its columns, in their order.
    pub columns: Vec<DescribedColumn>,
}

/// A column.
#[derive(Debug, Clone, Deserialize)]
pub struct DescribedColumn {
    /// Its name.
    pub name: String,
    /// `comment on`.
    pub comment: Option<String>,
    /// Its type; that behind a domain.
    #[serde(rename = "type")]
    pub data_type: TypeName,
    /// Values of its enum.
    pub labels: Option<Vec<String>>,
    /// Most characters or bits.
    pub max_length: Option<u32>,
    /// Whether it may be null.
    pub is_nullable: bool,
    /// Whether only the database gives the value.
    pub is_generated: bool,
    /// Whether an insert need not give a value.
    pub has_default: bool,
    /// Expression of the default, where it is no sequence of its own.
    pub default: Option<String>,
    /// Whether it is part of the primary key.
    pub is_key: bool,
    /// What it alone refers to.
    pub reference: Option<Reference>,
}

/// Where a foreign key leads.
#[derive(Debug, Clone, Deserialize)]
pub struct Reference {
    /// The table.
    pub table: String,
    /// Its column.
    pub column: String,
}

/// A type as documents name it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TypeName {
    /// Schema of the type, or of an array's elements.
    pub schema: String,
    /// Name of the type, or of an array's elements.
    pub name: String,
    /// `e` for an enum, `c` for a composite type, other letters for what is neither.
    pub kind: String,
    /// Whether it is an array of these.
    pub is_array: bool,
    /// The type as SQL that needs no search path.
    pub sql: String,
}

/// A function.
#[derive(Debug, Clone, Deserialize)]
pub struct DescribedRoutine {
    /// Schema it lives in.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// `comment on`.
    pub comment: Option<String>,
    /// Whether it may write.
    pub is_volatile: bool,
    /// Whether it gives any number of rows.
    pub is_set: bool,
    /// What it gives.
    pub returns: TypeName,
    /// Arguments a caller gives, in their order.
    pub arguments: Vec<DescribedArgument>,
    /// Columns of what it gives, where they stand in its own definition.
    pub columns: Vec<DescribedAttribute>,
}

/// An argument.
#[derive(Debug, Clone, Deserialize)]
pub struct DescribedArgument {
    /// Its name; may be empty.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: TypeName,
    /// Whether it has no default.
    pub is_required: bool,
    /// Whether it takes any number of values.
    pub is_variadic: bool,
}

/// A named value in a composite one.
#[derive(Debug, Clone, Deserialize)]
pub struct DescribedAttribute {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: TypeName,
}

/// An enum or a composite type.
#[derive(Debug, Clone, Deserialize)]
pub struct DescribedType {
    /// Schema it lives in.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Values of an enum.
    pub labels: Option<Vec<String>>,
    /// Parts of a composite type.
    pub attributes: Option<Vec<DescribedAttribute>>,
}
