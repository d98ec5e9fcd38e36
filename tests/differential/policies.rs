//! Random row policies and the functions that they call.

use super::people::{SUBJECTS, subject};
use super::tables::Table;
use crate::support::Dice;

/// A function for policies. Its signature stays; its body is thrown anew each time.
#[derive(Debug, Clone)]
pub struct Function {
    /// `schema.name`.
    name: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// `(int) -> boolean`
    IsIn,
    /// `() -> setof int`
    MyTeams,
    /// `(uuid, int) -> boolean`, which calls another.
    May { through: String },
    /// `() -> boolean`
    IsOn,
    /// `(row) -> boolean`
    OfRow(Table),
    /// `(int) -> boolean`, which reads the table whose policy calls it.
    OfItself(Table),
}

/// What policies of this world can speak of.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// Tables of memberships.
    pub sides: Vec<Table>,
    /// Functions.
    pub functions: Vec<Function>,
    /// Roles that policies can name.
    pub roles: Vec<String>,
}

impl Function {
    /// The functions of a world.
    pub fn all(dice: &mut Dice, mains: &[Table]) -> Vec<Self> {
        let mut functions = Vec::new();
        let mut add = |dice: &mut Dice, name: &str, kind| {
            let schema = if dice.percent(40) { "private" } else { "public" };
            let name = format!("{schema}.{name}");
            functions.push(Self { name: name.clone(), kind });
            name
        };
        let through = add(dice, "is_in", Kind::IsIn);
        add(dice, "my_teams", Kind::MyTeams);
        add(dice, "may", Kind::May { through });
        add(dice, "is_on", Kind::IsOn);
        let asked = dice.pick(mains).clone();
        add(dice, "of_row", Kind::OfRow(asked));
        let asked = dice.pick(mains).clone();
        add(dice, "of_itself", Kind::OfItself(asked));
        functions
    }

    /// What a grant calls it.
    pub fn signature(&self) -> String {
        let arguments = match &self.kind {
            Kind::IsIn | Kind::OfItself(_) => "int",
            Kind::MyTeams | Kind::IsOn => "",
            Kind::May { .. } => "uuid, int",
            Kind::OfRow(table) => &table.full_name,
        };
        format!("{}({arguments})", self.name)
    }

    /// Makes or replaces it.
    pub fn create(&self, dice: &mut Dice, sides: &[Table]) -> String {
        let side = &dice.pick(sides).full_name;
        let active = dice.word(&["", " and s.is_active", " and coalesce(s.level, 0) < 3"]);
        let (arguments, returns, query) = match &self.kind {
            Kind::IsIn => (
                "p_team int".to_owned(),
                "boolean",
                format!(
                    "exists (select from {side} s where s.team = p_team and s.person = auth.uid(){active})"
                ),
            ),
            Kind::MyTeams => (
                String::new(),
                "setof int",
                format!("s.team from {side} s where s.person = (select auth.uid()){active}"),
            ),
            Kind::May { through } => {
                let either = match dice.below(3) {
                    0 => format!("{through}(p_level)"),
                    1 => format!("{through}(coalesce(p_level, 0) + 1)"),
                    _ => "p_level = (auth.jwt() ->> 'level')::int".to_owned(),
                };
                (
                    "p_owner uuid, p_level int".to_owned(),
                    "boolean",
                    format!("p_owner = auth.uid() or {either}"),
                )
            }
            Kind::IsOn => (
                String::new(),
                "boolean",
                format!(
                    "coalesce((select f.is_on from public.flags f where f.name = '{}'), false)",
                    dice.word(&["one", "two"])
                ),
            ),
            Kind::OfRow(table) => {
                let condition = if table.has("is_open") && dice.percent(50) {
                    " or (p_row).is_open"
                } else {
                    ""
                };
                (
                    format!("p_row {}", table.full_name),
                    "boolean",
                    format!("(p_row).owner = auth.uid(){condition}"),
                )
            }
            Kind::OfItself(table) => (
                "p_level int".to_owned(),
                "boolean",
                format!(
                    "exists (select from {} x where x.owner = auth.uid() and x.rev > p_level)",
                    table.full_name
                ),
            ),
        };
        let is_set = returns.starts_with("setof");
        // Who reads the table whose policy asks does not ask its policies again.
        let is_definer = matches!(self.kind, Kind::OfItself(_)) || dice.percent(40);
        let mut attributes = dice.word(&["stable", "stable", "stable", "volatile"]).to_owned();
        if is_definer {
            attributes += " security definer";
        }
        attributes += dice.word(&["", " set search_path = ''", " set search_path = public"]);
        let (language, body) = match (dice.percent(30), is_set) {
            (false, _) => ("sql", format!("select {query}")),
            (true, false) => ("plpgsql", format!("begin return {query}; end")),
            (true, true) => ("plpgsql", format!("begin return query select {query}; end")),
        };
        format!(
            "create or replace function {}({arguments}) returns {returns} language {language} {attributes} as $$ {body} $$;\n",
            self.name
        )
    }

