//! A random database: roles, tables, functions, policies, grants and first rows.

use super::history;
use super::people::{Listener, people};
use super::policies::{Function, Vocabulary};
use super::tables::{Revisions, Table};
use crate::support::Dice;

/// What a world is made of.
#[derive(Debug)]
pub struct Scene {
    /// Tables that people subscribe to.
    pub mains: Vec<Table>,
    /// What policies say.
    pub vocabulary: Vocabulary,
    /// Those who listen.
    pub people: Vec<Listener>,
    /// A role of this world that tokens can name.
    pub guest: String,
    /// A role that only the guest is in, sometimes.
    pub crew: String,
    /// Makes all of it.
    pub sql: String,
}

impl Scene {
    /// A scene whose roles begin with `name`.
    pub fn new(dice: &mut Dice, name: &str, revisions: &mut Revisions) -> Self {
        let (guest, crew) = (format!("{name}_guest"), format!("{name}_crew"));
        let mains: Vec<Table> = (0..dice.between(1, 4)).map(|n| Table::main(dice, n)).collect();
        let sides: Vec<Table> = (0..dice.between(1, 3)).map(|n| Table::side(dice, n)).collect();
        let functions = Function::all(dice, &mains);
        let roles = ["authenticated", "anon", &guest, &crew].map(str::to_owned).to_vec();
        let people = people(dice, &guest);
        let vocabulary = Vocabulary { sides, functions, roles };
        let mut scene = Self { mains, vocabulary, people, guest, crew, sql: String::new() };
        scene.sql = scene.create(dice, revisions);
        scene
    }

    /// All tables.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.mains.iter().chain(&self.vocabulary.sides)
    }

    fn create(&self, dice: &mut Dice, revisions: &mut Revisions) -> String {
        let (guest, crew) = (&self.guest, &self.crew);
        let everybody = format!("anon, authenticated, {guest}");
        let mut sql = format!(
            "create role {guest} nologin inherit;
             create role {crew} nologin;
             grant {guest} to authenticator;
             grant usage on schema public, auth to {guest};
             create schema private;
             grant usage on schema private to public;
             create table public.fence (number int primary key);
             grant select on public.fence to public;
             alter publication supabase_realtime add table public.fence;
             create table public.flags (name text primary key, is_on boolean);
             insert into public.flags values ('one', true), ('two', false);
             grant select on public.flags to public;\n"
        );
        if dice.percent(50) {
            sql += &format!("grant {crew} to {guest};\n");
        }
        if dice.percent(80) {
            sql += "alter publication supabase_realtime set (publish_via_partition_root = true);\n";
        }
        for table in self.vocabulary.sides.iter().chain(&self.mains) {
            sql += &table.create();
            if dice.percent(85) {
                sql += &format!("grant select on {} to {everybody};\n", table.full_name);
            }
        }
        for function in &self.vocabulary.functions {
            sql += &function.create(dice, &self.vocabulary.sides);
        }
        for table in &self.vocabulary.sides {
            sql += &self.vocabulary.side_policies(dice, table);
        }
        for table in &self.mains {
            sql += &self.vocabulary.main_policies(dice, table);
            if dice.percent(20) {
                sql += &history::narrow_grant(dice, table, &everybody);
            }
        }
        for table in self.tables() {
            for _ in 0..dice.between(1, 3) {
                sql += &format!("{};\n", history::insert(dice, table, revisions));
            }
        }
        sql
    }
}
