//! The sockets of a world: each a person who is subscribed, and what they heard.

use serde_json::{Value, json};

use super::people::Listener;
use super::scene::Scene;
use crate::support::Dice;
use crate::support::{Server, Socket};

/// One subscribed socket.
pub struct Ear {
    socket: Socket,
    /// Number of the person.
    pub person: usize,
    /// The tables it asked for; `None` = all.
    tables: Option<Vec<String>>,
    /// What the server said beside events since the last fence.
    pub told: Vec<String>,
}

impl Ear {
    /// Opens a socket and subscribes as a person, from `after` on when given.
    pub async fn open(
        dice: &mut Dice,
        server: &Server,
        people: &[Listener],
        person: usize,
        tables: Option<Vec<String>>,
        after: Option<&str>,
    ) -> Self {
        let who = server.bearer(&people[person].claims);
        let mut socket = server.socket().await;
        let mut bindings = match &tables {
            None => vec![json!({"event": "*", "schema": "*", "table": "*"})],
            Some(tables) => {
                let binding = |name: &String| {
                    let (schema, table) = name.split_once('.').expect("full names");
                    json!({"event": "*", "schema": schema, "table": table})
                };
                let mut bindings: Vec<Value> = tables.iter().map(binding).collect();
                bindings.push(json!({"event": "INSERT", "schema": "public", "table": "fence"}));
                bindings
            }
        };
        // Bindings that overlap make one event.
        if dice.percent(20) {
            bindings.push(json!({"event": "INSERT", "schema": "public", "table": "fence"}));
        }
        if let Some(after) = after {
            for binding in &mut bindings {
                binding["after"] = after.into();
            }
        }
        socket.subscribe("world", &who, bindings.into()).await;
        Self { socket, person, tables, told: Vec::new() }
    }

    /// Shows the token of somebody else: from now on it hears as them. One that asked for tables
    /// by name could be refused now, and stays who it is.
    pub async fn become_person(&mut self, server: &Server, people: &[Listener], person: usize) {
        // The same token again changes nothing, and nothing is said.
        let is_same = people[person].claims == people[self.person].claims;
        if self.tables.is_some() || is_same {
            return;
        }
        let who = server.bearer(&people[person].claims);
        self.socket
            .push("realtime:world", "access_token", json!({"access_token": who.token}))
            .await;
        while self.socket.event("system").await["status"] != "ok" {}
        self.person = person;
    }

    /// Whether it asked for this table.
    pub fn wants(&self, table: &str) -> bool {
        let name = |full: &String| full.split_once('.').is_some_and(|(_, name)| name == table);
        self.tables.as_ref().is_none_or(|tables| tables.iter().any(name))
    }

    /// `data` of all events before the fence, and the fence's place.
    pub async fn hear_until(&mut self, fence: u32) -> (Vec<Value>, String) {
        let mut heard = Vec::new();
        self.told.clear();
        loop {
            let frame = self.socket.next().await;
            if frame[3] != "postgres_changes" {
                self.told.push(frame[4].to_string());
                continue;
            }
            let data = frame[4]["data"].clone();
            if data["table"] != "fence" {
                heard.push(data);
            } else if data["record"]["number"] == fence {
                let place = data["lsn"].as_str().expect("a place").to_owned();
                return (heard, place);
            }
        }
    }
}

/// Everybody once, some twice.
pub async fn gather(dice: &mut Dice, server: &Server, scene: &Scene) -> Vec<Ear> {
    let mut ears = Vec::new();
    for person in 0..scene.people.len() {
        ears.push(Ear::open(dice, server, &scene.people, person, None, None).await);
        if dice.percent(20) {
            let published = scene.tables().filter(|table| table.is_published);
            let names: Vec<String> = published.map(|table| table.full_name.clone()).collect();
            // Without a published root its name cannot be subscribed to.
            let has_partitions = scene.tables().any(|table| !table.partitions().is_empty());
            let tables = if has_partitions { None } else { Some(dice.some(&names)) };
            ears.push(Ear::open(dice, server, &scene.people, person, tables, None).await);
        }
    }
    ears
}