    /// A condition that calls it; `None` where the table has not what it takes.
    fn call(&self, dice: &mut Dice, table: &Table) -> Option<String> {
        let name = &self.name;
        let row = &table.name;
        match &self.kind {
            Kind::IsIn => table.has("team").then(|| format!("{name}({row}.team)")),
            Kind::MyTeams if table.has("team") => Some(match dice.below(3) {
                0 => format!("{row}.team in (select {name}())"),
                1 => format!("{row}.team = any (array(select {name}()))"),
                _ => format!("exists (select from {name}() as mine where mine = {row}.team)"),
            }),
            Kind::May { .. } => {
                table.has("level").then(|| format!("{name}({row}.owner, {row}.level)"))
            }
            Kind::IsOn => Some(match dice.below(2) {
                0 => format!("{name}()"),
                _ => format!("(select {name}())"),
            }),
            Kind::OfRow(of) => (of.name == table.name).then(|| format!("{name}({row}.*)")),
            Kind::OfItself(of) => {
                (of.name == table.name).then(|| format!("{name}({})", dice.below(30)))
            }
            Kind::MyTeams => None,
        }
    }
}

impl Vocabulary {
    /// Row security and a whole set of policies for a table that people subscribe to.
    pub fn main_policies(&self, dice: &mut Dice, table: &Table) -> String {
        let mut sql = String::new();
        if dice.percent(90) {
            sql += &format!("alter table {} enable row level security;\n", table.full_name);
        }
        for number in 0..dice.between(1, 3) {
            sql += &self.policy(dice, table, number);
        }
        sql
    }

    /// One policy.
    pub fn policy(&self, dice: &mut Dice, table: &Table, number: usize) -> String {
        let kind = if number > 0 && dice.percent(30) { "restrictive" } else { "permissive" };
        format!(
            "create policy p{number} on {} as {kind} for {} to {} using ({});\n",
            table.full_name,
            dice.word(&["select", "all"]),
            self.some_roles(dice),
            self.condition(dice, table, 2)
        )
    }

    /// Row security of a side table: none, one's own, through another, restrictive, for
    /// definers alone, or on the books and switched off.
    pub fn side_policies(&self, dice: &mut Dice, table: &Table) -> String {
        let name = &table.full_name;
        let enable = format!("alter table {name} enable row level security;\n");
        let open = format!("create policy p0 on {name} for select using (true);\n");
        let other = dice.pick(&self.sides);
        match dice.below(7) {
            0 | 1 => String::new(),
            2 => format!(
                "{enable}create policy p0 on {name} for select to public using (person = auth.uid());\n"
            ),
            3 if other.name > table.name => format!(
                "{enable}create policy p0 on {name} for all using (person = auth.uid() or exists (select from {} o where o.team = {}.team and o.person = auth.uid()));\n",
                other.full_name, table.name
            ),
            4 => format!(
                "{enable}{open}create policy p1 on {name} as restrictive for select using (is_active);\n"
            ),
            5 => enable,
            _ => format!("create policy p0 on {name} for select using (false);\n"),
        }
    }

    /// Roles as a policy names them.
    pub fn some_roles(&self, dice: &mut Dice) -> String {
        if dice.percent(40) { "public".to_owned() } else { dice.some(&self.roles).join(", ") }
    }

    /// A condition on a row of `table`.
    pub fn condition(&self, dice: &mut Dice, table: &Table, depth: usize) -> String {
        if depth > 0 && dice.percent(55) {
            let one = self.condition(dice, table, depth - 1);
            let other = self.condition(dice, table, depth - 1);
            return match dice.below(7) {
                0..=2 => format!("({one} or {other})"),
                3 | 4 => format!("({one} and {other})"),
                5 => format!("not ({one})"),
                _ if dice.percent(50) => {
                    format!("case when {one} then {other} else {} end", dice.percent(50))
                }
                _ => format!("coalesce({one}, {other})"),
            };
        }
        match dice.below(10) {
            0..=3 => column_condition(dice, table),
            4..=6 => self.side_condition(dice, table),
            7 | 8 => {
                let function = dice.pick(&self.functions).clone();
                function.call(dice, table).unwrap_or_else(|| column_condition(dice, table))
            }
            _ => claim_condition(dice),
        }
    }

    fn side_condition(&self, dice: &mut Dice, table: &Table) -> String {
        let side = &dice.pick(&self.sides).full_name;
        let second = &dice.pick(&self.sides).full_name;
        let row = &table.name;
        let active = dice.word(&["", "", " and s.is_active", " and s.level >= 1"]);
        let mine = dice.word(&["s.person = auth.uid()", "s.person = (select auth.uid())"]);
        if !table.has("team") {
            return match dice.below(3) {
                0 => format!("exists (select from {side} s where {mine}{active})"),
                1 => format!(
                    "{row}.owner in (select s.person from {side} s join {side} me using (team) where me.person = auth.uid())"
                ),
                _ => "exists (select from public.flags where name = 'one' and is_on)".to_owned(),
            };
        }
        match dice.below(9) {
            0 | 1 => format!(
                "exists (select from {side} s where s.team = {row}.team and {mine}{active})"
            ),
            2 => format!("{row}.team in (select s.team from {side} s where {mine}{active})"),
            3 => format!("{row}.team not in (select s.team from {side} s where {mine}{active})"),
            4 => format!(
                "not exists (select from {side} s where s.team = {row}.team and {mine}{active})"
            ),
            5 => format!(
                "{row}.team = any (array(select s.team from {side} s where {mine}{active}))"
            ),
            6 => {
                format!("(select s.level from {side} s where s.team = {row}.team and {mine}) >= 1")
            }
            7 => format!("(select count(*) from {side} s where s.team = {row}.team{active}) > 1"),
            _ => format!(
                "exists (select from {side} s join {second} o on o.team = s.team and o.person = {row}.owner where s.team = {row}.team and {mine}{active})"
            ),
        }
    }
}

/// On the row's own columns and who asks.
fn column_condition(dice: &mut Dice, table: &Table) -> String {
    let row = &table.name;
    let column =
        if table.has("big") && dice.percent(20) { "big" } else { *dice.pick(&table.columns) };
    let somebody = subject(dice.between(1, SUBJECTS));
    match column {
        "owner" => dice
            .word(&[
                "owner = auth.uid()",
                "owner = (select auth.uid())",
                "owner is not distinct from auth.uid()",
                "owner <> auth.uid()",
                "owner = nullif(current_setting('request.jwt.claims', true)::jsonb ->> 'sub', '')::uuid",
                "owner is null",
            ])
            .to_owned(),
        "team" => dice
            .word(&[
                "team = any (array(select jsonb_array_elements_text(auth.jwt() -> 'teams')::int))",
                "team in (1, 2)",
                "auth.jwt() -> 'teams' @> to_jsonb(team)",
                "coalesce(team, 1) % 2 = 0",
            ])
            .to_owned(),
        "is_open" => dice
            .word(&["is_open", "not is_open", "coalesce(is_open, false)", "is_open is not false"])
            .to_owned(),
        "level" => dice
            .word(&["level <= 1", "level <= (auth.jwt() ->> 'level')::int", "level between 1 and 2", "6 / level > 2"])
            .to_owned(),
        "label" => dice
            .word(&["label = auth.jwt() ->> 'label'", "label like 'a%'", "label in ('a', 'b')", "label::int > 0"])
            .to_owned(),
        "data" => match dice.below(3) {
            0 => "data ->> 'owner' = auth.uid()::text".to_owned(),
            1 => "(data -> 'open')::boolean".to_owned(),
            _ => format!("data @> jsonb_build_object('owner', '{somebody}', 'level', auth.jwt() -> 'level')"),
        },
        "readers" => dice
            .word(&["auth.uid() = any (readers)", "readers @> array[auth.uid()]", "cardinality(readers) > 0"])
            .to_owned(),
        "teams" if table.has("team") => format!("{row}.team = any ({row}.teams)"),
        "teams" => {
            "teams && array(select jsonb_array_elements_text(auth.jwt() -> 'teams')::int)".to_owned()
        }
        "big" => dice.word(&[
                "big like 'x%'",
                "big is not null",
                "length(big) > 100 and owner = auth.uid()",
            ]).to_owned(),
        other => format!("{row}.{other} is not null"),
    }
}

/// On who asks alone, or on nothing.
fn claim_condition(dice: &mut Dice) -> String {
    dice.word(&[
        "true",
        "true",
        "false",
        "auth.role() = 'authenticated'",
        "(auth.jwt() ->> 'vip')::boolean",
        "auth.uid() is not null",
        "(select auth.jwt() ->> 'label') = 'a'",
        "current_user = 'authenticated'",
        "current_setting('request.jwt.claims', true)::jsonb ->> 'label' = 'b'",
        "now() > '2020-01-01'",
        "random() >= 0",
        "clock_timestamp() is not null",
    ])
    .to_owned()
}
